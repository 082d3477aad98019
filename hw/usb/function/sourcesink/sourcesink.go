// Package sourcesink is Linux's "gadget zero" twice: source and sink, and loop-back. The usbtest
// driver knows both by their id and runs its cases on them.
//
//	[New]       IN endpoints give a pattern without end, OUT endpoints take and check it; setting
//	            1 adds isochronous endpoints
//	[Loopback]  what goes into the OUT endpoint comes out of the IN endpoint
//
// References: Linux Documentation/usb/gadget-testing.rst;
// drivers/usb/gadget/function/f_sourcesink.c, f_loopback.c; drivers/usb/misc/usbtest.c
package sourcesink

import (
	"sync/atomic"

	"github.com/kobench/kobench/hw/usb"
)

const (
	bulkIn, bulkOut = 0x81, 0x02
	isoIn, isoOut   = 0x83, 0x04

	vendorWrite = 0x5b // control OUT: keep the data
	vendorRead  = 0x5c // control IN: give it back
	controlSize = 4096

	loopSize = 64 << 10
)

// Pattern is what the source gives and the sink expects (the module parameter "pattern" of g_zero
// and usbtest).
type Pattern uint8

// The patterns.
const (
	Zeros Pattern = 0
	Mod63 Pattern = 1 // each byte is its place in the packet, modulo 63
	Any   Pattern = 2 // zeros out, anything in
)

// Device is source and sink, or loop-back. It implements [usb.Function].
type Device struct {
	pattern Pattern
	loop    bool
	link    *usb.Link
	packet  int
	kept    []byte
	ring    []byte
	ended   []int // loop-back: lengths at which a short packet ended, oldest first
	bad     atomic.Int64
}

// New makes a source and sink.
func New(p Pattern) *Device { return &Device{pattern: p} }

// Loopback makes a loop-back device.
func Loopback() *Device { return &Device{loop: true} }

// Bad is how many bytes came that were not the pattern.
func (d *Device) Bad() int64 { return d.bad.Load() }

// Descriptors implements [usb.Function]: the ids and settings of gadget zero.
func (d *Device) Descriptors(s usb.Speed) *usb.Descriptors {
	size := map[usb.Speed]uint16{usb.FullSpeed: 64, usb.HighSpeed: 512, usb.SuperSpeed: 1024}[s]
	if size == 0 {
		return nil
	}
	r := &usb.Descriptors{
		Device: usb.DeviceDescriptor{
			USB: 0x0200, Class: usb.ClassVendor, MaxPacket0: 64, Vendor: 0x0525, Product: 0xa4a0, Release: 0x0601,
			ManufacturerS: 1, ProductS: 2, SerialS: 3, NumConfigs: 1,
		},
		Strings: []string{"kobench", "Gadget Zero", "0123456789.0123456789.0123456789", "source and sink data", "loop input to output"},
	}
	ep := func(address uint8, t usb.TransferType, size uint16, interval uint8) usb.Endpoint {
		e := usb.Endpoint{Address: address, Attributes: uint8(t), MaxPacket: size, Interval: interval}
		if s == usb.SuperSpeed {
			e.Companion = &usb.Companion{}
			if t == usb.Isochronous {
				e.Companion.Interval = size
			}
		}
		return e
	}
	bulk := []usb.Endpoint{ep(bulkIn, usb.Bulk, size, 0), ep(bulkOut, usb.Bulk, size, 0)}
	c := usb.Configuration{Value: 3, NameS: 4, Attributes: usb.SelfPowered, MaxPower: 1, Interfaces: []usb.Interface{{Class: usb.ClassVendor, Endpoints: bulk}}}
	if d.loop {
		c.Value, c.NameS = 2, 5
	} else {
		iso := min(size*2, 1023)
		if s != usb.FullSpeed {
			iso = 1024
		}
		c.Interfaces = append(c.Interfaces, usb.Interface{
			Alternate: 1, Class: usb.ClassVendor,
			Endpoints: append(bulk[:2:2], ep(isoIn, usb.Isochronous, iso, 4), ep(isoOut, usb.Isochronous, iso, 4)),
		})
	}
	if s == usb.SuperSpeed {
		r.Device.USB, r.Device.MaxPacket0 = 0x0320, 9
		r.BOS = &usb.BOS{Capabilities: [][]byte{usb.USB2Extension(2), usb.SuperSpeedCapability()}}
	}
	r.Configs = []usb.Configuration{c}
	d.packet = int(size)
	return r
}

// Attach implements [usb.Attacher].
func (d *Device) Attach(l *usb.Link) { d.link = l }

// Detach implements [usb.Attacher].
func (d *Device) Detach() {}

// Configured implements [usb.Configurer].
func (d *Device) Configured(uint8) { d.ring, d.ended = d.ring[:0], d.ended[:0] }

// AltSetting implements [usb.Configurer].
func (d *Device) AltSetting(uint8, uint8) { d.Configured(0) }

// Control implements [usb.Function]: the data of a write comes back with a read.
func (d *Device) Control(s usb.Setup, data []byte) (int, error) {
	switch {
	case s.Is(usb.TypeVendor, vendorWrite) && len(data) <= controlSize && s.Value == 0 && s.Index == 0:
		d.kept = append(d.kept[:0], data...)
		return len(data), nil
	case s.Is(usb.DirIn|usb.TypeVendor, vendorRead) && len(data) <= controlSize && s.Value == 0 && s.Index == 0:
		return copy(data, d.kept), nil
	}
	return 0, usb.Stall
}

// Out implements [usb.Function].
func (d *Device) Out(_ uint8, p []byte, end bool) (int, error) {
	if !d.loop {
		d.check(p)
		return len(p), nil
	}
	n := min(len(p), loopSize-len(d.ring))
	d.ring = append(d.ring, p[:n]...)
	d.link.Wake(bulkIn)
	if n < len(p) {
		return n, usb.NAK
	}
	if end {
		d.ended = append(d.ended, len(d.ring))
	}
	return n, nil
}

// In implements [usb.Function].
func (d *Device) In(_ uint8, p []byte) (int, error) {
	if !d.loop {
		d.fill(p)
		return len(p), nil
	}
	n := len(d.ring)
	short := len(d.ended) > 0
	if short {
		n = d.ended[0]
	}
	if n == 0 && !short {
		return 0, usb.NAK
	}
	if n = min(n, len(p)); !short && n < len(p) {
		n -= n % d.packet // the rest of the packet is still to come
	}
	copy(p, d.ring[:n])
	d.ring = d.ring[:copy(d.ring, d.ring[n:])]
	for i := range d.ended {
		d.ended[i] -= n
	}
	d.link.Wake(bulkOut)
	if short && d.ended[0] == 0 && (n < len(p) || n%d.packet != 0) {
		d.ended = d.ended[:copy(d.ended, d.ended[1:])]
		return n, nil
	}
	if n < len(p) {
		return n, usb.NAK
	}
	return n, nil
}

// Packet implements [usb.Streamer].
func (d *Device) Packet(ep uint8, p []byte) (int, error) {
	if ep&usb.DirIn != 0 {
		d.fill(p)
	} else {
		d.check(p)
	}
	return len(p), nil
}

func (d *Device) fill(p []byte) {
	if d.pattern != Mod63 {
		clear(p)
		return
	}
	for i := range p {
		p[i] = byte(i % d.packet % 63)
	}
}

func (d *Device) check(p []byte) {
	if d.pattern == Any {
		return
	}
	bad := 0
	for i, b := range p {
		want := byte(0)
		if d.pattern == Mod63 {
			want = byte(i % d.packet % 63)
		}
		if b != want {
			bad++
		}
	}
	if bad > 0 {
		d.bad.Add(int64(bad))
	}
}
