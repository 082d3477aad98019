package host

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Attach hangs dev, such as the port on the desk, on a simulated line: p is the DCE end of
// [serial.Straight], whose other end is the chip. dev follows the chip: its rate and format, DTR,
// RTS and breaks. The chip sees dev's bytes, receive errors, breaks and modem lines. It runs until
// ctx ends (nil) or dev fails (its error; then p has vanished: [serial.Port.Vanish]).
//
// What dev cannot do is left out; refuse, if not nil, is told once for each kind ("mode", "modem
// lines", "break").
//
// Errors: dev's. dev and p stay open.
func Attach(ctx context.Context, p *serial.Port, dev serial.Conn, refuse func(what string, err error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &attached{p: p, dev: dev, refuse: refuse, told: map[string]bool{}}
	due := func(t time.Time) {
		dev.SetReadDeadline(t)
		p.SetDeadline(t)
		if wr, ok := dev.(interface{ SetWriteDeadline(time.Time) error }); ok {
			wr.SetWriteDeadline(t)
		}
	}
	due(time.Time{})
	settled := afterFunc(ctx, func() { due(time.Now()) })
	p.SetAuto(true)
	if err := a.follow(serial.PeerMode | serial.Inputs); err != nil {
		cancel(nil)
		settled()
		return err
	}
	var wg sync.WaitGroup
	for _, f := range []func(context.Context) error{a.toDevice, a.fromDevice, a.watchChip, a.watchDevice} {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	if settled() {
		due(time.Time{})
	}
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	p.Vanish()
	return err
}

type attached struct {
	p      *serial.Port
	dev    serial.Conn
	refuse func(string, error)
	mu     sync.Mutex
	told   map[string]bool
}

// note passes on a refusal, once; other errors are returned.
func (a *attached) note(what string, err error) error {
	if err == nil || !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTTY) {
		return err
	}
	a.mu.Lock()
	first := !a.told[what]
	a.told[what] = true
	a.mu.Unlock()
	if first && a.refuse != nil {
		a.refuse(what, err)
	}
	return nil
}

// follow makes the device do as the chip does.
func (a *attached) follow(c serial.Change) error {
	if c&serial.PeerMode != 0 {
		m := a.p.PeerMode()
		// is the business of the end above the chip; the device passes its lines and bytes
		m.Flow = serial.FlowNone
		if err := a.note("mode", a.dev.SetMode(m)); err != nil {
			return err
		}
	}
	if l, ok := a.dev.(serial.ModemLines); ok && c&serial.Inputs != 0 {
		s, err := a.p.Signals()
		if err == nil {
			err = a.note("modem lines", l.SetSignals(serial.DTEOutputs, s))
		}
		return err
	}
	return nil
}

func (a *attached) watchChip(ctx context.Context) error {
	for {
		c, err := a.p.WaitChange(ctx)
		if err != nil {
			return err
		}
		if err := a.follow(c); err != nil {
			return err
		}
	}
}

func (a *attached) toDevice(ctx context.Context) error {
	buf := make([]byte, 16<<10)
	for {
		n, f, err := a.p.Receive(buf)
		if err != nil {
			return err
		}
		if f&serial.Break != 0 {
			b, ok := a.dev.(serial.Breaker)
			if !ok {
				err = serial.Unsupported("break", "", "the device cannot send one", nil)
			} else if err = b.SetBreak(true); err == nil {
				select {
				// tcsendbreak is a quarter of a second.
				case <-time.After(max(250*time.Millisecond, 2*a.p.PeerMode().CharTime(1))):
				case <-ctx.Done():
				}
				err = b.SetBreak(false)
			}
			if err := a.note("break", err); err != nil {
				return err
			}
			continue
		}
		if _, err := a.dev.Write(buf[:n]); err != nil {
			return err
		}
	}
}

func (a *attached) fromDevice(context.Context) error {
	buf := make([]byte, 16<<10)
	rx, _ := a.dev.(serial.Receiver)
	for {
		var n int
		var f serial.Flags
		var err error
		if rx != nil {
			n, f, err = rx.Receive(buf)
		} else {
			n, err = a.dev.Read(buf)
		}
		if err != nil {
			return err
		}
		m := a.p.Mode()
		switch {
		case f&serial.Break != 0:
			err = a.p.SendBreak(2 * m.CharTime(1))
		case f&serial.Framing != 0:
			err = a.p.SendFrame(buf[0], m.StopFlip())
		case f&serial.ParityError != 0:
			err = a.p.SendFrame(buf[0], m.ParityFlip())
		default:
			_, err = a.p.Write(buf[:n])
		}
		if err != nil {
			return err
		}
	}
}

// watchDevice shows the chip the device's modem inputs.
func (a *attached) watchDevice(ctx context.Context) error {
	l, ok := a.dev.(serial.ModemLines)
	if !ok {
		return nil
	}
	w, _ := a.dev.(watcher)
	for {
		s, err := l.Signals()
		if err != nil {
			return a.note("modem lines", err) // nil: it has none, there is nothing to watch
		}
		a.p.SetSignals(serial.DCEOutputs, s)
		if w != nil {
			if _, err := w.WaitChange(ctx); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollLines):
		}
	}
}
