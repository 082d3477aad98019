package usb_test

import (
	"github.com/kobench/kobench/hw/usb"
)

// echo is what comes out at 0x81 after it went into 0x02. Endpoint 0x83 is an isochronous counter,
// in setting 1 of interface 0.
type echo struct {
	link  *usb.Link
	buf   []byte
	room  int
	short bool
	value uint8
	alt   uint8
	count byte
	fail  error // of the next In
}

func packet(s usb.Speed) uint16 {
	return map[usb.Speed]uint16{usb.FullSpeed: 64, usb.HighSpeed: 512, usb.SuperSpeed: 1024}[s]
}

func (e *echo) Descriptors(s usb.Speed) *usb.Descriptors {
	if packet(s) == 0 {
		return nil
	}
	d := &usb.Descriptors{
		Device:  usb.DeviceDescriptor{USB: 0x0200, Class: usb.ClassVendor, MaxPacket0: 64, Vendor: 0x1209, Product: 1, ManufacturerS: 1, ProductS: 2},
		Strings: []string{"kobench", "Echo ✓"},
	}
	eps := []usb.Endpoint{{Address: 0x81, Attributes: 2, MaxPacket: packet(s)}, {Address: 0x02, Attributes: 2, MaxPacket: packet(s)}}
	iso := []usb.Endpoint{{Address: 0x83, Attributes: 1, MaxPacket: 64, Interval: 1}}
	if s == usb.SuperSpeed {
		d.Device.USB, d.Device.MaxPacket0 = 0x0320, 9
		d.BOS = &usb.BOS{Capabilities: [][]byte{usb.USB2Extension(2), usb.SuperSpeedCapability()}}
		for i := range eps {
			eps[i].Companion = &usb.Companion{}
		}
		iso[0].Companion = &usb.Companion{Interval: 64}
	}
	d.Configs = []usb.Configuration{{Value: 1, Attributes: usb.RemoteWakeup, MaxPower: 50, Interfaces: []usb.Interface{
		{Class: usb.ClassVendor, Endpoints: eps},
		{Alternate: 1, Class: usb.ClassVendor, Endpoints: append(eps[:2:2], iso...)},
	}}}
	return d
}

func (e *echo) Attach(l *usb.Link)    { e.link = l }
func (e *echo) Detach()               {}
func (e *echo) Configured(v uint8)    { e.value = v; e.buf = e.buf[:0] }
func (e *echo) AltSetting(_, a uint8) { e.alt = a }

func (e *echo) Control(s usb.Setup, data []byte) (int, error) {
	switch {
	case s.Is(0xc0, 1):
		return copy(data, "vendor"), nil
	case s.Is(0x40, 2):
		e.room = int(s.Value)
		e.link.Wake(0x02)
		return 0, nil
	}
	return 0, usb.Stall
}

func (e *echo) Out(_ uint8, p []byte, end bool) (int, error) {
	n := len(p)
	if e.room > 0 {
		n = min(n, e.room-len(e.buf))
	}
	e.buf = append(e.buf, p[:n]...)
	e.short = end
	e.link.Wake(0x81)
	if n < len(p) {
		return n, usb.NAK
	}
	return n, nil
}

func (e *echo) In(_ uint8, p []byte) (int, error) {
	if err := e.fail; err != nil {
		e.fail = nil
		return 0, err
	}
	if len(e.buf) == 0 {
		return 0, usb.NAK
	}
	n := copy(p, e.buf)
	e.buf = e.buf[:copy(e.buf, e.buf[n:])]
	e.link.Wake(0x02)
	return n, nil
}

func (e *echo) Packet(_ uint8, p []byte) (int, error) {
	e.count++
	if e.count == 3 {
		return 0, usb.EILSEQ
	}
	p[0] = e.count
	return 1, nil
}

// sink takes and gives everything at once.
type sink struct{ echo }

func (*sink) Out(_ uint8, p []byte, _ bool) (int, error) { return len(p), nil }
func (*sink) In(_ uint8, p []byte) (int, error)          { return len(p), nil }

// copier keeps one buffer, as a function that does something with the data.
type copier struct {
	echo
	mem [64 << 10]byte
}

func (c *copier) Out(_ uint8, p []byte, _ bool) (int, error) { return copy(c.mem[:], p), nil }
func (c *copier) In(_ uint8, p []byte) (int, error)          { return copy(p, c.mem[:]), nil }
