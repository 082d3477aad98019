package usb

import "encoding/binary"

// CDC functional descriptors [CDC] 5.2.3, each a whole descriptor for an interface's Extra.

// CDCHeader is the header functional descriptor.
func CDCHeader(version BCD) []byte {
	return []byte{5, DescCSInterface, 0x00, uint8(version), uint8(version >> 8)}
}

// CDCCallManagement says which interface takes call management.
func CDCCallManagement(capabilities, dataInterface uint8) []byte {
	return []byte{5, DescCSInterface, 0x01, capabilities, dataInterface}
}

// CDCACM says which requests an abstract control model knows: 0x02 line coding, line state and
// serial state; 0x04 break.
func CDCACM(capabilities uint8) []byte { return []byte{4, DescCSInterface, 0x02, capabilities} }

// CDCUnion says which interface controls which others.
func CDCUnion(control uint8, data ...uint8) []byte {
	return append([]byte{uint8(4 + len(data)), DescCSInterface, 0x06, control}, data...)
}

// CDC is what the functional descriptors of a communications interface say.
type CDC struct {
	Version      BCD
	Call         uint8
	CallData     uint8
	ACM          uint8
	Control      uint8
	Data         []uint8
	HasUnion     bool
	HasACM       bool
	HasCallMgmt  bool
	EthernetMACS uint8 // string index
}

// ParseCDC reads an interface's class descriptors.
//
// Errors: EINVAL for one that is too short.
func ParseCDC(extra []byte) (CDC, error) {
	var c CDC
	var err error
	each(extra, func(typ uint8, d []byte) {
		if typ != DescCSInterface || len(d) < 3 {
			return
		}
		need := map[uint8]int{0x00: 5, 0x01: 5, 0x02: 4, 0x06: 5, 0x0f: 13}[d[2]]
		if len(d) < need {
			err = malformed("CDC functional descriptor", "subtype %#02x has %d bytes; at least %d are needed", d[2], len(d), need)
			return
		}
		switch d[2] {
		case 0x00:
			c.Version = BCD(binary.LittleEndian.Uint16(d[3:]))
		case 0x01:
			c.Call, c.CallData, c.HasCallMgmt = d[3], d[4], true
		case 0x02:
			c.ACM, c.HasACM = d[3], true
		case 0x06:
			c.Control, c.Data, c.HasUnion = d[3], d[4:], true
		case 0x0f:
			c.EthernetMACS = d[3]
		}
	})
	return c, err
}

// HIDDescriptor is the class descriptor of a HID interface [HID] 6.2.1 with one report descriptor.
func HIDDescriptor(version BCD, country uint8, reportLength uint16) []byte {
	return []byte{9, DescHID, uint8(version), uint8(version >> 8), country, 1, DescReport, uint8(reportLength), uint8(reportLength >> 8)}
}

// HID is what a HID class descriptor says.
type HID struct {
	Version      BCD
	Country      uint8
	ReportLength uint16
}

// ParseHID finds and reads the HID descriptor among an interface's class descriptors.
//
// Errors: EINVAL if there is none or it is too short.
func ParseHID(extra []byte) (HID, error) {
	var h HID
	err := malformed("HID descriptor", "there is none of 9 bytes with a report descriptor")
	each(extra, func(typ uint8, d []byte) {
		if typ == DescHID && len(d) >= 9 && d[6] == DescReport {
			le := binary.LittleEndian
			h, err = HID{BCD(le.Uint16(d[2:])), d[4], le.Uint16(d[7:])}, nil
		}
	})
	return h, err
}

// USB2Extension is the BOS capability that bcdUSB 2.01 and later need [USB3.2] 9.6.2.1. attributes
// 2 is link power management.
func USB2Extension(attributes uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{7, DescCapability, 2}, attributes)
}

// SuperSpeedCapability is the capability of a SuperSpeed device [USB3.2] 9.6.2.2: it also runs at
// full and high speed.
func SuperSpeedCapability() []byte {
	return []byte{10, DescCapability, 3, 0, 0x0e, 0, 1, 10, 0xff, 0x07}
}
