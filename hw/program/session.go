package program

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/clock"
)

// The bounds of a session.
const (
	maxMessage  = 1 << 20 // bytes of one
	maxNonsense = 20      // messages that cannot be understood, of one run
	maxTimers   = 1000
	longSilence = 10 * time.Second // after which the log says that a program does not answer
)

// Session is one run of a program that speaks the protocol: events go to it one at a time, each
// until it says done; what it does meanwhile, or at any other time, goes to Act.
type Session struct {
	c     *Command
	proc  *process
	act   func(Action) error // says what is wrong with an action; called by one goroutine
	clock *clock.Clock       // the machine's
	began time.Duration
	ctx   context.Context
	fail  context.CancelCauseFunc

	turn chan struct{} // holds a token: whose event it is
	done chan struct{}

	mu     sync.Mutex
	timers map[string]*clock.Event // +checklocks:mu
	// the clock is held: an event is on its way, and the program has not waited for long to say
	// something
	held bool // +checklocks:mu
	// an event is on its way
	open  bool           // +checklocks:mu
	ended bool           // +checklocks:mu
	work  sync.WaitGroup // timers' goroutines
}

// Run starts the program and gives it to serve until ctx ends (nil), or it is over: for devices
// that do not sit at a line. It is started once.
//
// Errors: it could not be started; it failed.
func (c *Command) Run(ctx context.Context, act func(*Session, Action) error, serve func(context.Context, *Session) error) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("program: %w", err)
	}
	proc, err := c.start(true)
	if err != nil {
		return err
	}
	err = c.session(ctx, proc, clock.New(), act, serve)
	status := proc.stop()
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		err = status
	}
	if err != nil {
		return fmt.Errorf("%s has failed: %w", c.name(), err)
	}
	return nil
}

// session reads what the program says and runs serve beside it, until either is over.
func (c *Command) session(ctx context.Context, proc *process, k *clock.Clock, act func(*Session, Action) error, serve func(context.Context, *Session) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	s := &Session{
		c: c, proc: proc, clock: k, began: k.Now(), ctx: ctx, fail: fail,
		turn: make(chan struct{}, 1), done: make(chan struct{}, 1), timers: map[string]*clock.Event{},
	}
	s.act = func(a Action) error { return act(s, a) }
	s.turn <- struct{}{}
	stop := context.AfterFunc(ctx, func() { _ = proc.control.SetDeadline(time.Now()) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { fail(s.listen()) })
	wg.Go(func() {
		if err := serve(ctx, s); err != nil {
			fail(err)
		}
	})
	<-ctx.Done()
	s.mu.Lock()
	s.ended = true
	for _, t := range s.timers {
		t.Stop()
	}
	s.mu.Unlock()
	wg.Wait()
	s.work.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, errOver) {
		return err
	}
	return nil
}

var errOver = errors.New("the program has closed the protocol")

// Now is the time since the program began.
func (s *Session) Now() time.Duration { return s.clock.Now() - s.began }

// Tell gives the program an event and waits until it has said done. Several callers take turns.
//
// Errors: the session is over.
func (s *Session) Tell(e Event) error { return s.tell(e, func() {}) }

// tell is Tell; begun is called once, when the program's turn has begun or will not.
func (s *Session) tell(e Event, begun func()) error {
	begun = sync.OnceFunc(begun)
	defer begun()
	select {
	case <-s.turn:
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	e.Time = s.Now().Seconds()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.open = true
	s.mu.Unlock()
	s.hold(true)
	defer s.hold(false)
	begun()
	silent := time.AfterFunc(longSilence, func() {
		s.c.logf("%s has not answered the event %q for %v; the line waits", s.c.name(), e.Name, longSilence)
	})
	defer silent.Stop()
	if _, err := s.proc.control.Write(append(line, '\n')); err != nil {
		s.over(err)
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// over ends the session because the descriptor no longer carries anything.
func (s *Session) over(err error) {
	select {
	case <-s.proc.exited: // its status says more
		err = errOver
	case <-time.After(askTime):
		if errors.Is(err, io.EOF) {
			err = errOver
		}
	case <-s.ctx.Done():
	}
	s.fail(err)
}

// listen reads messages until the program closes the protocol.
func (s *Session) listen() error {
	r := bufio.NewReaderSize(s.proc.control, 64<<10)
	nonsense := 0
	for {
		line, err := readLine(r)
		if err != nil && !errors.Is(err, errLong) {
			s.over(err)
			return errOver
		}
		if len(bytes.TrimSpace(line)) == 0 && err == nil {
			continue
		}
		if err == nil {
			err = s.message(line)
		}
		if s.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.c.logf("%s: %v: %q", s.c.name(), err, short(string(line)))
			if nonsense++; nonsense == maxNonsense {
				return fmt.Errorf("it has spoken %d messages that make no sense", nonsense)
			}
		}
	}
}

var errLong = fmt.Errorf("a message of more than %d bytes", maxMessage)

// readLine reads one line of at most maxMessage bytes; of a longer one it gives the beginning.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxMessage {
			long = true
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return line, err
		case long:
			return line[:min(len(line), 100)], errLong
		}
		return line, nil
	}
}

// message does what one message says.
func (s *Session) message(line []byte) error {
	var a Action
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return err
	}
	switch a.Do {
	case "done":
		s.mu.Lock()
		open := s.open
		s.open = false
		s.mu.Unlock()
		if !open {
			return errors.New("it is done with an event, and none is open")
		}
		s.done <- struct{}{}
		return nil
	case "log":
		s.c.logf("%s", short(a.Text))
		return nil
	case "timer":
		return s.timer(a)
	}
	// the line has no room until time goes on
	long := time.AfterFunc(patience, func() { s.hold(false) })
	err := s.act(a)
	if !long.Stop() {
		s.hold(true)
	}
	return err
}

// patience is how long, of the host's time, an action may take before the machine's time goes on
// meanwhile.
const patience = 20 * time.Millisecond

// hold lets a virtual clock stand still while the program works on an event. A paced one goes on: a
// program takes the time that it takes.
func (s *Session) hold(on bool) {
	if !s.clock.IsVirtual() {
		return
	}
	s.mu.Lock()
	change := s.held != on && (!on || s.open)
	if change {
		s.held = on
	}
	s.mu.Unlock()
	switch {
	case !change:
	case on:
		s.clock.Hold()
	default:
		s.clock.Release()
	}
}

// timer sets, moves or ends a timer of the device.
func (s *Session) timer(a Action) error {
	if !(a.Seconds <= 1e9) {
		return fmt.Errorf("timer: %v seconds", a.Seconds)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.timers[a.ID]; t != nil {
		t.Stop()
		delete(s.timers, a.ID)
	}
	switch {
	case a.Seconds < 0 || s.ended:
		return nil
	case len(s.timers) == maxTimers:
		return fmt.Errorf("timer: it has %d already", maxTimers)
	}
	var t *clock.Event
	t = s.clock.NewEvent(func() {
		s.mu.Lock()
		mine := s.timers[a.ID] == t && !s.ended
		if mine {
			delete(s.timers, a.ID)
			s.work.Add(1)
		}
		s.mu.Unlock()
		if mine {
			s.clock.Hold() // until the program has had its turn
			go func() {
				defer s.work.Done()
				_ = s.tell(Event{Name: "timer", ID: a.ID}, s.clock.Release)
			}()
		}
	})
	s.timers[a.ID] = t
	t.After(time.Duration(a.Seconds * float64(time.Second)))
	return nil
}

// Wait waits for c, for an action that must. It reports false when the session is over.
func (s *Session) Wait(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-s.ctx.Done():
		return false
	}
}
