package gousbtest_test

import (
	"github.com/kobench/kobench/hw/usb"
)

// probe is a device with something of everything. Bulk data comes back: interface 0 has 0x02 and
// 0x81, interface 1 shows the same numbers 0x04 and 0x85 for a source of zeros and a sink. Its
// vendor requests:
//
//	c0 1  "vendor"              40 3 VALUE  interrupt endpoint 0x83 tells VALUE
//	c0 2  never answered        40 4        the next read of 0x81 finds the device unplugged
type probe struct {
	link   *usb.Link
	unplug func()
	armed  bool
	buf    []byte
	news   []byte
	count  byte
}

func (p *probe) Descriptors(s usb.Speed) *usb.Descriptors {
	if s != usb.HighSpeed {
		return nil
	}
	bulk := func(a uint8) usb.Endpoint {
		return usb.Endpoint{Address: a, Attributes: uint8(usb.Bulk), MaxPacket: 512}
	}
	loop := []usb.Endpoint{bulk(0x81), bulk(0x02), {Address: 0x83, Attributes: uint8(usb.Interrupt), MaxPacket: 8, Interval: 4}}
	iso := usb.Endpoint{Address: 0x86, Attributes: uint8(usb.Isochronous) | 0x14, MaxPacket: 64, Interval: 4}
	return &usb.Descriptors{
		Device: usb.DeviceDescriptor{
			USB: 0x0200, Class: usb.ClassVendor, SubClass: 2, Protocol: 3, MaxPacket0: 64, Vendor: 0x1209, Product: 0x0042, Release: 0x1234,
			ManufacturerS: 1, ProductS: 2, SerialS: 3,
		},
		Strings: []string{"kobench", "Probe ✓ µ", "S1", "first", "second", "loop"},
		Configs: []usb.Configuration{
			{Value: 1, NameS: 4, Attributes: usb.RemoteWakeup, MaxPower: 50, Interfaces: []usb.Interface{
				{Class: usb.ClassVendor, SubClass: 1, Protocol: 9, NameS: 6, Endpoints: loop},
				{Alternate: 1, Class: usb.ClassVendor, Endpoints: append(loop[:3:3], iso)},
				{Number: 1, Class: usb.ClassVendor, Endpoints: []usb.Endpoint{bulk(0x85), bulk(0x04)}},
			}},
			{Value: 2, NameS: 5, Attributes: usb.SelfPowered, MaxPower: 1, Interfaces: []usb.Interface{{Class: usb.ClassVendor, Endpoints: loop[:2]}}},
		},
	}
}

func (p *probe) Attach(l *usb.Link)      { p.link = l }
func (p *probe) Detach()                 {}
func (p *probe) Configured(uint8)        { p.buf = nil }
func (p *probe) AltSetting(uint8, uint8) { p.buf = nil }

func (p *probe) Control(s usb.Setup, data []byte) (int, error) {
	switch {
	case s.Is(usb.DirIn|usb.TypeVendor, 1):
		return copy(data, "vendor"), nil
	case s.Is(usb.DirIn|usb.TypeVendor, 2):
		return 0, usb.NAK
	case s.Is(usb.TypeVendor, 3):
		p.news = append(p.news, byte(s.Value))
		p.link.Wake(0x83)
		return 0, nil
	case s.Is(usb.TypeVendor, 4):
		p.armed = true
		return 0, nil
	}
	return 0, usb.Stall
}

func (p *probe) Out(ep uint8, b []byte, _ bool) (int, error) {
	if ep == 0x02 {
		p.buf = append(p.buf, b...)
		p.link.Wake(0x81)
	}
	return len(b), nil
}

func (p *probe) In(ep uint8, b []byte) (int, error) {
	from := &p.buf
	switch {
	case ep == 0x85:
		clear(b)
		return len(b), nil
	case ep == 0x83:
		from = &p.news
		b = b[:min(len(b), 1)]
	case p.armed:
		p.armed = false
		go p.unplug()
		return 0, usb.NAK
	}
	if len(*from) == 0 {
		return 0, usb.NAK
	}
	n := copy(b, *from)
	*from = (*from)[n:]
	return n, nil
}

func (p *probe) Packet(_ uint8, b []byte) (int, error) {
	p.count++
	b[0] = p.count
	return 1 + int(p.count&1), nil
}
