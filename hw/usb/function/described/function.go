package described

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kobench/kobench/hw/program"
	"github.com/kobench/kobench/hw/usb"
)

// maxQueued bounds what waits in each direction, in bytes.
const maxQueued = 64 << 10

// Function is a described device. It implements [usb.Function].
type Function struct {
	spec *Spec
	// Log gets what the program says and what happens to it; Ended is called when the program has
	// ended by itself, and the device should go.
	Log   func(string)
	Ended func(error)

	link *usb.Link
	stop context.CancelFunc
	done chan struct{} // closed when the program has ended; nil without one

	mu      sync.Mutex // a leaf
	events  []queued
	current *pending           // the request that the program has been told of
	size    int                // bytes of out events in events
	news    chan struct{}      // an event was added
	drained chan struct{}      // something of in was taken
	in      map[uint8][][]byte // by endpoint: transfers for the host
	queued  int                // bytes of in
	wanted  map[uint8]bool     // an event says that the host waits
	halted  map[uint8]bool
	ctl     *pending
	idle    byte
	proto   byte
}

// queued is an event to come; a control request's has what will hold the answer.
type queued struct {
	program.Event
	ctl *pending
}

// pending is a control request that the program answers.
type pending struct {
	setup    usb.Setup
	answered bool
	stalled  bool
	data     []byte
}

// New makes a device.
func New(s *Spec) *Function {
	return &Function{
		spec: s, news: make(chan struct{}, 1), drained: make(chan struct{}, 1),
		in: map[uint8][][]byte{}, wanted: map[uint8]bool{}, halted: map[uint8]bool{}, proto: 1,
	}
}

// Descriptors implements [usb.Function].
func (f *Function) Descriptors(s usb.Speed) *usb.Descriptors {
	if s != f.spec.Speed {
		return nil
	}
	return &f.spec.desc
}

// Attach implements [usb.Attacher]: the program begins.
func (f *Function) Attach(l *usb.Link) {
	f.link = l
	if f.spec.Command == nil {
		return
	}
	c := *f.spec.Command
	c.Log = f.Log
	ctx, stop := context.WithCancel(context.Background())
	f.stop, f.done = stop, make(chan struct{})
	go func() {
		defer close(f.done)
		err := c.Run(ctx, f.act, f.serve)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the program has ended")
		}
		if f.Ended != nil {
			f.Ended(err)
		}
	}()
}

// Detach implements [usb.Attacher]: the program ends, a moment later; see Wait.
func (f *Function) Detach() {
	if f.stop != nil {
		f.stop()
	}
}

// Wait waits, after Detach, until the program has ended.
func (f *Function) Wait() {
	if f.done != nil {
		<-f.done
	}
}

// add gives the program an event to come.
func (f *Function) add(e program.Event, ctl *pending) {
	f.events = append(f.events, queued{e, ctl})
	f.size += len(e.Data)
	wake(f.news)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serve tells the program one event after another.
func (f *Function) serve(ctx context.Context, s *program.Session) error {
	e := program.Event{Name: "start", Protocol: program.Protocol, Speed: f.spec.Speed.String(), Options: f.spec.Command.Options}
	if s.Tell(e) != nil {
		return nil
	}
	for {
		f.mu.Lock()
		if len(f.events) == 0 {
			f.mu.Unlock()
			select {
			case <-f.news:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		e := f.events[0]
		f.events = f.events[:copy(f.events, f.events[1:])]
		f.size -= len(e.Data)
		f.current = e.ctl
		f.mu.Unlock()
		if e.Name == "out" {
			f.link.Wake(uint8(e.Endpoint)) // there is room again
		}
		if s.Tell(e.Event) != nil {
			return nil
		}
		f.mu.Lock()
		if c := f.current; c != nil && !c.answered {
			c.answered, c.stalled = true, c.setup.In()
			f.link.Wake(0)
		}
		f.current = nil
		f.mu.Unlock()
	}
}

// act does what the program asks.
func (f *Function) act(s *program.Session, a program.Action) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	ep := uint8(a.Endpoint)
	switch a.Do {
	case "reply", "stall":
		if a.Do == "stall" && a.Endpoint != 0 {
			f.halted[ep] = true
			f.link.Wake(ep)
			return nil
		}
		c := f.current
		if c == nil || c.answered {
			return fmt.Errorf("%s: no control request is open", a.Do)
		}
		c.answered, c.stalled, c.data = true, a.Do == "stall", a.Data
		f.link.Wake(0)
		return nil
	case "in":
		if a.Endpoint < 0x81 || a.Endpoint > 0x8f {
			return fmt.Errorf("in: endpoint %#x: want 0x81 to 0x8f", a.Endpoint)
		}
		// the host is slow: so is the program
		for f.queued > 0 && f.queued+len(a.Data) > maxQueued {
			f.mu.Unlock()
			ok := s.Wait(f.drained)
			f.mu.Lock()
			if !ok {
				return nil
			}
		}
		f.in[ep] = append(f.in[ep], a.Data)
		f.queued += len(a.Data) + 1
		f.wanted[ep] = false
		f.link.Wake(ep)
		return nil
	case "unplug":
		if f.Ended != nil {
			go f.Ended(nil)
		}
		return nil
	}
	return fmt.Errorf("do %q: want reply, stall, in, timer, unplug, log or done", a.Do)
}

// Configured implements [usb.Configurer].
func (f *Function) Configured(value uint8) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.in)
	clear(f.wanted)
	clear(f.halted)
	f.queued = 0
	wake(f.drained)
	f.tell(program.Event{Name: "configured", Value: int(value)})
}

// AltSetting implements [usb.Configurer].
func (f *Function) AltSetting(iface, alt uint8) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell(program.Event{Name: "setting", Iface: int(iface), Value: int(alt)})
}

// maxEvents bounds what a program that does not answer is told of a host that changes its mind.
const maxEvents = 1000

func (f *Function) tell(e program.Event) {
	if f.spec.Command != nil && len(f.events) < maxEvents {
		f.add(e, nil)
	}
}
