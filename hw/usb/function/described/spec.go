package described

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kobench/kobench/hw/internal/sheet"
	"github.com/kobench/kobench/hw/program"
	"github.com/kobench/kobench/hw/usb"
)

// Spec is a device's description, checked.
type Spec struct {
	Speed   usb.Speed
	Command *program.Command // nil: none

	desc usb.Descriptors
	// HID report and class descriptors, by interface, type 0x21 or 0x22, and setting
	reports map[[3]uint8][]byte
	answers []answer
}

type answer struct {
	setup usb.Setup
	data  []byte
}

// Parse reads a description. A program runs in dir.
//
// Errors: [sheet.Error] with file, line, what was found and what was possible; EINVAL with the rule
// of the specification that is broken.
func Parse(file, dir string, text []byte) (*Spec, error) {
	root, s, err := sheet.Parse(file, text)
	if err != nil {
		return nil, err
	}
	r := &reader{spec: &Spec{reports: map[[3]uint8][]byte{}}}
	r.device(root, dir)
	if s.Err() != nil {
		return nil, s.Err()
	}
	if err := r.spec.desc.Validate(r.spec.Speed); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r.spec, nil
}

type reader struct{ spec *Spec }

// text is the index of a string, which is added where it is new.
func (r *reader) text(n sheet.Node) uint8 {
	s := n.Text()
	if s == "" {
		return 0
	}
	list := &r.spec.desc.Strings
	i := slices.Index(*list, s)
	if i < 0 {
		i = len(*list)
		*list = append(*list, s)
	}
	if i >= 254 {
		n.Errorf("more than 254 strings")
		return 0
	}
	return uint8(i + 1)
}

func speeds() map[string]usb.Speed {
	return map[string]usb.Speed{"low": usb.LowSpeed, "full": usb.FullSpeed, "high": usb.HighSpeed, "super": usb.SuperSpeed}
}

// classes are the names of class codes.
func classes() map[string]uint8 {
	return map[string]uint8{
		"audio": 0x01, "comm": usb.ClassComm, "hid": usb.ClassHID, "mass-storage": usb.ClassMassStorage, "cdc-data": usb.ClassCDCData,
		"video": 0x0e, "misc": usb.ClassMisc, "application": usb.ClassApplication, "vendor": usb.ClassVendor,
	}
}

// code is a byte, or a class by its name.
func code(n sheet.Node) uint8 {
	if !n.There() {
		return 0
	}
	if c, ok := classes()[n.Text()]; ok {
		return c
	}
	if s := n.Text(); s != "" && (s[0] < '0' || s[0] > '9') {
		n.Errorf("class %q: want a number, or one of %s", s, strings.Join(names(classes()), ", "))
		return 0
	}
	return uint8(n.Int(0, 255))
}

func names[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// number is a value in a range, or what is usual.
func number(n sheet.Node, high, usual int) int {
	if !n.There() {
		return usual
	}
	return n.Int(0, high)
}

// version is 2.00 as 0x0200.
func version(n sheet.Node, usual usb.BCD) usb.BCD {
	if !n.There() {
		return usual
	}
	var major, minor int
	text := n.Text()
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	head, tail, _ := strings.Cut(text, ".")
	if len(tail) == 1 {
		tail += "0"
	}
	if k, err := fmt.Sscanf(head+" "+tail, "%x %x", &major, &minor); k != 2 || err != nil || major > 0xff || minor > 0xff {
		n.Errorf("%q: want a version such as 2.00", n.Text())
	}
	return usb.BCD(major<<8 | minor)
}

func (r *reader) device(root sheet.Node, dir string) {
	f := root.Fields("a USB device", "about", "speed", "usb", "vendor", "product", "release", "class", "subclass", "protocol", "packet0",
		"manufacturer", "name", "serial", "languages", "interfaces", "configurations", "associations", "milliamp", "self-powered", "remote-wakeup",
		"bos", "microsoft", "answers", "program", "options")
	root.Required("a USB device", f, "speed", "vendor", "product")
	s := r.spec
	s.Speed = speeds()[f["speed"].One("low", "full", "high", "super")]
	packet0, usbVersion := 64, usb.BCD(0x0200)
	switch s.Speed {
	case usb.LowSpeed:
		packet0 = 8
	case usb.SuperSpeed:
		packet0, usbVersion = 9, 0x0300
	}
	if (f["bos"].There() || f["microsoft"].There()) && s.Speed != usb.SuperSpeed {
		usbVersion = 0x0201
	}
	s.desc.Device = usb.DeviceDescriptor{
		USB: version(f["usb"], usbVersion), Class: code(f["class"]), SubClass: uint8(number(f["subclass"], 255, 0)), Protocol: uint8(number(f["protocol"], 255, 0)),
		MaxPacket0: uint8(number(f["packet0"], 64, packet0)), Vendor: uint16(number(f["vendor"], 0xffff, 0)), Product: uint16(number(f["product"], 0xffff, 0)),
		Release: version(f["release"], 0x0100), ManufacturerS: r.text(f["manufacturer"]), ProductS: r.text(f["name"]), SerialS: r.text(f["serial"]),
	}
	if f["interfaces"].There() == f["configurations"].There() {
		root.Errorf("a USB device needs interfaces, or configurations with interfaces")
	}
	if f["interfaces"].There() {
		r.configuration(root, sheet.Fields{
			"interfaces": f["interfaces"], "associations": f["associations"], "milliamp": f["milliamp"],
			"self-powered": f["self-powered"], "remote-wakeup": f["remote-wakeup"],
		}, 1)
	}
	for i, n := range f["configurations"].List() {
		r.configuration(n, n.Fields("a configuration", "value", "name", "interfaces", "associations", "milliamp", "self-powered", "remote-wakeup"), i+1)
	}
	r.languages(f["languages"])
	r.bos(f["bos"])
	r.microsoft(f["microsoft"])
	for _, n := range f["answers"].List() {
		s.answers = append(s.answers, parseAnswer(n))
	}
	if n := f["program"]; n.There() {
		s.Command = &program.Command{Argv: n.Texts(), Dir: dir, Restart: program.Never}
		if err := s.Command.Validate(); err != nil {
			n.Errorf("%v", err)
		}
		if o := f["options"]; o.There() {
			s.Command.Options = o.Any()
		}
	} else if f["options"].There() {
		f["options"].Errorf("options are for a program, and there is none")
	}
}

func (r *reader) configuration(n sheet.Node, f sheet.Fields, value int) {
	c := usb.Configuration{Value: uint8(number(f["value"], 255, value)), NameS: r.text(f["name"])}
	unit := 2
	if r.spec.Speed == usb.SuperSpeed {
		unit = 8
	}
	c.MaxPower = uint8(number(f["milliamp"], 255*unit, 100) / unit)
	c.Attributes = usb.BusPowered
	if f["self-powered"].There() && f["self-powered"].Bool() {
		c.Attributes |= usb.SelfPowered
	}
	if f["remote-wakeup"].There() && f["remote-wakeup"].Bool() {
		c.Attributes |= usb.RemoteWakeup
	}
	for _, n := range f["associations"].List() {
		a := n.Fields("an association", "first", "count", "class", "subclass", "protocol", "name")
		n.Required("an association", a, "first", "count")
		c.Associations = append(c.Associations, usb.Association{
			First: uint8(number(a["first"], 255, 0)), Count: uint8(number(a["count"], 255, 0)), Class: code(a["class"]),
			SubClass: uint8(number(a["subclass"], 255, 0)), Protocol: uint8(number(a["protocol"], 255, 0)), NameS: r.text(a["name"]),
		})
	}
	if !f["interfaces"].There() {
		n.Errorf("a configuration needs interfaces")
	}
	next := 0
	for _, n := range f["interfaces"].List() {
		i := r.iface(n, next, &c)
		next = int(i.Number) + 1
		c.Interfaces = append(c.Interfaces, i)
	}
	r.spec.desc.Configs = append(r.spec.desc.Configs, c)
}

func (r *reader) iface(n sheet.Node, next int, c *usb.Configuration) usb.Interface {
	f := n.Fields("an interface", "number", "alternate", "class", "subclass", "protocol", "name", "hid", "extra", "endpoints")
	n.Required("an interface", f, "class")
	i := usb.Interface{
		Number: uint8(number(f["number"], 255, next)), Class: code(f["class"]), SubClass: uint8(number(f["subclass"], 255, 0)),
		Protocol: uint8(number(f["protocol"], 255, 0)), NameS: r.text(f["name"]),
	}
	settings := 0
	for _, o := range c.Interfaces {
		if o.Number == i.Number {
			settings++
		}
	}
	i.Alternate = uint8(number(f["alternate"], 255, settings))
	if h := f["hid"]; h.There() {
		v := h.Fields("hid", "report", "country", "version")
		h.Required("hid", v, "report")
		report := parseReport(v["report"])
		class := usb.HIDDescriptor(version(v["version"], 0x0111), uint8(number(v["country"], 255, 0)), uint16(len(report)))
		i.Extra = class
		r.spec.reports[[3]uint8{i.Number, usb.DescReport, 0}] = report
		r.spec.reports[[3]uint8{i.Number, usb.DescHID, 0}] = class
	}
	if f["extra"].There() {
		i.Extra = append(i.Extra, f["extra"].Hex()...)
	}
	for _, n := range f["endpoints"].List() {
		i.Endpoints = append(i.Endpoints, r.endpoint(n))
	}
	return i
}

func (r *reader) endpoint(n sheet.Node) usb.Endpoint {
	f := n.Fields("an endpoint", "address", "type", "packet", "interval", "attributes", "extra", "burst")
	n.Required("an endpoint", f, "address", "type")
	types := map[string]usb.TransferType{"bulk": usb.Bulk, "interrupt": usb.Interrupt, "isochronous": usb.Isochronous}
	typ := types[f["type"].One(names(types)...)]
	packet, interval := 8, 0
	switch typ {
	case usb.Bulk:
		packet = map[usb.Speed]int{usb.FullSpeed: 64, usb.HighSpeed: 512, usb.SuperSpeed: 1024}[r.spec.Speed]
	case usb.Interrupt:
		interval = 10
	default:
		packet, interval = 192, 1
	}
	e := usb.Endpoint{
		Address: uint8(number(f["address"], 255, 0)), Attributes: uint8(typ) | uint8(number(f["attributes"], 255, 0))&0x3c,
		MaxPacket: uint16(number(f["packet"], 0x1fff, packet)), Interval: uint8(number(f["interval"], 255, interval)),
	}
	if f["extra"].There() {
		e.Extra = f["extra"].Hex()
	}
	if r.spec.Speed == usb.SuperSpeed {
		e.Companion = &usb.Companion{MaxBurst: uint8(number(f["burst"], 15, 0))}
		if typ != usb.Bulk {
			e.Companion.Interval = e.MaxPacket
		}
	}
	return e
}

// languages reads {0x0407: {English: Deutsch}}.
func (r *reader) languages(n sheet.Node) {
	d := &r.spec.desc
	for _, p := range n.Pairs() {
		l := usb.Language{ID: uint16(p.At.Int(0x0401, 0xffff)), Strings: make([]string, len(d.Strings))}
		if l.ID == usb.USEnglish {
			p.At.Errorf("language 0x0409 is the first, that of name, manufacturer and the other texts")
		}
		for _, t := range p.Value.Pairs() {
			i := slices.Index(d.Strings, t.Key)
			if i < 0 {
				t.At.Errorf("language %#04x: the device has no text %q; it has %q", l.ID, t.Key, d.Strings)
				return
			}
			l.Strings[i] = t.Value.Text()
		}
		d.Languages = append(d.Languages, l)
	}
}

func parseAnswer(n sheet.Node) answer {
	f := n.Fields("an answer", "setup", "data")
	n.Required("an answer", f, "setup")
	var a answer
	s := &a.setup
	words := strings.Fields(f["setup"].Text())
	if k, err := fmt.Sscanf(strings.Join(words[:min(len(words), 4)], " "), "%2x %2x %4x %4x", &s.RequestType, &s.Request, &s.Value, &s.Index); k != 4 || err != nil {
		f["setup"].Errorf("%q: want type, request, value and index in hexadecimal, such as \"c0 01 0000 0000\"", f["setup"].Text())
	}
	if f["data"].There() {
		a.data = f["data"].Hex()
	}
	return a
}
