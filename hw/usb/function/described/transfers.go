package described

import (
	"github.com/kobench/kobench/hw/program"
	"github.com/kobench/kobench/hw/usb"
)

// Class requests of HID that need no program [HID] 7.2.
const (
	getIdle     = 2
	getProtocol = 3
	setIdle     = 10
	setProtocol = 11
)

// Control implements [usb.Function]: from the description, or by the program.
func (f *Function) Control(s usb.Setup, data []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := f.known(s, data); ok {
		return n, nil
	}
	if f.spec.Command == nil {
		return 0, usb.Stall
	}
	if c := f.ctl; c != nil && c.setup == s {
		if !c.answered {
			return 0, usb.NAK
		}
		f.ctl = nil
		if c.stalled {
			return 0, usb.Stall
		}
		if s.In() {
			return copy(data, c.data), nil
		}
		return len(data), nil
	}
	f.ctl = &pending{setup: s}
	e := program.Event{Name: "control", Setup: &program.Setup{Type: s.RequestType, Request: s.Request, Value: s.Value, Index: s.Index, Length: s.Length}}
	if !s.In() {
		e.Data = append([]byte(nil), data...)
	}
	if len(f.events) >= maxEvents {
		return 0, usb.Stall
	}
	f.add(e, f.ctl)
	return 0, usb.NAK
}

// known answers what the description has.
func (f *Function) known(s usb.Setup, data []byte) (int, bool) {
	const classIn, classOut = usb.DirIn | usb.TypeClass | usb.ToInterface, usb.TypeClass | usb.ToInterface
	for _, a := range f.spec.answers {
		if a.setup.RequestType == s.RequestType && a.setup.Request == s.Request && a.setup.Value == s.Value && a.setup.Index == s.Index {
			if s.In() {
				return copy(data, a.data), true
			}
			return len(data), true
		}
	}
	iface := uint8(s.Index)
	if s.Is(usb.DirIn|usb.ToInterface, usb.GetDescriptor) {
		b, ok := f.spec.reports[[3]uint8{iface, uint8(s.Value >> 8), 0}]
		return copy(data, b), ok
	}
	if f.spec.reports[[3]uint8{iface, usb.DescReport, 0}] == nil {
		return 0, false
	}
	switch {
	case s.Is(classIn, getIdle):
		return copy(data, []byte{f.idle}), true
	case s.Is(classIn, getProtocol):
		return copy(data, []byte{f.proto}), true
	case s.Is(classOut, setIdle):
		f.idle = byte(s.Value >> 8)
		return 0, true
	case s.Is(classOut, setProtocol):
		f.proto = byte(s.Value)
		return 0, true
	}
	return 0, false
}

// Out implements [usb.Function].
func (f *Function) Out(ep uint8, p []byte, _ bool) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.spec.Command == nil:
		return len(p), nil // nobody cares
	case f.halt(ep):
		return 0, usb.Stall
	case f.size > 0 && f.size+len(p) > maxQueued, len(f.events) >= maxEvents:
		return 0, usb.NAK
	}
	f.add(program.Event{Name: "out", Endpoint: int(ep), Data: append([]byte(nil), p...)}, nil)
	return len(p), nil
}

// In implements [usb.Function].
func (f *Function) In(ep uint8, p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.halt(ep) {
		return 0, usb.Stall
	}
	q := f.in[ep]
	if len(q) == 0 {
		if f.spec.Command != nil && !f.wanted[ep] && len(f.events) < maxEvents {
			f.wanted[ep] = true
			f.add(program.Event{Name: "in", Endpoint: int(ep), Length: len(p)}, nil)
		}
		return 0, usb.NAK
	}
	n := copy(p, q[0])
	f.take(ep, n)
	return n, nil
}

// halt reports, once, that the program has stalled an endpoint.
func (f *Function) halt(ep uint8) bool {
	if f.halted[ep] {
		f.halted[ep] = false
		return true
	}
	return false
}

// take removes n bytes of an endpoint's first transfer; what the host had no room for stays.
func (f *Function) take(ep uint8, n int) {
	q := f.in[ep]
	f.queued -= n
	if q[0] = q[0][n:]; len(q[0]) == 0 {
		f.queued--
		q = q[:copy(q, q[1:])]
	}
	f.in[ep] = q
	wake(f.drained)
}

// Packet implements [usb.Streamer].
func (f *Function) Packet(ep uint8, p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ep&usb.DirIn == 0 {
		if f.spec.Command != nil && f.size+len(p) <= maxQueued && len(f.events) < maxEvents {
			f.add(program.Event{Name: "out", Endpoint: int(ep), Data: append([]byte(nil), p...)}, nil)
		}
		return len(p), nil // what a program does not take in time is lost, as on a bus
	}
	if len(f.in[ep]) == 0 {
		if f.spec.Command != nil && !f.wanted[ep] && len(f.events) < maxEvents {
			f.wanted[ep] = true
			f.add(program.Event{Name: "in", Endpoint: int(ep), Length: len(p)}, nil)
		}
		return 0, nil
	}
	n := copy(p, f.in[ep][0])
	f.take(ep, n)
	return n, nil
}
