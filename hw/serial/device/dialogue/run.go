package dialogue

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// event is what a device hears of its line.
type event struct {
	data    []byte
	brk     bool
	changed serial.Signals
	lines   serial.Signals
}

// Run is the device at p until ctx ends or p is closed (nil), or p fails. CTS and DSR are on from
// the start, unless the table says otherwise.
func (d *Device) Run(ctx context.Context, p serial.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := d.tune(p); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.SetReadDeadline(time.Now()) })
	events := make(chan event)
	var wg sync.WaitGroup
	defer func() {
		cancel(nil)
		wg.Wait()
		if !stop() {
			_ = p.SetReadDeadline(time.Time{})
		}
	}()
	l, _ := p.(serial.ModemLines)
	if l != nil {
		_ = l.SetSignals(serial.DCEOutputs, serial.CTS|serial.DSR)
		defer func() { _ = l.SetSignals(serial.DCEOutputs, 0) }()
	}
	wg.Go(func() { cancel(listen(ctx, p, events)) })
	if w, ok := p.(interface {
		WaitChange(context.Context) (serial.Change, error)
	}); ok && l != nil {
		wg.Go(func() { watch(ctx, l, w.WaitChange, events) })
	}
	err := d.loop(ctx, p, events)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, os.ErrClosed) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// tune gives the end its rate and format.
func (d *Device) tune(p serial.Conn) error {
	if d.t.mode.Baud != 0 {
		return p.SetMode(d.t.mode)
	}
	if a, ok := p.(interface{ SetAuto(bool) }); ok {
		a.SetAuto(true)
	}
	return nil
}

// listen hands on what comes, until the end closes.
func listen(ctx context.Context, p serial.Conn, events chan<- event) error {
	buf := make([]byte, 4096)
	rx, _ := p.(serial.Receiver)
	for {
		var e event
		var n int
		var f serial.Flags
		var err error
		if rx != nil {
			n, f, err = rx.Receive(buf)
		} else {
			n, err = p.Read(buf)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case f&serial.Break != 0:
			e.brk = true
		default: // a device cannot tell a damaged character from another
			e.data = append([]byte(nil), buf[:n]...)
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch hands on the terminal's modem lines.
func watch(ctx context.Context, l serial.ModemLines, wait func(context.Context) (serial.Change, error), events chan<- event) {
	was, _ := l.Signals()
	for {
		if _, err := wait(ctx); err != nil {
			return
		}
		is, _ := l.Signals()
		if is == was {
			continue
		}
		select {
		case events <- event{changed: was ^ is, lines: is}:
		case <-ctx.Done():
			return
		}
		was = is
	}
}

// loop is the device: one thing after another, in the machine's time.
func (d *Device) loop(ctx context.Context, p serial.Conn, events <-chan event) error {
	if c, ok := p.(serial.Clocked); ok {
		d.e.clock = c.Clock()
	}
	c := d.e.clock
	d.e.began = c.Now()
	due := make(chan struct{}, 1)
	alarm := c.NewEvent(func() { // time stands still until the device has had its turn
		c.Hold()
		select {
		case due <- struct{}{}:
		default:
			c.Release()
		}
	})
	defer func() {
		alarm.Stop()
		select {
		case <-due:
			c.Release()
		default:
		}
	}()
	var steps []step
	if d.t.begin != nil {
		steps = d.act(d.t.begin, nil)
	}
	more, next := d.timers(c.Now(), true)
	steps = append(steps, more...)
	quiet := time.Duration(-1) // when the frame is over
	for {
		if err := d.do(ctx, p, steps); err != nil {
			return err
		}
		steps = nil
		at := next
		if quiet >= 0 && (at < 0 || quiet < at) {
			at = quiet
		}
		if alarm.Stop(); at >= 0 {
			alarm.At(at)
		}
		select {
		case e := <-events:
			switch {
			case e.brk, e.changed != 0:
				steps = d.signal(e.changed, e.lines)
			default:
				steps = d.hear(e.data, false)
				quiet = -1
				if d.t.frame.gap > 0 && len(d.buf) > 0 {
					quiet = c.Now() + d.t.frame.gap
				}
			}
		case <-due:
			now := c.Now()
			if quiet >= 0 && quiet <= now {
				quiet = -1
				steps = d.hear(nil, true)
			}
			more, next = d.timers(now, false)
			c.Release()
			steps = append(steps, more...)
			continue
		case <-ctx.Done():
			return nil
		}
		more, next = d.timers(c.Now(), false)
		steps = append(steps, more...)
	}
}

// do does steps, one after another.
func (d *Device) do(ctx context.Context, p serial.Conn, steps []step) error {
	for _, s := range steps {
		if s.delay > 0 {
			if d.e.clock.Sleep(ctx, s.delay) != nil {
				return nil
			}
		}
		if l, ok := p.(serial.ModemLines); ok && s.mask != 0 {
			_ = l.SetSignals(s.mask, s.value)
		}
		if b, ok := p.(interface{ SendBreak(time.Duration) error }); ok && s.brk > 0 {
			free := bound(ctx, p)
			err := b.SendBreak(s.brk)
			free()
			if err != nil {
				return err
			}
		}
		if len(s.say) > 0 {
			if err := write(ctx, p, s.say); err != nil {
				return err
			}
		}
		if s.mode.Baud != 0 {
			if dr, ok := p.(serial.Drainer); ok {
				if err := drain(ctx, p, dr); err != nil {
					return err
				}
			}
			if a, ok := p.(interface{ SetAuto(bool) }); ok {
				a.SetAuto(false)
			}
			if err := p.SetMode(s.mode); err != nil {
				return err
			}
		}
	}
	return nil
}

// write sends, and ends with ctx.
func write(ctx context.Context, p serial.Conn, b []byte) error {
	defer bound(ctx, p)()
	_, err := p.Write(b)
	return err
}

func drain(ctx context.Context, p serial.Conn, d serial.Drainer) error {
	defer bound(ctx, p)()
	return d.Drain()
}

// bound lets ctx end what waits to send.
func bound(ctx context.Context, p serial.Conn) (free func()) {
	wr, ok := p.(interface{ SetWriteDeadline(time.Time) error })
	if !ok {
		return func() {}
	}
	_ = wr.SetWriteDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = wr.SetWriteDeadline(time.Now()) })
	return func() { stop() }
}
