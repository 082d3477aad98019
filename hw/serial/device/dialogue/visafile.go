package dialogue

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kobench/kobench/hw/internal/sheet"
)

// visaText is a text as pyvisa-sim takes it: without blanks around it, and with \r and \n that were
// written as two characters.
func visaText(n sheet.Node) string {
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(strings.Trim(n.Text(), " "))
}

// visaReply is nil where nothing is answered.
func visaReply(n sheet.Node) *string {
	if !n.There() {
		return nil
	}
	s := visaText(n)
	return &s
}

// anyFields are the entries of a map whose other keys do not matter here.
func anyFields(n sheet.Node) sheet.Fields {
	f := sheet.Fields{}
	for _, p := range n.Pairs() {
		f[p.Key] = p.Value
	}
	return f
}

// parseVisa reads one device of a pyvisa-sim file, by its name or a resource's.
func parseVisa(root sheet.Node, want string) *visaDevice {
	top := anyFields(root)
	if v := top["spec"].Text(); v != "1.0" && v != "1.1" {
		top["spec"].Errorf("spec %q: want 1.0 or 1.1", v)
	}
	var names []string
	var device, resource sheet.Node
	ids := map[string]sheet.Node{}
	for _, p := range top["resources"].Pairs() {
		f := anyFields(p.Value)
		if p.Key == want {
			resource = p.Value
			want = f["device"].Text()
			if f["filename"].There() {
				f["filename"].Errorf("resource %q is in another file; name that file", p.Key)
			}
		}
	}
	if resource.There() {
		for _, p := range anyFields(resource)["channel_ids"].Pairs() {
			ids[p.Key] = p.Value
		}
	}
	for _, p := range top["devices"].Pairs() {
		names = append(names, p.Key)
		if p.Key == want {
			device = p.Value
		}
	}
	switch {
	case want == "" && len(names) == 1:
		device = top["devices"].Pairs()[0].Value
	case !device.There():
		root.Errorf("device %q: want one of %s, or one of the resources", want, strings.Join(names, ", "))
		return &visaDevice{}
	}
	return readVisa(device, ids)
}

func readVisa(n sheet.Node, ids map[string]sheet.Node) *visaDevice {
	f := anyFields(n)
	d := &visaDevice{queryEnd: "\n", replyEnd: "\n", delimiter: ";", errors: map[string]*string{}}
	if f["delimiter"].There() {
		d.delimiter = f["delimiter"].Text()
	}
	eoms := f["eom"].Pairs()
	for i, p := range eoms { // of a serial port; else whatever comes first
		if p.Key == "ASRL INSTR" || i == 0 && !slices.ContainsFunc(eoms, func(p sheet.Pair) bool { return p.Key == "ASRL INSTR" }) {
			e := anyFields(p.Value)
			d.queryEnd, d.replyEnd = visaText(e["q"]), visaText(e["r"])
			if d.queryEnd == "" {
				p.Value.Errorf("eom: q: what ends a query cannot be nothing")
			}
		}
	}
	if e := f["error"]; e.IsMap() {
		v := anyFields(e)
		r := anyFields(v["response"])
		d.errors["command_error"], d.errors["query_error"] = visaReply(r["command_error"]), visaReply(r["query_error"])
		for _, n := range v["status_register"].List() {
			x := visaRegister{bits: map[string]int{}}
			for _, p := range n.Pairs() {
				if p.Key == "q" {
					x.query = visaText(p.Value)
				} else {
					x.bits[p.Key] = p.Value.Int(0, 1<<31)
				}
			}
			d.registers = append(d.registers, x)
		}
		for _, n := range v["error_queue"].List() {
			x := visaQueue{texts: map[string]string{}}
			for _, p := range n.Pairs() {
				switch p.Key {
				case "q":
					x.query = visaText(p.Value)
				case "default":
					x.empty = visaText(p.Value)
				default:
					x.texts[p.Key] = visaText(p.Value)
				}
			}
			d.queues = append(d.queues, x)
		}
	} else if e.There() {
		d.errors["command_error"], d.errors["query_error"] = visaReply(e), visaReply(e)
	}
	d.visaPart = readVisaPart(f)
	for _, p := range f["channels"].Pairs() {
		c := anyFields(p.Value)
		list := c["ids"]
		if n, ok := ids[p.Key]; ok {
			list = n
		}
		named := !c["can_select"].There() || !strings.EqualFold(c["can_select"].Text(), "false")
		d.channels = append(d.channels, visaChannel{ids: list.Texts(), named: named, visaPart: readVisaPart(c)})
	}
	return d
}

func readVisaPart(f sheet.Fields) visaPart {
	p := visaPart{dialogues: map[string]*string{}, properties: map[string]visaProperty{}, getters: map[string]visaGetter{}}
	for _, n := range f["dialogues"].List() {
		v := anyFields(n)
		n.Required("a dialogue", v, "q")
		p.dialogues[visaText(v["q"])] = visaReply(v["r"])
	}
	for _, n := range f["properties"].Pairs() {
		v := anyFields(n.Value)
		prop := visaProperty{def: v["default"].Text()}
		if s := anyFields(v["specs"]); len(s) > 0 {
			n.Value.Required("specs", s, "type")
			prop.typ = s["type"].One("float", "int", "str")
			prop.min, prop.max, prop.valid = limit(s["min"]), limit(s["max"]), s["valid"].Texts()
			if !prop.fits(prop.def) {
				v["default"].Errorf("default %q is not what the specs allow", prop.def)
			}
		}
		p.properties[n.Key] = prop
		if g := v["getter"]; g.There() {
			x := anyFields(g)
			g.Required("a getter", x, "q", "r")
			p.getters[visaText(x["q"])] = visaGetter{n.Key, visaText(x["r"])}
		}
		if s := v["setter"]; s.There() {
			x := anyFields(s)
			s.Required("a setter", x, "q")
			p.setters = append(p.setters, visaSetter{n.Key, setterRE(x["q"]), visaReply(x["r"]), visaReply(x["e"])})
		}
	}
	return p
}

func limit(n sheet.Node) *float64 {
	if !n.There() {
		return nil
	}
	f := n.Float()
	return &f
}

// setterRE is what a setter's query with {:.2f} and the like takes.
func setterRE(n sheet.Node) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	rest := visaText(n)
	for {
		before, name, format, after, more, err := field(rest)
		if err != nil {
			n.Errorf("%v", err)
			return regexp.MustCompile("$^")
		}
		b.WriteString(regexp.QuoteMeta(before))
		if !more {
			break
		}
		b.WriteString("(")
		if name == "ch_id" {
			b.WriteString("?P<ch_id>")
		}
		switch {
		case strings.HasSuffix(format, "d"):
			b.WriteString(`[-+]?\d+`)
		case format != "" && strings.ContainsAny(format[len(format)-1:], "feEgG"):
			b.WriteString(`[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?`)
		case name == "ch_id":
			b.WriteString(`.+?`)
		default:
			b.WriteString(`.*`)
		}
		b.WriteString(")")
		rest = after
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	if err != nil {
		n.Errorf("%v", err)
		return regexp.MustCompile("$^")
	}
	return re
}
