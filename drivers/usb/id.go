package usb

import (
	"fmt"
	"strings"

	hw "github.com/kobench/kobench/hw/usb"
)

// Match says which fields of an ID count (USB_DEVICE_ID_MATCH_*).
type Match uint16

// The fields.
const (
	MatchVendor Match = 1 << iota
	MatchProduct
	MatchDevLo
	MatchDevHi
	MatchDevClass
	MatchDevSubClass
	MatchDevProtocol
	MatchClass
	MatchSubClass
	MatchProtocol
	MatchNumber

	MatchDevice    = MatchVendor | MatchProduct
	MatchInterface = MatchClass | MatchSubClass | MatchProtocol
)

// ID is a row of a driver's id table (struct usb_device_id).
type ID struct {
	Match                              Match
	Vendor, Product                    uint16
	Lo, Hi                             hw.BCD // bcdDevice
	DevClass, DevSubClass, DevProtocol uint8
	Class, SubClass, Protocol, Number  uint8 // the interface's
	Info                               any   // the driver's own (driver_info)
}

// DeviceID matches every interface of one product (USB_DEVICE).
func DeviceID(vendor, product uint16) ID {
	return ID{Match: MatchDevice, Vendor: vendor, Product: product}
}

// InterfaceID matches interfaces of one kind on any device (USB_INTERFACE_INFO).
func InterfaceID(class, subclass, protocol uint8) ID {
	return ID{Match: MatchInterface, Class: class, SubClass: subclass, Protocol: protocol}
}

// matches is usb_match_device and usb_match_one_id_intf.
func (id *ID) matches(d *hw.DeviceDescriptor, i *hw.Interface) bool {
	m := id.Match
	switch {
	case m == 0,
		m&MatchVendor != 0 && id.Vendor != d.Vendor,
		m&MatchProduct != 0 && id.Product != d.Product,
		m&MatchDevLo != 0 && id.Lo > d.Release,
		m&MatchDevHi != 0 && id.Hi < d.Release,
		m&MatchDevClass != 0 && id.DevClass != d.Class,
		m&MatchDevSubClass != 0 && id.DevSubClass != d.SubClass,
		m&MatchDevProtocol != 0 && id.DevProtocol != d.Protocol:
		return false
	// A vendor's own class means nothing without the vendor.
	case d.Class == hw.ClassVendor && m&MatchVendor == 0 && m&(MatchInterface|MatchNumber) != 0,
		m&MatchClass != 0 && id.Class != i.Class,
		m&MatchSubClass != 0 && id.SubClass != i.SubClass,
		m&MatchProtocol != 0 && id.Protocol != i.Protocol,
		m&MatchNumber != 0 && id.Number != i.Number:
		return false
	}
	return true
}

// Aliases are the patterns for modules.alias ([alias]); a range of versions is written as *, and
// Probe's match looks at it.
func (d *Driver) Aliases() []string {
	var list []string
	for _, id := range d.IDs {
		var b strings.Builder
		b.WriteString("usb:")
		field := func(on Match, name string, digits int, v uint16) {
			b.WriteString(name)
			if id.Match&on != 0 {
				fmt.Fprintf(&b, "%0*X", digits, v)
			} else {
				b.WriteByte('*')
			}
		}
		field(MatchVendor, "v", 4, id.Vendor)
		field(MatchProduct, "p", 4, id.Product)
		b.WriteString("d*")
		field(MatchDevClass, "dc", 2, uint16(id.DevClass))
		field(MatchDevSubClass, "dsc", 2, uint16(id.DevSubClass))
		field(MatchDevProtocol, "dp", 2, uint16(id.DevProtocol))
		field(MatchClass, "ic", 2, uint16(id.Class))
		field(MatchSubClass, "isc", 2, uint16(id.SubClass))
		field(MatchProtocol, "ip", 2, uint16(id.Protocol))
		field(MatchNumber, "in", 2, uint16(id.Number))
		if id.Match&MatchNumber == 0 { // depmod's pattern ends with one star
			list = append(list, b.String())
			continue
		}
		list = append(list, b.String()+"*")
	}
	return list
}

// modalias names an interface for modprobe ([core] usb_interface's modalias).
func modalias(d *hw.DeviceDescriptor, i *hw.Interface) string {
	return fmt.Sprintf("usb:v%04Xp%04Xd%04Xdc%02Xdsc%02Xdp%02Xic%02Xisc%02Xip%02Xin%02X", d.Vendor, d.Product, uint16(d.Release),
		d.Class, d.SubClass, d.Protocol, i.Class, i.SubClass, i.Protocol, i.Number)
}
