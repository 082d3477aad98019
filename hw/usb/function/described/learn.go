package described

import (
	"bytes"
	"fmt"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/pcap"
)

// Learn writes the description of a captured device: its descriptors, and its answers to control
// requests. What came over its other endpoints is not in it; a program can be added, or the capture
// itself replayed. What it writes has been read again.
//
// Errors: as [pcap.NewReplay]; EINVAL for descriptors that are right at no speed.
func Learn(name string, events []pcap.Event, bus, dev int) ([]byte, error) {
	r, err := pcap.NewReplay(events, bus, dev)
	if err != nil {
		return nil, err
	}
	speed := r.Speed()
	d := r.Descriptors(speed)
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	text := func(key string, index uint8) {
		if s := d.String(index); s != "" {
			p("%s: %q", key, s)
		}
	}
	p("about: %q", "learned from "+name)
	word := map[usb.Speed]string{usb.LowSpeed: "low", usb.FullSpeed: "full", usb.HighSpeed: "high", usb.SuperSpeed: "super"}[speed]
	p("speed: %s", word)
	p("usb: \"%s\"\nvendor: %#04x\nproduct: %#04x\nrelease: \"%s\"", d.Device.USB, d.Device.Vendor, d.Device.Product, d.Device.Release)
	p("class: %#02x\nsubclass: %d\nprotocol: %d\npacket0: %d", d.Device.Class, d.Device.SubClass, d.Device.Protocol, d.Device.MaxPacket0)
	text("manufacturer", d.Device.ManufacturerS)
	text("name", d.Device.ProductS)
	text("serial", d.Device.SerialS)
	unit := 2
	if speed == usb.SuperSpeed {
		unit = 8
	}
	p("configurations:")
	for _, c := range d.Configs {
		p("  - value: %d\n    milliamp: %d", c.Value, int(c.MaxPower)*unit)
		p("    self-powered: %t\n    remote-wakeup: %t", c.Attributes&usb.SelfPowered != 0, c.Attributes&usb.RemoteWakeup != 0)
		for i, a := range c.Associations {
			if i == 0 {
				p("    associations:")
			}
			p("      - {first: %d, count: %d, class: %#02x, subclass: %d, protocol: %d}", a.First, a.Count, a.Class, a.SubClass, a.Protocol)
		}
		p("    interfaces:")
		for _, f := range c.Interfaces {
			p("      - {number: %d, alternate: %d, class: %#02x, subclass: %d, protocol: %d, extra: \"% x\", endpoints: [", f.Number, f.Alternate, f.Class, f.SubClass, f.Protocol, f.Extra)
			for _, e := range f.Endpoints {
				p("          {address: %#02x, type: %s, packet: %d, interval: %d, attributes: %d, extra: \"% x\"},", e.Address, e.Type(), e.MaxPacket, e.Interval, e.Attributes&0x3c, e.Extra)
			}
			p("        ]}")
		}
	}
	if d.BOS != nil {
		p("bos:")
		for _, c := range d.BOS.Capabilities {
			p("  - \"% x\"", c)
		}
	}
	answers := r.Answers()
	if len(answers) > 0 {
		p("answers:")
	}
	for _, a := range answers {
		note := ""
		if !a.Same {
			note = fmt.Sprintf("    # varies: the first of %d answers", a.Times)
		}
		data := a.Data
		if !a.Setup.In() {
			data = nil
		}
		p("  - {setup: \"%02x %02x %04x %04x\", data: \"% x\"}%s", a.Setup.RequestType, a.Setup.Request, a.Setup.Value, a.Setup.Index, data, note)
	}
	if _, err := Parse(name, "", b.Bytes()); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	return b.Bytes(), nil
}
