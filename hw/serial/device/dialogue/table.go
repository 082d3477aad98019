package dialogue

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/internal/sheet"
	"github.com/kobench/kobench/hw/serial"
)

// Table is a device's description, checked. It is not changed afterwards; [Table.New] makes a
// device of it.
type Table struct {
	mode  serial.Mode // rate 0: the terminal's
	frame framing
	check *checksum
	vars  map[string]value
	state string
	seed  uint64
	rules []rule
	other *action // else
	begin *action // start
	timer []timer
	visa  *visaDevice
}

// framing is how a message ends.
type framing struct {
	end, out string
	length   int
	gap      time.Duration
}

func (f framing) none() bool { return f.end == "" && f.length == 0 && f.gap == 0 }

type rule struct {
	pattern // of frames
	lines   serial.Signals
	edge    bool // on or off of lines
	brk     bool
	states  []string
	cond    *expr
	action
}

type timer struct {
	every, after time.Duration
	states       []string
	cond         *expr
	action
}

// action is what a rule does.
type action struct {
	sets  []set
	says  []say
	delay time.Duration
	next  string
	mask  serial.Signals
	value serial.Signals
	brk   time.Duration
	mode  serial.Mode
}

type set struct {
	name string
	e    *expr
}

type say struct {
	*template
	bare bool
}

// actionKeys are the keys of what rules and timers do.
func actionKeys() []string { return []string{"set", "say", "delay", "go", "lines", "break", "mode"} }

// Parse reads a table, or one device of a pyvisa-sim file: the one with this name, or whose
// resource has it; "" is the only one.
//
// Errors: [sheet.Error], with file, line, what was found and what was possible.
func Parse(file, device string, text []byte) (*Table, error) {
	root, s, err := sheet.Parse(file, text)
	if err != nil {
		return nil, err
	}
	return parse(root, s, device)
}

// ParseNode reads a table that stands in another file, as goccy's ast.Node.
//
// Errors: as Parse.
func ParseNode(file string, node any) (*Table, error) {
	root, s, err := sheet.Of(file, node)
	if err != nil {
		return nil, err
	}
	return parse(root, s, "")
}

func parse(root sheet.Node, s *sheet.Sheet, device string) (*Table, error) {
	for _, p := range root.Pairs() {
		if p.Key == "spec" {
			v := parseVisa(root, device)
			if s.Err() != nil {
				return nil, s.Err()
			}
			return &Table{visa: v, frame: framing{end: v.queryEnd, out: v.replyEnd}}, nil
		}
	}
	if device != "" {
		root.Errorf("a table is one device; only a pyvisa-sim file has several, and there is no %q", device)
	}
	r := &reader{t: &Table{vars: map[string]value{}}, states: map[string]bool{}}
	r.table(root)
	return r.t, s.Err()
}

// reader reads a table.
type reader struct {
	t      *Table
	states map[string]bool // that something goes to, or that is the first
	inUse  []sheet.Node    // states that rules name
	locals map[string]bool // variables of the rule's pattern
}

func (r *reader) known(name string) bool {
	_, ok := r.t.vars[name]
	return ok || r.locals[name]
}

func (r *reader) table(root sheet.Node) {
	t := r.t
	f := root.Fields("a table", "about", "mode", "vars", "frame", "check", "state", "seed", "rules", "else", "start", "timers")
	if n := f["mode"]; n.There() {
		t.mode = mode(n)
	}
	for _, p := range f["vars"].Pairs() {
		if !nameRE.MatchString(p.Key) {
			p.At.Errorf("variable %q: want a name of letters, digits and _", p.Key)
		}
		t.vars[p.Key] = constant(p.Value)
	}
	t.frame = r.framing(f["frame"])
	if n := f["check"]; n.There() {
		var names []string
		for _, c := range checksums() {
			names = append(names, c.name)
			if c.name == n.Text() {
				t.check = &c
			}
		}
		if t.check == nil {
			n.Errorf("check %q: want %s", n.Text(), strings.Join(names, ", "))
		} else if t.frame.none() {
			n.Errorf("check: what is checked is a frame; say how one ends, frame: {end: …}, {length: …} or {gap: …}")
		}
	}
	if n := f["state"]; n.There() {
		t.state = n.Text()
		r.states[t.state] = true
	}
	if n := f["seed"]; n.There() {
		t.seed = uint64(n.Int(0, 1<<62))
	}
	for _, n := range f["rules"].List() {
		t.rules = append(t.rules, r.rule(n))
	}
	for _, n := range f["timers"].List() {
		t.timer = append(t.timer, r.timer(n))
	}
	t.other = r.short(f["else"], "frame")
	t.begin = r.short(f["start"])
	for _, n := range r.inUse {
		for _, s := range n.Texts() {
			if !r.states[s] {
				n.Errorf("state %q: nothing goes there; there are %s", s, strings.Join(slices.Sorted(maps.Keys(r.states)), ", "))
			}
		}
	}
	if len(t.rules)+len(t.timer) == 0 && t.begin == nil {
		root.Errorf("a table needs rules or timers")
	}
}

// short is an action, or a text to say.
func (r *reader) short(n sheet.Node, locals ...string) *action {
	if !n.There() {
		return nil
	}
	r.locals = map[string]bool{}
	for _, l := range locals {
		r.locals[l] = true
	}
	if !n.IsMap() {
		return &action{says: r.says(n)}
	}
	a := r.action(n.Fields("an action", actionKeys()...))
	return &a
}

func mode(n sheet.Node) serial.Mode {
	m, err := serial.ParseMode(n.Text())
	if err != nil {
		n.Errorf("%v", err)
	}
	return m
}

func constant(n sheet.Node) value {
	if n.IsList() {
		l := []value{}
		for _, e := range n.List() {
			l = append(l, constant(e))
		}
		return l
	}
	s := n.Text()
	if f, err := num(s); err == nil {
		return f
	}
	return s
}

func (r *reader) framing(n sheet.Node) framing {
	f := n.Fields("a frame", "end", "out", "length", "gap")
	v := framing{end: f["end"].Text(), out: f["end"].Text()}
	if f["out"].There() {
		v.out = f["out"].Text()
	}
	if f["length"].There() {
		v.length = f["length"].Int(1, maxFrame)
	}
	if f["gap"].There() {
		v.gap = f["gap"].Duration()
	}
	switch {
	case v.end != "" && v.length > 0:
		n.Errorf("a frame ends by its end or by its length, not by both")
	case n.There() && v.none():
		n.Errorf("a frame needs end, length or gap")
	}
	return v
}

func (r *reader) rule(n sheet.Node) rule {
	f := n.Fields("a rule", append([]string{"when", "in", "if"}, actionKeys()...)...)
	n.Required("a rule", f, "when")
	v := rule{}
	r.when(&v, f["when"])
	r.locals = map[string]bool{}
	for _, name := range v.names() {
		r.locals[name] = true
	}
	v.states, v.cond = r.where(f)
	v.action = r.action(f)
	return v
}

func (r *reader) when(v *rule, n sheet.Node) {
	if n.IsText() {
		v.lit = []byte(n.Text())
		if len(v.lit) == 0 && r.t.frame.none() {
			n.Errorf("when: an empty text is always there")
		}
		return
	}
	f := n.Fields("when", "text", "hex", "regex", "any", "on", "off", "break")
	if len(f) != 1 {
		n.Errorf("when: want one of text, hex, regex, any, on, off, break")
		return
	}
	var err error
	switch {
	case f["text"].There():
		v.lit = []byte(f["text"].Text())
	case f["hex"].There():
		var p *pattern
		if p, err = parseHex(f["hex"].Text()); err == nil {
			v.pattern = *p
		}
	case f["regex"].There():
		v.re, err = regexp.Compile(`^(?:` + f["regex"].Text() + `)$`)
	case f["any"].There():
		v.any = f["any"].Bool()
	case f["break"].There():
		v.brk = f["break"].Bool()
	default:
		v.edge = f["on"].There()
		which := f["on"]
		if !v.edge {
			which = f["off"]
		}
		v.lines = lines(which.Text())
		if v.lines&serial.DTEOutputs == 0 {
			which.Errorf("%q: want DTR or RTS, which the terminal drives", which.Text())
		}
	}
	if err != nil {
		n.Errorf("when: %v", err)
	}
	if r.t.frame.none() && (v.re != nil || v.fields != nil || v.any) {
		n.Errorf("when: without a frame nobody knows where a message ends: say frame: {end: …}, {length: …} or {gap: …}")
	}
	if r.t.frame.none() && v.lit != nil && len(v.lit) == 0 {
		n.Errorf("when: an empty text is always there")
	}
}

func lines(name string) serial.Signals {
	for i := range 6 {
		if s := serial.Signals(1) << i; s.String() == name {
			return s
		}
	}
	return 0
}

// where reads in and if.
func (r *reader) where(f sheet.Fields) (states []string, cond *expr) {
	if n := f["in"]; n.There() {
		states = n.Texts()
		r.inUse = append(r.inUse, n)
	}
	if n := f["if"]; n.There() {
		cond = r.expr(n)
	}
	return states, cond
}

func (r *reader) expr(n sheet.Node) *expr {
	e, err := parseExpr(n.Text(), r.known)
	if err != nil {
		n.Errorf("%v", err)
	}
	return e
}

func (r *reader) timer(n sheet.Node) timer {
	f := n.Fields("a timer", append([]string{"every", "after", "in", "if"}, actionKeys()...)...)
	r.locals = nil
	v := timer{}
	switch {
	case f["every"].There() == f["after"].There():
		n.Errorf("a timer needs every or after, a time such as 1s")
	case f["every"].There():
		if v.every = f["every"].Duration(); v.every < time.Millisecond {
			f["every"].Errorf("every %v: want at least 1ms", v.every)
		}
	default:
		v.after = f["after"].Duration()
	}
	v.states, v.cond = r.where(f)
	v.action = r.action(f)
	return v
}

func (r *reader) action(f sheet.Fields) action {
	v := action{}
	for _, p := range f["set"].Pairs() {
		if _, ok := r.t.vars[p.Key]; !ok {
			p.At.Errorf("set: there is no variable %q; vars: {…} has %s", p.Key, strings.Join(slices.Sorted(maps.Keys(r.t.vars)), ", "))
		}
		v.sets = append(v.sets, set{p.Key, r.expr(p.Value)})
	}
	v.says = r.says(f["say"])
	if n := f["delay"]; n.There() {
		v.delay = n.Duration()
	}
	if n := f["go"]; n.There() {
		v.next = n.Text()
		r.states[v.next] = true
	}
	for _, p := range f["lines"].Pairs() {
		s := lines(p.Key)
		if s&serial.DCEOutputs == 0 {
			p.At.Errorf("lines: %q: want CTS, DSR, DCD or RI, which a device drives", p.Key)
		}
		v.mask |= s
		if p.Value.Bool() {
			v.value |= s
		}
	}
	if n := f["break"]; n.There() {
		v.brk = n.Duration()
	}
	if n := f["mode"]; n.There() {
		v.mode = mode(n)
	}
	return v
}

// says reads one or several things to say.
func (r *reader) says(n sheet.Node) []say {
	var list []say
	for _, e := range n.List() {
		v, hex := say{}, false
		what := e
		if e.IsMap() {
			f := e.Fields("say", "text", "hex", "bare")
			if f["text"].There() == f["hex"].There() {
				e.Errorf("say: want text or hex")
			}
			if what, hex = f["text"], f["hex"].There(); hex {
				what = f["hex"]
			}
			v.bare = f["bare"].There() && f["bare"].Bool()
		}
		t, err := parseTemplate(what.Text(), hex, r.known)
		if err != nil {
			what.Errorf("say: %v", err)
			return nil
		}
		v.template = t
		list = append(list, v)
	}
	return list
}
