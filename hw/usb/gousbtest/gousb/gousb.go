// Package gousb has the names of github.com/google/gousb v1.1.3 for the devices of package
// gousbtest: a program that imports it in gousb's place builds without cgo and libusb and meets
// emulated devices. How to put it there: see package gousbtest.
//
// References:
//
//	[gousb] https://pkg.go.dev/github.com/google/gousb@v1.1.3
package gousb

import "github.com/kobench/kobench/hw/usb/gousbtest"

// The types of gousb.
type (
	Class             = gousbtest.Class
	Protocol          = gousbtest.Protocol
	DescriptorType    = gousbtest.DescriptorType
	EndpointDirection = gousbtest.EndpointDirection
	TransferType      = gousbtest.TransferType
	IsoSyncType       = gousbtest.IsoSyncType
	UsageType         = gousbtest.UsageType
	Speed             = gousbtest.Speed
	Milliamperes      = gousbtest.Milliamperes
	BCD               = gousbtest.BCD
	ID                = gousbtest.ID
	Error             = gousbtest.Error
	TransferStatus    = gousbtest.TransferStatus
	DeviceDesc        = gousbtest.DeviceDesc
	ConfigDesc        = gousbtest.ConfigDesc
	InterfaceDesc     = gousbtest.InterfaceDesc
	InterfaceSetting  = gousbtest.InterfaceSetting
	EndpointAddress   = gousbtest.EndpointAddress
	EndpointDesc      = gousbtest.EndpointDesc
	Context           = gousbtest.Context
	Device            = gousbtest.Device
	Config            = gousbtest.Config
	Interface         = gousbtest.Interface
	InEndpoint        = gousbtest.InEndpoint
	OutEndpoint       = gousbtest.OutEndpoint
	ReadStream        = gousbtest.ReadStream
	WriteStream       = gousbtest.WriteStream
)

// The constants of gousb.
const (
	ClassPerInterface              = gousbtest.ClassPerInterface
	ClassAudio                     = gousbtest.ClassAudio
	ClassComm                      = gousbtest.ClassComm
	ClassHID                       = gousbtest.ClassHID
	ClassPhysical                  = gousbtest.ClassPhysical
	ClassImage                     = gousbtest.ClassImage
	ClassPTP                       = gousbtest.ClassPTP
	ClassPrinter                   = gousbtest.ClassPrinter
	ClassMassStorage               = gousbtest.ClassMassStorage
	ClassHub                       = gousbtest.ClassHub
	ClassData                      = gousbtest.ClassData
	ClassSmartCard                 = gousbtest.ClassSmartCard
	ClassContentSecurity           = gousbtest.ClassContentSecurity
	ClassVideo                     = gousbtest.ClassVideo
	ClassPersonalHealthcare        = gousbtest.ClassPersonalHealthcare
	ClassAudioVideo                = gousbtest.ClassAudioVideo
	ClassBillboard                 = gousbtest.ClassBillboard
	ClassUSBTypeCBridge            = gousbtest.ClassUSBTypeCBridge
	ClassDiagnosticDevice          = gousbtest.ClassDiagnosticDevice
	ClassWireless                  = gousbtest.ClassWireless
	ClassMiscellaneous             = gousbtest.ClassMiscellaneous
	ClassApplication               = gousbtest.ClassApplication
	ClassVendorSpec                = gousbtest.ClassVendorSpec
	DescriptorTypeDevice           = gousbtest.DescriptorTypeDevice
	DescriptorTypeConfig           = gousbtest.DescriptorTypeConfig
	DescriptorTypeString           = gousbtest.DescriptorTypeString
	DescriptorTypeInterface        = gousbtest.DescriptorTypeInterface
	DescriptorTypeEndpoint         = gousbtest.DescriptorTypeEndpoint
	DescriptorTypeHID              = gousbtest.DescriptorTypeHID
	DescriptorTypeReport           = gousbtest.DescriptorTypeReport
	DescriptorTypePhysical         = gousbtest.DescriptorTypePhysical
	DescriptorTypeHub              = gousbtest.DescriptorTypeHub
	EndpointDirectionIn            = gousbtest.EndpointDirectionIn
	EndpointDirectionOut           = gousbtest.EndpointDirectionOut
	TransferTypeControl            = gousbtest.TransferTypeControl
	TransferTypeIsochronous        = gousbtest.TransferTypeIsochronous
	TransferTypeBulk               = gousbtest.TransferTypeBulk
	TransferTypeInterrupt          = gousbtest.TransferTypeInterrupt
	IsoSyncTypeNone                = gousbtest.IsoSyncTypeNone
	IsoSyncTypeAsync               = gousbtest.IsoSyncTypeAsync
	IsoSyncTypeAdaptive            = gousbtest.IsoSyncTypeAdaptive
	IsoSyncTypeSync                = gousbtest.IsoSyncTypeSync
	UsageTypeUndefined             = gousbtest.UsageTypeUndefined
	IsoUsageTypeData               = gousbtest.IsoUsageTypeData
	IsoUsageTypeFeedback           = gousbtest.IsoUsageTypeFeedback
	IsoUsageTypeImplicit           = gousbtest.IsoUsageTypeImplicit
	InterruptUsageTypePeriodic     = gousbtest.InterruptUsageTypePeriodic
	InterruptUsageTypeNotification = gousbtest.InterruptUsageTypeNotification
	ControlIn                      = gousbtest.ControlIn
	ControlOut                     = gousbtest.ControlOut
	ControlClass                   = gousbtest.ControlClass
	ControlVendor                  = gousbtest.ControlVendor
	ControlDevice                  = gousbtest.ControlDevice
	ControlInterface               = gousbtest.ControlInterface
	ControlEndpoint                = gousbtest.ControlEndpoint
	ControlOther                   = gousbtest.ControlOther
	SpeedUnknown                   = gousbtest.SpeedUnknown
	SpeedLow                       = gousbtest.SpeedLow
	SpeedFull                      = gousbtest.SpeedFull
	SpeedHigh                      = gousbtest.SpeedHigh
	SpeedSuper                     = gousbtest.SpeedSuper
	Success                        = gousbtest.Success
	ErrorIO                        = gousbtest.ErrorIO
	ErrorInvalidParam              = gousbtest.ErrorInvalidParam
	ErrorAccess                    = gousbtest.ErrorAccess
	ErrorNoDevice                  = gousbtest.ErrorNoDevice
	ErrorNotFound                  = gousbtest.ErrorNotFound
	ErrorBusy                      = gousbtest.ErrorBusy
	ErrorTimeout                   = gousbtest.ErrorTimeout
	ErrorOverflow                  = gousbtest.ErrorOverflow
	ErrorPipe                      = gousbtest.ErrorPipe
	ErrorInterrupted               = gousbtest.ErrorInterrupted
	ErrorNoMem                     = gousbtest.ErrorNoMem
	ErrorNotSupported              = gousbtest.ErrorNotSupported
	ErrorOther                     = gousbtest.ErrorOther
	TransferCompleted              = gousbtest.TransferCompleted
	TransferError                  = gousbtest.TransferError
	TransferTimedOut               = gousbtest.TransferTimedOut
	TransferCancelled              = gousbtest.TransferCancelled
	TransferStall                  = gousbtest.TransferStall
	TransferNoDevice               = gousbtest.TransferNoDevice
	TransferOverflow               = gousbtest.TransferOverflow
)

// NewContext makes a Context of the machine that the test has installed; see [gousbtest.Install].
func NewContext() *Context { return gousbtest.NewContext() }

// Version is the BCD of major.minor.
func Version(major, minor uint8) BCD { return gousbtest.Version(major, minor) }
