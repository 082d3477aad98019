package usb

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/kobench/kobench/kernel/uapi"
)

// Descriptor types [USB2] table 9-5, [USB3.2] table 9-6.
const (
	DescDevice      = 1
	DescConfig      = 2
	DescString      = 3
	DescInterface   = 4
	DescEndpoint    = 5
	DescQualifier   = 6
	DescOtherSpeed  = 7
	DescOTG         = 9
	DescAssociation = 11 // [IAD]
	DescBOS         = 15
	DescCapability  = 16
	DescHID         = 0x21 // [HID] 7.1
	DescReport      = 0x22
	DescCSInterface = 0x24 // [CDC] table 12
	DescCSEndpoint  = 0x25
	DescHub         = 0x29
	DescPipeUsage   = 0x24
	DescSSHub       = 0x2a
	DescSSCompanion = 0x30
	DescSSPIsoch    = 0x31
)

// Class codes, as usb.org assigns them.
const (
	ClassPerInterface = uapi.USB_CLASS_PER_INTERFACE
	ClassComm         = uapi.USB_CLASS_COMM
	ClassHID          = uapi.USB_CLASS_HID
	ClassMassStorage  = uapi.USB_CLASS_MASS_STORAGE
	ClassHub          = uapi.USB_CLASS_HUB
	ClassCDCData      = uapi.USB_CLASS_CDC_DATA
	ClassMisc         = uapi.USB_CLASS_MISC
	ClassApplication  = uapi.USB_CLASS_APP_SPEC // USBTMC is subclass 3
	ClassVendor       = uapi.USB_CLASS_VENDOR_SPEC
)

// BCD is a version as USB writes it: 0x0210 is 2.10.
type BCD uint16

// String writes "2.10" as lsusb does.
func (b BCD) String() string { return fmt.Sprintf("%x.%02x", uint16(b)>>8, uint16(b)&0xff) }

// DeviceDescriptor is the first thing a host reads [USB2] table 9-8.
type DeviceDescriptor struct {
	USB           BCD // bcdUSB
	Class         uint8
	SubClass      uint8
	Protocol      uint8
	MaxPacket0    uint8 // bytes; an exponent of two at super speed
	Vendor        uint16
	Product       uint16
	Release       BCD   // bcdDevice
	ManufacturerS uint8 // string indexes; 0 is none
	ProductS      uint8
	SerialS       uint8
	NumConfigs    uint8 // 0: filled in from Descriptors.Configs
}

const deviceSize = 18

// Append writes the descriptor.
func (d *DeviceDescriptor) Append(b []byte) []byte {
	b = append(b, deviceSize, DescDevice)
	b = binary.LittleEndian.AppendUint16(b, uint16(d.USB))
	b = append(b, d.Class, d.SubClass, d.Protocol, d.MaxPacket0)
	b = binary.LittleEndian.AppendUint16(b, d.Vendor)
	b = binary.LittleEndian.AppendUint16(b, d.Product)
	b = binary.LittleEndian.AppendUint16(b, uint16(d.Release))
	return append(b, d.ManufacturerS, d.ProductS, d.SerialS, d.NumConfigs)
}

// appendQualifier writes the device_qualifier descriptor that says what the device would be at its
// other speed [USB2] table 9-9.
func (d *DeviceDescriptor) appendQualifier(b []byte) []byte {
	b = append(b, 10, DescQualifier)
	b = binary.LittleEndian.AppendUint16(b, uint16(d.USB))
	return append(b, d.Class, d.SubClass, d.Protocol, d.MaxPacket0, d.NumConfigs, 0)
}

// controlPacket is endpoint 0's packet size in bytes.
func (d *DeviceDescriptor) controlPacket() int {
	if d.USB >= 0x0300 && d.MaxPacket0 < 16 {
		return 1 << d.MaxPacket0
	}
	return max(8, int(d.MaxPacket0))
}

// Attributes of a configuration [USB2] table 9-10. Bit 7 is always set.
const (
	BusPowered   = 0x80
	SelfPowered  = 0x40
	RemoteWakeup = 0x20
)

// Configuration is a configuration with all that belongs to it [USB2] table 9-10.
type Configuration struct {
	Value        uint8
	NameS        uint8
	Attributes   uint8
	MaxPower     uint8 // in 2 mA, at super speed in 8 mA
	Associations []Association
	Interfaces   []Interface // every setting, in the order of the bytes
	Extra        []byte      // descriptors before the first interface that are not associations
}

// Interface is one setting of an interface [USB2] table 9-12.
type Interface struct {
	Number, Alternate         uint8
	Class, SubClass, Protocol uint8
	NameS                     uint8
	Extra                     []byte // class descriptors between it and its first endpoint
	Endpoints                 []Endpoint
}

// Endpoint is an endpoint other than 0 [USB2] table 9-13.
type Endpoint struct {
	Address    uint8
	Attributes uint8 // bits 1..0 are the TransferType
	MaxPacket  uint16
	Interval   uint8
	// class descriptors behind it; for audio also bRefresh and bSynchAddress, at the front, see
	// Long
	Extra     []byte
	Long      bool       // the descriptor has 9 bytes: Extra begins with the last two
	Companion *Companion // at super speed
}

// Companion is a SuperSpeed endpoint companion [USB3.2] table 9-29.
type Companion struct {
	MaxBurst   uint8
	Attributes uint8
	Interval   uint16 // wBytesPerInterval
}

// Association says which interfaces are one function [IAD] table 9-Z.
type Association struct {
	First, Count              uint8
	Class, SubClass, Protocol uint8
	NameS                     uint8
}

// BOS is the binary object store [USB3.2] 9.6.2: device capabilities, each a whole descriptor.
type BOS struct{ Capabilities [][]byte }

// Type is the endpoint's transfer type.
func (e *Endpoint) Type() TransferType { return TransferType(e.Attributes & 3) }

// In reports the direction.
func (e *Endpoint) In() bool { return e.Address&DirIn != 0 }

// PacketSize is wMaxPacketSize without the bits that count transactions.
func (e *Endpoint) PacketSize() int { return int(e.MaxPacket & 0x7ff) }

// period is the time between two packets of an isochronous endpoint [USB2] table 9-13.
func (e *Endpoint) period(s Speed) time.Duration {
	frame := time.Millisecond
	if s >= HighSpeed {
		frame /= 8
	}
	return frame << (min(max(e.Interval, 1), 16) - 1)
}

func epName(ep uint8) string { return fmt.Sprintf("endpoint 0x%02x", ep) }

// Append writes the configuration with everything in it; wTotalLength and the counts follow from
// that.
func (c *Configuration) Append(b []byte) []byte {
	at := len(b)
	numbers := 0
	seen := [256]bool{}
	for i := range c.Interfaces {
		if n := c.Interfaces[i].Number; !seen[n] {
			seen[n] = true
			numbers++
		}
	}
	b = append(b, 9, DescConfig, 0, 0, uint8(numbers), c.Value, c.NameS, c.Attributes|BusPowered, c.MaxPower)
	b = append(b, c.Extra...)
	written := [256]bool{}
	for i := range c.Interfaces {
		f := &c.Interfaces[i]
		for k := range c.Associations {
			if a := &c.Associations[k]; a.First == f.Number && !written[k&0xff] {
				written[k&0xff] = true
				b = append(b, 8, DescAssociation, a.First, a.Count, a.Class, a.SubClass, a.Protocol, a.NameS)
			}
		}
		b = append(b, 9, DescInterface, f.Number, f.Alternate, uint8(len(f.Endpoints)), f.Class, f.SubClass, f.Protocol, f.NameS)
		b = append(b, f.Extra...)
		for k := range f.Endpoints {
			b = f.Endpoints[k].append(b)
		}
	}
	binary.LittleEndian.PutUint16(b[at+2:], uint16(len(b)-at))
	return b
}

func (e *Endpoint) append(b []byte) []byte {
	n := byte(7)
	if e.Long {
		n = 9
	}
	b = append(b, n, DescEndpoint, e.Address, e.Attributes)
	b = binary.LittleEndian.AppendUint16(b, e.MaxPacket)
	b = append(b, e.Interval)
	extra := e.Extra
	if e.Long {
		var two [2]byte
		extra = extra[copy(two[:], extra):]
		b = append(b, two[:]...)
	}
	if c := e.Companion; c != nil {
		b = append(b, 6, DescSSCompanion, c.MaxBurst, c.Attributes)
		b = binary.LittleEndian.AppendUint16(b, c.Interval)
	}
	return append(b, extra...)
}

// Append writes the store.
func (s *BOS) Append(b []byte) []byte {
	at := len(b)
	b = append(b, 5, DescBOS, 0, 0, uint8(len(s.Capabilities)))
	for _, c := range s.Capabilities {
		b = append(b, c...)
	}
	binary.LittleEndian.PutUint16(b[at+2:], uint16(len(b)-at))
	return b
}

// Interface is the setting alt of interface number, or nil.
func (c *Configuration) Interface(number, alt uint8) *Interface {
	if c == nil {
		return nil
	}
	for i := range c.Interfaces {
		if f := &c.Interfaces[i]; f.Number == number && f.Alternate == alt {
			return f
		}
	}
	return nil
}

// Descriptors is all that a device says about itself at one speed.
type Descriptors struct {
	Device  DeviceDescriptor
	Configs []Configuration
	Strings []string // Strings[0] has index 1
	BOS     *BOS     // needed from bcdUSB 2.01 on
	// Languages are the strings in other languages than the first, which is USEnglish.
	Languages []Language
	// OSString is string descriptor 0xee as a whole, Microsoft's OS descriptor 1.0; nil is none.
	OSString []byte
}

// Language is a device's strings in one language [USB2] 9.6.7; one that is missing or empty is as
// in the first.
type Language struct {
	ID      uint16 // 0x0407 is German
	Strings []string
}

// Config is the configuration with this bConfigurationValue, or nil.
func (d *Descriptors) Config(value uint8) *Configuration {
	for i := range d.Configs {
		if d.Configs[i].Value == value {
			return &d.Configs[i]
		}
	}
	return nil
}

func (d *Descriptors) first(c *Configuration) *Configuration {
	if c == nil && len(d.Configs) > 0 {
		return &d.Configs[0]
	}
	return c
}

// String is the string with this index, or "".
func (d *Descriptors) String(index uint8) string {
	if index == 0 || int(index) > len(d.Strings) {
		return ""
	}
	return d.Strings[index-1]
}

// USEnglish is the first language of our devices.
const USEnglish = 0x0409

// osStringIndex is where Windows looks for a device's Microsoft OS descriptor.
const osStringIndex = 0xee

// stringDescriptor is the descriptor of a string in a language, or in the first for one that the
// device does not speak; index 0 lists the languages. nil if there is none [USB2] 9.6.7.
func (d *Descriptors) stringDescriptor(index uint8, lang uint16) []byte {
	switch {
	case index == 0 && len(d.Strings) == 0:
		return nil
	case index == 0:
		b := []byte{uint8(4 + 2*len(d.Languages)), DescString, USEnglish & 0xff, USEnglish >> 8}
		for _, l := range d.Languages {
			b = binary.LittleEndian.AppendUint16(b, l.ID)
		}
		return b
	case index == osStringIndex && d.OSString != nil:
		return d.OSString
	case int(index) > len(d.Strings):
		return nil
	}
	for _, l := range d.Languages {
		if l.ID == lang && int(index) <= len(l.Strings) && l.Strings[index-1] != "" {
			return appendString(nil, l.Strings[index-1])
		}
	}
	return appendString(nil, d.Strings[index-1])
}

// appendString writes a string descriptor; what goes beyond 126 UTF-16 units is cut off.
func appendString(b []byte, s string) []byte {
	u := utf16.Encode([]rune(s))
	u = u[:min(len(u), 126)]
	b = append(b, uint8(2+2*len(u)), DescString)
	for _, c := range u {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}
