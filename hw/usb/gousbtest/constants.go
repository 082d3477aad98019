package gousbtest

import (
	"fmt"
	"strconv"

	"github.com/kobench/kobench/kernel/uapi"
)

// Class is a class or subclass code.
type Class uint8

// The classes that gousb names.
const (
	ClassPerInterface       Class = uapi.USB_CLASS_PER_INTERFACE
	ClassAudio              Class = uapi.USB_CLASS_AUDIO
	ClassComm               Class = uapi.USB_CLASS_COMM
	ClassHID                Class = uapi.USB_CLASS_HID
	ClassPhysical           Class = uapi.USB_CLASS_PHYSICAL
	ClassImage              Class = uapi.USB_CLASS_STILL_IMAGE
	ClassPTP                      = ClassImage
	ClassPrinter            Class = uapi.USB_CLASS_PRINTER
	ClassMassStorage        Class = uapi.USB_CLASS_MASS_STORAGE
	ClassHub                Class = uapi.USB_CLASS_HUB
	ClassData               Class = uapi.USB_CLASS_CDC_DATA
	ClassSmartCard          Class = uapi.USB_CLASS_CSCID
	ClassContentSecurity    Class = uapi.USB_CLASS_CONTENT_SEC
	ClassVideo              Class = uapi.USB_CLASS_VIDEO
	ClassPersonalHealthcare Class = uapi.USB_CLASS_PERSONAL_HEALTHCARE
	ClassAudioVideo         Class = uapi.USB_CLASS_AUDIO_VIDEO
	ClassBillboard          Class = uapi.USB_CLASS_BILLBOARD
	ClassUSBTypeCBridge     Class = uapi.USB_CLASS_USB_TYPE_C_BRIDGE
	ClassDiagnosticDevice   Class = uapi.USB_CLASS_DIAGNOSTIC
	ClassWireless           Class = uapi.USB_CLASS_WIRELESS_CONTROLLER
	ClassMiscellaneous      Class = uapi.USB_CLASS_MISC
	ClassApplication        Class = uapi.USB_CLASS_APP_SPEC
	ClassVendorSpec         Class = uapi.USB_CLASS_VENDOR_SPEC
)

func (c Class) String() string {
	switch c {
	case ClassPerInterface:
		return "per-interface"
	case ClassAudio:
		return "audio"
	case ClassComm:
		return "communications"
	case ClassHID:
		return "human interface device"
	case ClassPhysical:
		return "physical"
	case ClassImage:
		return "image"
	case ClassPrinter:
		return "printer"
	case ClassMassStorage:
		return "mass storage"
	case ClassHub:
		return "hub"
	case ClassData:
		return "data"
	case ClassSmartCard:
		return "smart card"
	case ClassContentSecurity:
		return "content security"
	case ClassVideo:
		return "video"
	case ClassPersonalHealthcare:
		return "personal healthcare"
	case ClassAudioVideo:
		return "audio/video"
	case ClassBillboard:
		return "billboard"
	case ClassUSBTypeCBridge:
		return "USB type-C bridge"
	case ClassDiagnosticDevice:
		return "diagnostic device"
	case ClassWireless:
		return "wireless"
	case ClassMiscellaneous:
		return "miscellaneous"
	case ClassApplication:
		return "application-specific"
	case ClassVendorSpec:
		return "vendor-specific"
	}
	return strconv.Itoa(int(c))
}

// Protocol is a protocol code within a class and subclass.
type Protocol uint8

func (p Protocol) String() string { return strconv.Itoa(int(p)) }

// DescriptorType is a bDescriptorType.
type DescriptorType uint8

// The descriptor types that gousb names.
const (
	DescriptorTypeDevice    DescriptorType = 0x01
	DescriptorTypeConfig    DescriptorType = 0x02
	DescriptorTypeString    DescriptorType = 0x03
	DescriptorTypeInterface DescriptorType = 0x04
	DescriptorTypeEndpoint  DescriptorType = 0x05
	DescriptorTypeHID       DescriptorType = 0x21
	DescriptorTypeReport    DescriptorType = 0x22
	DescriptorTypePhysical  DescriptorType = 0x23
	DescriptorTypeHub       DescriptorType = 0x29
)

func (t DescriptorType) String() string {
	switch t {
	case DescriptorTypeDevice:
		return "device"
	case DescriptorTypeConfig:
		return "configuration"
	case DescriptorTypeString:
		return "string"
	case DescriptorTypeInterface:
		return "interface"
	case DescriptorTypeEndpoint:
		return "endpoint"
	case DescriptorTypeHID:
		return "HID"
	case DescriptorTypeReport:
		return "HID report"
	case DescriptorTypePhysical:
		return "physical"
	case DescriptorTypeHub:
		return "hub"
	}
	return ""
}

// EndpointDirection is true for IN, to the host.
type EndpointDirection bool

// The directions.
const (
	EndpointDirectionIn  EndpointDirection = true
	EndpointDirectionOut EndpointDirection = false
)

func (d EndpointDirection) String() string {
	if d {
		return "IN"
	}
	return "OUT"
}

// TransferType is what an endpoint takes.
type TransferType uint8

// The transfer types.
const (
	TransferTypeControl     TransferType = 0
	TransferTypeIsochronous TransferType = 1
	TransferTypeBulk        TransferType = 2
	TransferTypeInterrupt   TransferType = 3
)

func (t TransferType) String() string {
	if t > TransferTypeInterrupt {
		return ""
	}
	return [...]string{"control", "isochronous", "bulk", "interrupt"}[t]
}

// IsoSyncType is bits 3..2 of an isochronous endpoint's bmAttributes.
type IsoSyncType uint8

// The synchronization types.
const (
	IsoSyncTypeNone     IsoSyncType = 0 << 2
	IsoSyncTypeAsync    IsoSyncType = 1 << 2
	IsoSyncTypeAdaptive IsoSyncType = 2 << 2
	IsoSyncTypeSync     IsoSyncType = 3 << 2
)

func (t IsoSyncType) String() string {
	if t&^IsoSyncTypeSync != 0 {
		return ""
	}
	return [...]string{"unsynchronized", "asynchronous", "adaptive", "synchronous"}[t>>2]
}

// UsageType is what an isochronous or interrupt endpoint is for. The numbers are gousb's, not the
// descriptor's.
type UsageType uint8

// The usage types.
const (
	UsageTypeUndefined UsageType = iota
	IsoUsageTypeData
	IsoUsageTypeFeedback
	IsoUsageTypeImplicit
	InterruptUsageTypePeriodic
	InterruptUsageTypeNotification
)

func (t UsageType) String() string {
	if t > InterruptUsageTypeNotification {
		return ""
	}
	return [...]string{"undefined usage", "data", "feedback", "implicit data", "periodic", "notification"}[t]
}

// Fields of bmRequestType for [Device.Control].
const (
	ControlIn  = 0x80
	ControlOut = 0x00

	ControlClass  = 0x01 << 5
	ControlVendor = 0x02 << 5

	ControlDevice    = 0x00
	ControlInterface = 0x01
	ControlEndpoint  = 0x02
	ControlOther     = 0x03
)

// Speed is the speed a device runs at, in libusb's numbers.
type Speed int

// The speeds.
const (
	SpeedUnknown Speed = iota
	SpeedLow
	SpeedFull
	SpeedHigh
	SpeedSuper
)

func (s Speed) String() string {
	if s < SpeedUnknown || s > SpeedSuper {
		return ""
	}
	return [...]string{"unknown", "low", "full", "high", "super"}[s]
}

// Milliamperes is a current.
type Milliamperes uint

// BCD is a version: 0x1234 is 12.34.
type BCD uint16

// Version is the BCD of major.minor.
func Version(major, minor uint8) BCD { return BCD(toBCD(major))<<8 | BCD(toBCD(minor)) }

func toBCD(n uint8) uint8 { return n/10<<4 | n%10 }

func fromBCD(b uint8) uint8 { return 10*(b>>4) + b&0x0f }

// Major is what stands before the point.
func (s BCD) Major() uint8 { return fromBCD(uint8(s >> 8)) }

// Minor is what stands behind the point.
func (s BCD) Minor() uint8 { return fromBCD(uint8(s)) }

func (s BCD) String() string { return fmt.Sprintf("%d.%02d", s.Major(), s.Minor()) }

// ID is a vendor's or a product's number.
type ID uint16

func (id ID) String() string { return fmt.Sprintf("%04x", uint16(id)) }
