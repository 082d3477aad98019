package dialogue

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
)

// maxFrame bounds a frame, and what is kept of one that does not end.
const maxFrame = 64 << 10

// Device is a table at work. Its methods are called by one goroutine.
type Device struct {
	t     *Table
	vars  map[string]value
	state string
	e     *environment
	buf   []byte
	log   func(string)
	visa  *visaState

	due     []time.Duration // of the timers, on the machine's clock; negative: not running
	entered bool            // the state has just been entered
}

// step is one thing that a device does.
type step struct {
	delay       time.Duration
	say         []byte
	mask, value serial.Signals
	brk         time.Duration
	mode        serial.Mode
}

// New makes a device, with its variables as they begin.
func (t *Table) New() *Device {
	d := &Device{t: t, vars: maps.Clone(t.vars), state: t.state, due: make([]time.Duration, len(t.timer))}
	for i := range d.due {
		d.due[i] = -1
	}
	d.e = &environment{clock: clock.New(), rand: rand.New(rand.NewPCG(t.seed, 0))}
	if t.visa != nil {
		d.visa = t.visa.begin()
	}
	return d
}

// SetLog gives the device somebody to tell what is wrong with its table: an expression without a
// value.
func (d *Device) SetLog(log func(string)) { d.log = log }

// Format is the table's rate and format; ok is false where it is the terminal's.
func (t *Table) Format() (m serial.Mode, ok bool) { return t.mode, t.mode.Baud != 0 }

// scoped looks in a match's variables before the device's.
type scoped struct {
	d      *Device
	locals map[string]value
}

func (s scoped) look(name string) (value, bool) {
	if v, ok := s.locals[name]; ok {
		return v, true
	}
	v, ok := s.d.vars[name]
	return v, ok
}

func (s scoped) env() *environment { return s.d.e }

// holds reports whether a rule or timer holds now.
func (d *Device) holds(states []string, cond *expr, locals map[string]value) bool {
	if len(states) > 0 && !slices.Contains(states, d.state) {
		return false
	}
	if cond == nil {
		return true
	}
	v, err := cond.eval(scoped{d, locals})
	if err != nil {
		d.wrong(err)
		return false
	}
	return isTrue(v)
}

func (d *Device) wrong(err error) {
	if d.log != nil {
		d.log(err.Error())
	}
}

// act does what an action says, and gives the steps that the line sees.
func (d *Device) act(a *action, locals map[string]value) []step {
	s := scoped{d, locals}
	for _, x := range a.sets {
		v, err := x.e.eval(s)
		if err != nil {
			d.wrong(err)
			return nil
		}
		d.vars[x.name] = v
	}
	first := step{delay: a.delay, mask: a.mask, value: a.value, brk: a.brk}
	steps := []step{first}
	for _, x := range a.says {
		b, err := x.fill(s)
		if err != nil {
			d.wrong(err)
			return nil
		}
		if !x.bare {
			b = d.dress(b)
		}
		steps = append(steps, step{say: b})
	}
	if a.mode.Baud != 0 {
		steps = append(steps, step{mode: a.mode})
	}
	if a.next != "" {
		d.state, d.entered = a.next, true
	}
	return steps
}

// dress puts a checksum and an end on a message.
func (d *Device) dress(b []byte) []byte {
	if d.t.check != nil {
		b = d.t.check.add(b)
	}
	return append(b, d.t.frame.out...)
}

// hear takes bytes and gives what the device does about them. idle: a pause has ended the frame.
func (d *Device) hear(p []byte, idle bool) []step {
	d.buf = append(d.buf, p...)
	var steps []step
	f := d.t.frame
	for len(d.buf) > 0 {
		switch {
		case f.none():
			n, s := d.stream()
			steps = append(steps, s...)
			if n == 0 {
				return steps
			}
			d.buf = d.buf[:copy(d.buf, d.buf[n:])]
			continue
		case f.end != "":
			i := bytes.Index(d.buf, []byte(f.end))
			if i < 0 {
				if len(d.buf) > maxFrame {
					d.buf = d.buf[:0]
				}
				return steps
			}
			steps = append(steps, d.framed(d.buf[:i])...)
			d.buf = d.buf[:copy(d.buf, d.buf[i+len(f.end):])]
		case f.length > 0:
			if len(d.buf) < f.length {
				if idle {
					d.buf = d.buf[:0]
				}
				return steps
			}
			steps = append(steps, d.framed(d.buf[:f.length])...)
			d.buf = d.buf[:copy(d.buf, d.buf[f.length:])]
		default:
			if !idle {
				d.buf = d.buf[:min(len(d.buf), maxFrame)]
				return steps
			}
			steps = append(steps, d.framed(d.buf)...)
			d.buf = d.buf[:0]
		}
	}
	return steps
}

// framed answers one frame.
func (d *Device) framed(frame []byte) []step {
	if d.visa != nil {
		return []step{{say: d.visa.message(frame)}}
	}
	if d.t.check != nil {
		body, ok := d.t.check.take(frame)
		if !ok {
			return nil
		}
		frame = body
	}
	for i := range d.t.rules {
		r := &d.t.rules[i]
		if r.lines != 0 || r.brk {
			continue
		}
		locals, ok := r.match(frame)
		if ok && d.holds(r.states, r.cond, locals) {
			return d.act(&r.action, locals)
		}
	}
	if d.t.other != nil {
		return d.act(d.t.other, map[string]value{"frame": string(frame)})
	}
	return nil
}

// stream looks for a rule's text at the front of what has come, and says how much of it is dealt
// with; 0: more must come.
func (d *Device) stream() (int, []step) {
	wait := false
	for i := range d.t.rules {
		r := &d.t.rules[i]
		if r.lit == nil {
			continue
		}
		locals := map[string]value{"frame": string(r.lit)}
		switch {
		case bytes.HasPrefix(d.buf, r.lit):
			if d.holds(r.states, r.cond, locals) {
				return len(r.lit), d.act(&r.action, locals)
			}
		case bytes.HasPrefix(r.lit, d.buf):
			wait = true
		}
	}
	if wait {
		return 0, nil
	}
	if d.t.other != nil {
		return 1, d.act(d.t.other, map[string]value{"frame": string(d.buf[:1])})
	}
	return 1, nil
}

// signal answers a change of the terminal's modem lines, or a break (changed 0).
func (d *Device) signal(changed, now serial.Signals) []step {
	for i := range d.t.rules {
		r := &d.t.rules[i]
		fits := r.brk && changed == 0 || r.lines&changed != 0 && (r.lines&now != 0) == r.edge
		if fits && d.holds(r.states, r.cond, nil) {
			return d.act(&r.action, map[string]value{"frame": ""})
		}
	}
	return nil
}

// timers sets those that begin now, and does those that are over. next is when to look again;
// negative: never.
func (d *Device) timers(now time.Duration, begin bool) (steps []step, next time.Duration) {
	next = -1
	for i := range d.t.timer {
		x := &d.t.timer[i]
		here := len(x.states) == 0 || slices.Contains(x.states, d.state)
		switch {
		case !here:
			d.due[i] = -1
		case begin || len(x.states) > 0 && d.entered:
			d.due[i] = now + max(x.every, x.after)
		}
	}
	d.entered = false
	for i := range d.t.timer {
		x := &d.t.timer[i]
		if d.due[i] < 0 || d.due[i] > now {
			continue
		}
		was := d.due[i]
		d.due[i] = -1
		if x.every > 0 {
			d.due[i] = max(was+x.every, now)
		}
		if d.holds(x.states, x.cond, nil) {
			steps = append(steps, d.act(&x.action, nil)...)
		}
		if d.entered { // its timers begin
			more, _ := d.timers(now, false)
			steps = append(steps, more...)
			break
		}
	}
	for _, t := range d.due {
		if t >= 0 && (next < 0 || t < next) {
			next = t
		}
	}
	return steps, next
}
