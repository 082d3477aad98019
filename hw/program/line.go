package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/fault"
)

// RunLine is a device at p that speaks the protocol of PROTOCOL.md, until ctx ends (nil) or the
// program is over for good. The end takes on the host's rate and format until the device sets its
// own. CTS and DSR are on from the start.
//
// Errors: as RunBytes.
func (c *Command) RunLine(ctx context.Context, p *serial.Port) error {
	return c.supervise(ctx, p, true, func(ctx context.Context, proc *process, changed <-chan struct{}) error {
		p.SetAuto(true)
		_ = p.SetSignals(serial.DCEOutputs, serial.CTS|serial.DSR)
		l := &lineSession{p: p, changed: changed}
		defer l.clean()
		return c.session(ctx, proc, p.Clock(), l.act, l.serve)
	})
}

// lineSession is a program at a line.
type lineSession struct {
	p       *serial.Port
	changed <-chan struct{}
	faults  *fault.Injector

	mu sync.Mutex
	// told last
	mode  serial.Mode    // +checklocks:mu
	lines serial.Signals // +checklocks:mu
}

func (l *lineSession) clean() {
	if l.faults != nil {
		l.faults.Remove()
	}
}

// serve tells the program what happens on the line.
func (l *lineSession) serve(ctx context.Context, s *Session) error {
	free := bindDeadline(ctx, l.p)
	defer free()
	in, _ := l.p.Signals()
	mode := l.p.PeerMode()
	mode.Flow = serial.FlowNone
	l.mu.Lock()
	l.mode, l.lines = mode, in
	l.mu.Unlock()
	err := s.Tell(Event{
		Name: "start", Protocol: Protocol, Port: l.p.Peer().Name(), Speed: l.p.Speed().String(), Mode: mode.String(), On: names(in), Options: s.c.Options,
	})
	if err != nil {
		return lineError(ctx, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			select {
			case <-l.changed:
				l.tellChanges(s)
			case <-ctx.Done():
				return
			}
		}
	})
	buf := make([]byte, 4096)
	for {
		n, f, err := l.p.Receive(buf)
		if err != nil {
			return lineError(ctx, err)
		}
		l.tellChanges(s) // what came before these bytes
		e := Event{Name: "data", Data: buf[:n]}
		switch {
		case f&serial.Break != 0:
			e = Event{Name: "break"}
		case f&serial.Framing != 0:
			e.Error = "framing"
		case f&serial.ParityError != 0:
			e.Error = "parity"
		case f&serial.Overrun != 0:
			e.Error = "overrun"
		}
		if err := s.Tell(e); err != nil {
			return lineError(ctx, err)
		}
	}
}

// tellChanges tells the mode and the modem lines that the program does not know yet.
func (l *lineSession) tellChanges(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, in := l.p.PeerMode(), serial.Signals(0)
	m.Flow = serial.FlowNone
	in, _ = l.p.Signals()
	if m != l.mode {
		l.mode = m
		_ = s.Tell(Event{Name: "mode", Mode: m.String()})
	}
	if in != l.lines {
		l.lines = in
		_ = s.Tell(Event{Name: "lines", On: names(in)})
	}
}

// act does what the program asks.
func (l *lineSession) act(s *Session, a Action) error {
	err := l.do(a)
	if err != nil && s.ctx.Err() == nil && (errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)) {
		return nil // the line is closing
	}
	return err
}

func (l *lineSession) do(a Action) error {
	switch a.Do {
	case "data":
		return l.send(a)
	case "lines":
		on, err := signals(a.On)
		if err != nil {
			return err
		}
		off, err := signals(a.Off)
		if err != nil {
			return err
		}
		return l.p.SetSignals((on|off)&serial.DCEOutputs, on)
	case "break":
		if !(a.Seconds >= 0 && a.Seconds <= 60) {
			return fmt.Errorf("break: %v seconds: want 0 to 60", a.Seconds)
		}
		l.p.Lock()
		l.p.BreakLocked(serial.Time(time.Duration(a.Seconds * float64(time.Second))))
		l.p.Unlock()
		return nil
	case "mode":
		if a.Auto != nil && *a.Auto {
			l.p.SetAuto(true)
			return nil
		}
		m, err := serial.ParseMode(a.Mode)
		if err != nil {
			return err
		}
		l.p.SetAuto(false)
		return l.p.SetMode(m)
	case "faults":
		in, err := fault.Parse(a.Seed, a.Rules)
		if err != nil {
			return err
		}
		l.clean()
		l.faults = in
		in.Install(l.p)
		return nil
	case "unplug":
		l.p.Unplug()
		return nil
	case "plug":
		l.p.Plug()
		return nil
	}
	return fmt.Errorf("do %q: want data, lines, break, mode, timer, faults, unplug, plug, log or done", a.Do)
}

func (l *lineSession) send(a Action) error {
	flip := uint16(0)
	switch m := l.p.Mode(); a.Error {
	case "":
		_, err := l.p.Write(a.Data)
		return err
	case "framing":
		flip = m.StopFlip()
	case "parity":
		if flip = m.ParityFlip(); flip == 0 {
			return fmt.Errorf("data: error parity: the format %v has no parity bit", m)
		}
	default:
		return fmt.Errorf("data: error %q: want parity or framing", a.Error)
	}
	for _, b := range a.Data {
		if err := l.p.SendFrame(b, flip); err != nil {
			return err
		}
	}
	return nil
}

// signals reads names of modem lines.
func signals(list []string) (s serial.Signals, err error) {
	for _, name := range list {
		found := false
		for i := range 6 {
			if bit := serial.Signals(1) << i; bit.String() == name {
				s, found = s|bit, true
			}
		}
		if !found {
			return 0, fmt.Errorf("lines: %q: want CTS, DSR, DCD or RI", name)
		}
	}
	return s, nil
}

// names are the modem lines that are on.
func names(s serial.Signals) []string {
	list := []string{}
	for i := range 6 {
		if bit := serial.Signals(1) << i; s&bit != 0 {
			list = append(list, bit.String())
		}
	}
	return list
}
