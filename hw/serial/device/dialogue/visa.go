package dialogue

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// visaDevice is a device of a pyvisa-sim file. Its types and the order in which it looks for an
// answer are that program's: dialogues, getters, status registers, error queues, setters, then the
// channels ([pyvisa-sim] devices.py, Device._match).
type visaDevice struct {
	queryEnd, replyEnd string
	delimiter          string
	visaPart
	channels  []visaChannel
	errors    map[string]*string // by kind: what is answered; nil: nothing
	registers []visaRegister
	queues    []visaQueue
}

// visaPart is what devices and channels have.
type visaPart struct {
	dialogues  map[string]*string // nil: no answer
	properties map[string]visaProperty
	getters    map[string]visaGetter
	setters    []visaSetter
}

type visaProperty struct {
	def      string
	typ      string // float, int, str, or ""
	min, max *float64
	valid    []string
}

type visaGetter struct{ property, reply string }

type visaSetter struct {
	property   string
	re         *regexp.Regexp
	reply, bad *string
}

type visaChannel struct {
	ids   []string
	named bool // the channel is named in each query
	visaPart
}

type visaRegister struct {
	query string
	bits  map[string]int
}

type visaQueue struct {
	query, empty string
	texts        map[string]string
}

// visaState is such a device at work.
type visaState struct {
	d         *visaDevice
	values    map[string]string // by property; of a channel: channel number, id, property
	registers []int
	queues    [][]string
}

func (d *visaDevice) begin() *visaState {
	s := &visaState{d: d, values: map[string]string{}, registers: make([]int, len(d.registers)), queues: make([][]string, len(d.queues))}
	for name, p := range d.properties {
		s.values[name] = p.def
	}
	return s
}

// message answers what came before an end: one query, or several with the delimiter between them.
func (s *visaState) message(frame []byte) []byte {
	queries := []string{string(frame)}
	if s.d.delimiter != "" {
		queries = strings.Split(string(frame), s.d.delimiter)
	}
	var out []byte
	for _, q := range queries {
		reply, found := s.match(q)
		if !found {
			reply = s.failed("command_error")
		}
		if reply != nil {
			out = append(append(out, *reply...), s.d.replyEnd...)
		}
	}
	return out
}

func (s *visaState) match(q string) (reply *string, found bool) {
	if r, ok := s.d.dialogues[q]; ok {
		return r, true
	}
	if g, ok := s.d.getters[q]; ok {
		r := s.get(&s.d.visaPart, g, s.values[g.property])
		return &r, true
	}
	for i, r := range s.d.registers {
		if r.query == q {
			v := fmt.Sprint(s.registers[i])
			s.registers[i] = 0
			return &v, true
		}
	}
	for i, x := range s.d.queues {
		if x.query == q {
			v := x.empty
			if len(s.queues[i]) > 0 {
				v, s.queues[i] = s.queues[i][0], s.queues[i][1:]
			}
			return &v, true
		}
	}
	if r, ok := s.set(&s.d.visaPart, "", q); ok {
		return r, true
	}
	for i := range s.d.channels {
		if r, ok := s.channel(i, q); ok {
			return r, true
		}
	}
	return nil, false
}

// get formats a property's value.
func (s *visaState) get(p *visaPart, g visaGetter, v string) string {
	var out value = v
	if t := p.properties[g.property].typ; t == "float" || t == "int" {
		if f, err := num(v); err == nil {
			out = f
		}
	}
	var b []byte
	rest := g.reply
	for {
		before, _, format, after, more, err := field(rest)
		if err != nil {
			return g.reply
		}
		b = append(b, before...)
		if !more {
			return string(b)
		}
		if filled, err := appendFormatted(b, out, format); err == nil {
			b = filled
		}
		rest = after
	}
}

// set tries the setters of a part; prefix names the channel whose value it is.
func (s *visaState) set(p *visaPart, prefix, q string) (*string, bool) {
	for i := range p.setters {
		x := &p.setters[i]
		m := x.re.FindStringSubmatch(q)
		if m == nil {
			continue
		}
		v, where := "", prefix
		for k, name := range x.re.SubexpNames()[1:] {
			if name == "ch_id" {
				where = prefix[:strings.Index(prefix, "/")+1] + m[k+1] + "/"
			} else {
				v = m[k+1]
			}
		}
		if p.properties[x.property].fits(v) {
			s.values[where+x.property] = v
			return x.reply, true
		}
		if x.bad != nil {
			return x.bad, true
		}
		if prefix != "" {
			return s.failed("command_error"), true
		}
	}
	return nil, false
}

// fits reports whether a property takes a value.
func (p visaProperty) fits(v string) bool {
	f, err := num(v)
	switch {
	case p.typ == "float" && err != nil, p.typ == "int" && (err != nil || f != float64(int64(f))):
		return false
	case p.typ == "float" || p.typ == "int":
		if p.min != nil && f < *p.min || p.max != nil && f > *p.max {
			return false
		}
		return len(p.valid) == 0 || slices.ContainsFunc(p.valid, func(s string) bool { x, err := num(s); return err == nil && x == f })
	}
	return len(p.valid) == 0 || slices.Contains(p.valid, v)
}

// channel tries one kind of channels, for each of its ids, or for the one that is selected.
func (s *visaState) channel(i int, q string) (*string, bool) {
	c := &s.d.channels[i]
	ids := c.ids
	if !c.named {
		id := s.values["selected_channel"]
		if !slices.Contains(ids, id) {
			return nil, false
		}
		ids = []string{id}
	}
	last := ""
	for _, id := range ids {
		last = id
		ask := func(text string) bool {
			if c.named {
				text = strings.ReplaceAll(text, "{ch_id}", id)
			}
			return text == q
		}
		for text, r := range c.dialogues {
			if ask(text) {
				return r, true
			}
		}
		for text, g := range c.getters {
			if ask(text) {
				v, ok := s.values[fmt.Sprintf("%d/%s/%s", i, id, g.property)]
				if !ok {
					v = c.properties[g.property].def
				}
				r := s.get(&c.visaPart, g, v)
				return &r, true
			}
		}
	}
	return s.set(&c.visaPart, fmt.Sprintf("%d/%s/", i, last), q)
}

const maxVisaErrors = 1000 // that wait in a queue

// failed notes an error and gives the answer to it.
func (s *visaState) failed(kind string) *string {
	for i, r := range s.d.registers {
		s.registers[i] |= r.bits[kind]
	}
	for i, q := range s.d.queues {
		if text, ok := q.texts[kind]; ok && len(s.queues[i]) < maxVisaErrors {
			s.queues[i] = append(s.queues[i], text)
		}
	}
	return s.d.errors[kind]
}
