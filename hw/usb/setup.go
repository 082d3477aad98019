package usb

import (
	"encoding/binary"
	"fmt"
)

// Setup is the eight bytes that begin a control transfer [USB2] 9.3.
type Setup struct {
	RequestType uint8
	Request     uint8
	Value       uint16
	Index       uint16
	Length      uint16 // of the data stage
}

// Fields of bmRequestType [USB2] table 9-2.
const (
	DirIn  = 0x80 // device to host; also bit 7 of an endpoint address
	DirOut = 0x00

	TypeStandard = 0x00
	TypeClass    = 0x20
	TypeVendor   = 0x40
	TypeMask     = 0x60

	ToDevice      = 0x00
	ToInterface   = 0x01
	ToEndpoint    = 0x02
	ToOther       = 0x03
	RecipientMask = 0x1f
)

// Standard requests [USB2] table 9-4, [USB3.2] table 9-5.
const (
	GetStatus        = 0
	ClearFeature     = 1
	SetFeature       = 3
	SetAddress       = 5
	GetDescriptor    = 6
	SetDescriptor    = 7
	GetConfiguration = 8
	SetConfiguration = 9
	GetInterface     = 10
	SetInterface     = 11
	SynchFrame       = 12
	SetSel           = 48
	SetIsochDelay    = 49
)

// Features [USB2] table 9-6, [USB3.2] table 9-7.
const (
	EndpointHalt     = 0 // endpoint
	FunctionSuspend  = 0 // interface
	DeviceRemoteWake = 1
	TestMode         = 2
	U1Enable         = 48
	U2Enable         = 49
	LTMEnable        = 50
)

// setupSize is the length of a setup packet.
const setupSize = 8

// ParseSetup reads a setup packet.
//
// Errors: EINVAL if b is shorter than 8 bytes.
func ParseSetup(b []byte) (Setup, error) {
	if len(b) < setupSize {
		return Setup{}, fail("setup packet", "", EINVAL, "%d bytes; it has 8", len(b))
	}
	return Setup{b[0], b[1], binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])}, nil
}

// Append writes the packet.
func (s Setup) Append(b []byte) []byte {
	b = append(b, s.RequestType, s.Request)
	b = binary.LittleEndian.AppendUint16(b, s.Value)
	b = binary.LittleEndian.AppendUint16(b, s.Index)
	return binary.LittleEndian.AppendUint16(b, s.Length)
}

// In reports whether the data stage goes to the host.
func (s Setup) In() bool { return s.RequestType&DirIn != 0 }

// Is reports whether the packet is this request of this type and recipient; the direction counts.
func (s Setup) Is(requestType, request uint8) bool {
	return s.RequestType == requestType && s.Request == request
}

// String writes the packet as Linux's usbmon does: "40 03 4138 0000 0000".
func (s Setup) String() string {
	return fmt.Sprintf("%02x %02x %04x %04x %04x", s.RequestType, s.Request, s.Value, s.Index, s.Length)
}
