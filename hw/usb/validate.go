package usb

import "fmt"

// Validate checks what a host or the specification would refuse in a device of this speed.
//
// Errors: EINVAL with the rule that is broken.
func (d *Descriptors) Validate(s Speed) error {
	if d.Device.NumConfigs == 0 {
		d.Device.NumConfigs = uint8(len(d.Configs))
	}
	bad := func(where, format string, args ...any) error { return fail("validate", where, EINVAL, format, args...) }
	if s < LowSpeed || s > SuperSpeedPlus {
		return bad("device", "speed %d is none", s)
	}
	if len(d.Configs) == 0 || len(d.Configs) > 255 || int(d.Device.NumConfigs) != len(d.Configs) {
		return bad("device", "bNumConfigurations is %d and there are %d configurations; at least one is needed", d.Device.NumConfigs, len(d.Configs))
	}
	if !packet0OK(s, d.Device.MaxPacket0) {
		return bad("device", "bMaxPacketSize0 is %d, which no %s-speed device has [USB2] 5.5.3, [USB3.2] 9.6.1", d.Device.MaxPacket0, s)
	}
	if s >= SuperSpeed && (d.Device.USB < 0x0300 || d.BOS == nil) {
		return bad("device", "a %s-speed device has bcdUSB 3.00 or more and a BOS [USB3.2] 9.6.2", s)
	}
	if d.BOS != nil && len(d.BOS.Capabilities) == 0 {
		return bad("device", "a BOS without a capability [USB3.2] 9.6.2")
	}
	for _, i := range []uint8{d.Device.ManufacturerS, d.Device.ProductS, d.Device.SerialS} {
		if int(i) > len(d.Strings) {
			return bad("device", "string %d is named and there are %d", i, len(d.Strings))
		}
	}
	values := [256]bool{}
	for i := range d.Configs {
		c := &d.Configs[i]
		if c.Value == 0 || values[c.Value] {
			return bad("configuration", "bConfigurationValue %d is 0 or used twice [USB2] 9.4.7", c.Value)
		}
		values[c.Value] = true
		if err := c.Validate(s); err != nil {
			return err
		}
	}
	return nil
}

func packet0OK(s Speed, n uint8) bool {
	switch s {
	case LowSpeed:
		return n == 8
	case FullSpeed:
		return n == 8 || n == 16 || n == 32 || n == 64
	case HighSpeed, WirelessSpeed:
		return n == 64
	}
	return n == 9 // 2 to the 9th
}

// Validate checks one configuration.
//
// Errors: EINVAL with the rule that is broken.
func (c *Configuration) Validate(s Speed) error {
	bad := func(format string, args ...any) error {
		return fail("validate", "configuration", EINVAL, format, args...)
	}
	if n := len(c.Append(nil)); n > 0xffff {
		return bad("it has %d bytes; wTotalLength ends at 65535", n)
	}
	settings := map[[2]uint8]bool{}
	owner := map[uint8]int{} // endpoint address → interface
	for i := range c.Interfaces {
		f := &c.Interfaces[i]
		at := [2]uint8{f.Number, f.Alternate}
		if settings[at] {
			return bad("interface %d setting %d is there twice", f.Number, f.Alternate)
		}
		settings[at] = true
		if f.Alternate != 0 && !settings[[2]uint8{f.Number, 0}] {
			return bad("interface %d has setting %d but no setting 0 before it [USB2] 9.6.5", f.Number, f.Alternate)
		}
		if f.Number != 0 && !settings[[2]uint8{f.Number - 1, 0}] {
			return bad("interface %d comes before interface %d: numbers begin at 0 without gaps [USB2] 9.6.5", f.Number, f.Number-1)
		}
		if err := extra(f.Extra); err != nil {
			return bad("interface %d: %v", f.Number, err)
		}
		seen := map[uint8]bool{}
		for k := range f.Endpoints {
			e := &f.Endpoints[k]
			if o, ok := owner[e.Address]; seen[e.Address] || ok && o != int(f.Number) {
				return bad("%s is used twice", epName(e.Address))
			}
			seen[e.Address], owner[e.Address] = true, int(f.Number)
			if err := e.validate(s); err != nil {
				return err
			}
		}
	}
	for _, a := range c.Associations {
		if a.Count == 0 || !settings[[2]uint8{a.First, 0}] || !settings[[2]uint8{a.First + a.Count - 1, 0}] {
			return bad("the association of interfaces %d to %d names some that are not there [IAD]", a.First, int(a.First)+int(a.Count)-1)
		}
	}
	return nil
}

// most is the largest wMaxPacketSize of a type at a speed [USB2] 5.5.3–5.8.3, [USB3.2] 9.6.6; 0
// where the type is not allowed.
func most(s Speed, t TransferType) int {
	switch {
	case s == LowSpeed:
		return [4]int{8, 0, 0, 8}[t]
	case s == FullSpeed:
		return [4]int{64, 1023, 64, 64}[t]
	case s == HighSpeed:
		return [4]int{64, 1024, 512, 1024}[t]
	}
	return [4]int{512, 1024, 1024, 1024}[t]
}

// extra checks descriptors that stand as they are between the others: they must not be read as
// something else.
func extra(b []byte) error {
	for at := 0; at < len(b); at += int(b[at]) {
		if len(b)-at < 2 || b[at] < 2 || int(b[at]) > len(b)-at {
			return fmt.Errorf("the class descriptor at byte %d of %d has no right length", at, len(b))
		}
		switch b[at+1] {
		case DescDevice, DescConfig, DescString, DescInterface, DescEndpoint, DescAssociation:
			return fmt.Errorf("a descriptor of type %d is among the class descriptors", b[at+1])
		}
	}
	return nil
}

func (e *Endpoint) validate(s Speed) error {
	bad := func(format string, args ...any) error {
		return fail("validate", epName(e.Address), EINVAL, format, args...)
	}
	t, n, limit := e.Type(), e.PacketSize(), most(s, e.Type())
	switch {
	case e.Address&0x0f == 0 || e.Address&0x70 != 0:
		return bad("numbers 1 to 15 are possible [USB2] table 9-13")
	case t == Control:
		return bad("control endpoints other than 0 are not supported here")
	case limit == 0:
		return bad("a %s-speed device has no %s endpoints", s, t)
	case n > limit, n == 0 && t != Isochronous:
		return bad("wMaxPacketSize is %d; a %s endpoint at %s speed has 1 to %d", n, t, s, limit)
	case t == Bulk && s == HighSpeed && n != 512, t == Bulk && s >= SuperSpeed && n != 1024:
		return bad("wMaxPacketSize is %d; a bulk endpoint at %s speed has exactly %d", n, s, limit)
	case t == Bulk && s == FullSpeed && n != 8 && n != 16 && n != 32 && n != 64:
		return bad("wMaxPacketSize is %d; a bulk endpoint at full speed has 8, 16, 32 or 64", n)
	case s >= SuperSpeed && e.Companion == nil:
		return bad("at super speed it needs a companion descriptor [USB3.2] 9.6.7")
	case s == HighSpeed && e.MaxPacket>>11&3 == 3:
		return bad("bits 12 and 11 of wMaxPacketSize are 3, which is reserved [USB2] 9.6.6")
	case e.MaxPacket>>11 != 0 && (s != HighSpeed || t == Bulk):
		return bad("wMaxPacketSize is %#04x; only a periodic endpoint at high speed has several transactions a microframe [USB2] 9.6.6", e.MaxPacket)
	case e.Companion != nil && e.Companion.MaxBurst > 15:
		return bad("bMaxBurst is %d; 0 to 15 are possible [USB3.2] 9.6.7", e.Companion.MaxBurst)
	case s < SuperSpeed && e.Companion != nil:
		return bad("a companion descriptor is for super speed")
	case e.Interval == 0 && (t == Interrupt || t == Isochronous):
		return bad("bInterval is 0 on a %s endpoint", t)
	case e.Interval > 16 && (t == Isochronous || t == Interrupt && s >= HighSpeed):
		return bad("bInterval is %d; 1 to 16 are possible", e.Interval)
	}
	return nil
}
