package usb

import (
	"context"
	"encoding/binary"
	"unicode/utf16"
)

func malformed(what string, format string, args ...any) error {
	return fail("parse", what, EINVAL, format, args...)
}

// ParseDevice reads a device descriptor.
//
// Errors: EINVAL if b is no device descriptor.
func ParseDevice(b []byte) (DeviceDescriptor, error) {
	if len(b) < deviceSize || b[0] < deviceSize || b[1] != DescDevice {
		return DeviceDescriptor{}, malformed("device descriptor", "% x…: it has 18 bytes and type 1", b[:min(len(b), 4)])
	}
	le := binary.LittleEndian
	return DeviceDescriptor{
		USB: BCD(le.Uint16(b[2:])), Class: b[4], SubClass: b[5], Protocol: b[6], MaxPacket0: b[7],
		Vendor: le.Uint16(b[8:]), Product: le.Uint16(b[10:]), Release: BCD(le.Uint16(b[12:])),
		ManufacturerS: b[14], ProductS: b[15], SerialS: b[16], NumConfigs: b[17],
	}, nil
}

// ParseConfiguration reads a configuration descriptor and all that follows it. What it cannot
// understand is left out and named in the error; the rest is returned beside it, since Linux too
// goes on with such devices (drivers/usb/core/config.c).
//
// Errors: EINVAL. The configuration is nil only if b does not begin with one.
func ParseConfiguration(b []byte) (*Configuration, error) {
	const what = "configuration descriptor"
	if len(b) < 9 || b[0] < 9 || b[1] != DescConfig && b[1] != DescOtherSpeed {
		return nil, malformed(what, "% x…: it has 9 bytes and type 2", b[:min(len(b), 4)])
	}
	c := &Configuration{Value: b[5], NameS: b[6], Attributes: b[7], MaxPower: b[8]}
	var first error
	complain := func(format string, args ...any) {
		if first == nil {
			first = malformed(what, format, args...)
		}
	}
	total := int(binary.LittleEndian.Uint16(b[2:]))
	switch {
	case total < int(b[0]):
		complain("wTotalLength is %d, less than the descriptor", total)
	case total > len(b):
		complain("wTotalLength is %d but %d bytes came", total, len(b))
	default:
		b = b[:total]
	}
	p := parser{c: c, complain: complain}
	p.walk(b, int(b[0]))
	seen := [256]bool{}
	n := 0
	for i := range c.Interfaces {
		if k := c.Interfaces[i].Number; !seen[k] {
			seen[k] = true
			n++
		}
	}
	if n != int(b[4]) {
		complain("bNumInterfaces is %d but there are %d", b[4], n)
	}
	return c, first
}

// parser is a walk over the descriptors of a configuration.
type parser struct {
	c        *Configuration
	f        *Interface // current
	e        *Endpoint
	declared int
	complain func(string, ...any)
}

func (p *parser) walk(b []byte, at int) {
	for at < len(b) {
		n := 0
		if at+2 <= len(b) {
			n = int(b[at])
		}
		if n < 2 || n > len(b)-at {
			p.complain("at byte %d a descriptor of length %d; 2 to %d are possible", at, n, len(b)-at)
			break
		}
		p.one(b[at:at+n:at+n], at)
		at += n
	}
	p.closeInterface()
}

func (p *parser) one(d []byte, at int) {
	need := map[uint8]int{DescInterface: 9, DescEndpoint: 7, DescAssociation: 8, DescSSCompanion: 6}[d[1]]
	if len(d) < need {
		p.complain("at byte %d a descriptor of type %d with %d bytes; it has %d", at, d[1], len(d), need)
		return
	}
	switch {
	case d[1] == DescInterface:
		p.closeInterface()
		p.declared = int(d[4])
		p.c.Interfaces = append(p.c.Interfaces, Interface{Number: d[2], Alternate: d[3], Class: d[5], SubClass: d[6], Protocol: d[7], NameS: d[8]})
		p.f, p.e = &p.c.Interfaces[len(p.c.Interfaces)-1], nil
		if len(p.c.Interfaces) > 1024 {
			p.complain("more than 1024 interface settings")
		}
	case d[1] == DescEndpoint && p.f == nil:
		p.complain("at byte %d an endpoint before any interface", at)
	case d[1] == DescEndpoint:
		if len(p.f.Endpoints) == 30 {
			p.complain("interface %d has more than 30 endpoints", p.f.Number)
			return
		}
		e := Endpoint{Address: d[2], Attributes: d[3], MaxPacket: binary.LittleEndian.Uint16(d[4:]), Interval: d[6]}
		if len(d) >= 9 {
			e.Long, e.Extra = true, d[7:9:9]
		}
		p.f.Endpoints = append(p.f.Endpoints, e)
		p.e = &p.f.Endpoints[len(p.f.Endpoints)-1]
	case d[1] == DescAssociation:
		p.c.Associations = append(p.c.Associations, Association{d[2], d[3], d[4], d[5], d[6], d[7]})
	case d[1] == DescSSCompanion && p.e != nil && p.e.Companion == nil:
		p.e.Companion = &Companion{d[2], d[3], binary.LittleEndian.Uint16(d[4:])}
	case d[1] == DescDevice || d[1] == DescConfig:
		p.complain("at byte %d a descriptor of type %d inside a configuration", at, d[1])
	case p.e != nil:
		p.e.Extra = append(p.e.Extra, d...)
	case p.f != nil:
		p.f.Extra = append(p.f.Extra, d...)
	default:
		p.c.Extra = append(p.c.Extra, d...)
	}
}

func (p *parser) closeInterface() {
	if f := p.f; f != nil && len(f.Endpoints) != p.declared {
		p.complain("interface %d.%d says %d endpoints and has %d", f.Number, f.Alternate, p.declared, len(f.Endpoints))
	}
}

// ParseString reads a string descriptor.
//
// Errors: EINVAL.
func ParseString(b []byte) (string, error) {
	if len(b) < 2 || int(b[0]) > len(b) || b[0] < 2 || b[1] != DescString {
		return "", malformed("string descriptor", "% x…: it has its length and type 3 in front", b[:min(len(b), 4)])
	}
	var u []uint16
	for i := 2; i+1 < int(b[0]); i += 2 {
		u = append(u, binary.LittleEndian.Uint16(b[i:]))
	}
	return string(utf16.Decode(u)), nil
}

// ParseBOS reads a binary object store.
//
// Errors: EINVAL.
func ParseBOS(b []byte) (*BOS, error) {
	const what = "binary object store"
	if len(b) < 5 || b[0] < 5 || b[1] != DescBOS {
		return nil, malformed(what, "% x…: it has 5 bytes and type 15", b[:min(len(b), 4)])
	}
	total := int(binary.LittleEndian.Uint16(b[2:]))
	if total < int(b[0]) || total > len(b) {
		return nil, malformed(what, "wTotalLength is %d but %d bytes came", total, len(b))
	}
	s := &BOS{}
	for at := int(b[0]); at < total; {
		n := int(b[at])
		if n < 3 || n > total-at || b[at+1] != DescCapability {
			return nil, malformed(what, "at byte %d a capability of length %d; 3 to %d are possible", at, n, total-at)
		}
		s.Capabilities = append(s.Capabilities, b[at:at+n:at+n])
		at += n
	}
	if len(s.Capabilities) != int(b[4]) {
		return s, malformed(what, "bNumDeviceCaps is %d but there are %d", b[4], len(s.Capabilities))
	}
	return s, nil
}

// each calls f for every descriptor in b, such as an interface's Extra, until one is broken.
func each(b []byte, f func(typ uint8, d []byte)) {
	for len(b) >= 2 && int(b[0]) >= 2 && int(b[0]) <= len(b) {
		f(b[1], b[:b[0]:b[0]])
		b = b[b[0]:]
	}
}

// Descriptor reads one descriptor as usb_get_descriptor and usb_get_string do
// (drivers/usb/core/message.c): n bytes at most, with three tries, but after a time-out none, and
// for a string only after a stall.
//
// Errors: EPIPE if there is none; otherwise as Request.
func Descriptor(ctx context.Context, d Device, typ, index uint8, lang uint16, n int) ([]byte, error) {
	b := make([]byte, n)
	for try := 1; ; try++ {
		got, err := Request(ctx, d, DirIn, GetDescriptor, uint16(typ)<<8|uint16(index), lang, b)
		again := err != nil && ErrnoOf(err) != ETIMEDOUT && ErrnoOf(err) != ENODEV && ErrnoOf(err) != ESHUTDOWN
		if typ == DescString {
			again = ErrnoOf(err) == EPIPE
		}
		if !again || try == 3 || ctx.Err() != nil {
			return b[:got], err
		}
	}
}

// ReadDescriptors reads all that a device says about itself, in the order of Linux's
// usb_new_device. A configuration with faults in it is kept as far as it was understood.
//
// Errors: as Request; EINVAL if what came cannot be used at all.
func ReadDescriptors(ctx context.Context, d Device) (*Descriptors, error) {
	b, err := Descriptor(ctx, d, DescDevice, 0, 0, deviceSize)
	if err != nil {
		return nil, err
	}
	r := &Descriptors{}
	if r.Device, err = ParseDevice(b); err != nil {
		return nil, err
	}
	for i := range min(r.Device.NumConfigs, 8) {
		if b, err = Descriptor(ctx, d, DescConfig, i, 0, 9); err != nil {
			return nil, err
		}
		if len(b) < 9 {
			return nil, malformed("configuration descriptor", "%d bytes came", len(b))
		}
		if b, err = Descriptor(ctx, d, DescConfig, i, 0, int(max(9, binary.LittleEndian.Uint16(b[2:])))); err != nil {
			return nil, err
		}
		c, err := ParseConfiguration(b)
		if c == nil {
			return nil, err
		}
		r.Configs = append(r.Configs, *c)
	}
	if r.Device.USB >= 0x0201 {
		if b, err = Descriptor(ctx, d, DescBOS, 0, 0, 5); err == nil && len(b) == 5 {
			if b, err = Descriptor(ctx, d, DescBOS, 0, 0, int(binary.LittleEndian.Uint16(b[2:]))); err == nil {
				r.BOS, _ = ParseBOS(b)
			}
		}
	}
	r.readStrings(ctx, d)
	return r, nil
}

// readStrings reads the strings that the descriptors name, in the device's first language. One that
// fails stays empty.
func (d *Descriptors) readStrings(ctx context.Context, dev Device) {
	lang := uint16(USEnglish)
	if b, err := Descriptor(ctx, dev, DescString, 0, 0, 255); err == nil && len(b) >= 4 {
		lang = binary.LittleEndian.Uint16(b[2:])
	}
	want := []uint8{d.Device.ManufacturerS, d.Device.ProductS, d.Device.SerialS}
	for i := range d.Configs {
		c := &d.Configs[i]
		want = append(want, c.NameS)
		for k := range c.Interfaces {
			want = append(want, c.Interfaces[k].NameS)
		}
		for _, a := range c.Associations {
			want = append(want, a.NameS)
		}
	}
	got := map[uint8]bool{0: true}
	for _, i := range want {
		if got[i] {
			continue
		}
		got[i] = true
		b, err := Descriptor(ctx, dev, DescString, i, lang, 255)
		if err != nil {
			continue
		}
		for len(d.Strings) < int(i) {
			d.Strings = append(d.Strings, "")
		}
		d.Strings[i-1], _ = ParseString(b)
	}
}
