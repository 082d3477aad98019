package described

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf16"

	"github.com/kobench/kobench/hw/internal/sheet"
	"github.com/kobench/kobench/hw/usb"
)

// bos reads device capabilities; a super-speed device has those that it must have without being
// told.
func (r *reader) bos(n sheet.Node) {
	var caps [][]byte
	for _, c := range n.List() {
		b := c.Hex()
		if len(b) < 3 || int(b[0]) != len(b) || b[1] != usb.DescCapability {
			c.Errorf("% x: want a whole capability descriptor: its length, 10, its type, …", b)
			return
		}
		caps = append(caps, b)
	}
	if r.spec.Speed == usb.SuperSpeed && caps == nil {
		caps = [][]byte{usb.USB2Extension(2), usb.SuperSpeedCapability()}
	}
	if caps != nil {
		r.spec.desc.BOS = &usb.BOS{Capabilities: caps}
	}
}

// platformMSOS2 is the UUID of Microsoft's platform capability [MSOS2] table 1,
// d8dd60df-4589-4cc7-9cd2-659d9e648a9f.
const platformMSOS2 = "df60ddd88945c74c9cd2659d9e648a9f"

// windows81 is the Windows version from which OS 2.0 descriptors are read [MSOS2] table 2.
const windows81 = 0x06030000

// microsoft makes the OS descriptors that let Windows choose a driver, and the answers to its
// requests.
func (r *reader) microsoft(n sheet.Node) {
	if !n.There() {
		return
	}
	f := n.Fields("microsoft", "compatible", "guid", "request", "version")
	n.Required("microsoft", f, "compatible")
	id := f["compatible"].Text()
	if len(id) > 8 || strings.ToUpper(id) != id {
		f["compatible"].Errorf("%q: want a compatible ID of up to 8 capitals, such as WINUSB", id)
	}
	code := byte(number(f["request"], 255, 0x20))
	guid := f["guid"].Text()
	answers := &r.spec.answers
	if f["version"].There() && f["version"].Int(1, 2) == 1 {
		s := append([]byte{18, usb.DescString}, utf16le("MSFT100")...)
		r.spec.desc.OSString = append(s, code, 0)
		*answers = append(*answers, answer{usb.Setup{RequestType: usb.DirIn | usb.TypeVendor, Request: code, Index: 4}, compatID1(id)})
		if guid != "" {
			props := properties1(guid)
			*answers = append(*answers, answer{usb.Setup{RequestType: usb.DirIn | usb.TypeVendor | usb.ToInterface, Request: code, Index: 5}, props})
		}
		return
	}
	set := osSet2(id, guid)
	uuid, _ := hex.DecodeString(platformMSOS2)
	c := append([]byte{28, usb.DescCapability, 5, 0}, uuid...)
	c = binary.LittleEndian.AppendUint32(c, windows81)
	c = binary.LittleEndian.AppendUint16(c, uint16(len(set)))
	c = append(c, code, 0)
	d := &r.spec.desc
	if d.BOS == nil {
		d.BOS = &usb.BOS{}
	}
	d.BOS.Capabilities = append(d.BOS.Capabilities, c)
	*answers = append(*answers, answer{usb.Setup{RequestType: usb.DirIn | usb.TypeVendor, Request: code, Index: 7}, set})
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func padded(s string, n int) []byte { return append([]byte(s), make([]byte, n)...)[:n] }

// compatID1 is an extended compat ID descriptor with one function, the first interface's [MSOS1].
func compatID1(id string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 40)
	b = append(b, 0, 1, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, 0, 1)
	b = append(b, padded(id, 8)...)
	return append(b, make([]byte, 14)...)
}

// properties1 is an extended properties descriptor with the device's interface GUID [MSOS1].
func properties1(guid string) []byte {
	name, value := utf16le("DeviceInterfaceGUID\x00"), utf16le(guid+"\x00")
	p := binary.LittleEndian.AppendUint32(nil, uint32(14+len(name)+len(value)))
	p = binary.LittleEndian.AppendUint32(p, 1) // REG_SZ
	p = binary.LittleEndian.AppendUint16(p, uint16(len(name)))
	p = append(p, name...)
	p = binary.LittleEndian.AppendUint32(p, uint32(len(value)))
	p = append(p, value...)
	b := binary.LittleEndian.AppendUint32(nil, uint32(10+len(p)))
	b = append(b, 0, 1, 5, 0, 1, 0)
	return append(b, p...)
}

// osSet2 is a descriptor set for the whole device [MSOS2] tables 10, 13 and 14.
func osSet2(id, guid string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, 10)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, windows81)
	b = append(b, 0, 0)
	b = append(b, 20, 0, 3, 0)
	b = append(b, padded(id, 8)...)
	b = append(b, make([]byte, 8)...)
	if guid != "" {
		name, value := utf16le("DeviceInterfaceGUIDs\x00"), utf16le(guid+"\x00\x00")
		b = le.AppendUint16(b, uint16(10+len(name)+len(value)))
		b = append(b, 4, 0, 7, 0) // REG_MULTI_SZ
		b = le.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
		b = le.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
	}
	le.PutUint16(b[8:], uint16(len(b)))
	return b
}
