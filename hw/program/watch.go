package program

import (
	"context"
	"sync"

	"github.com/kobench/kobench/hw/serial"
)

// watch passes on a line's changes: to whoever waits for DTR, and to the program that runs.
type watch struct {
	p       *serial.Port
	changed chan struct{} // something changed since it was looked at
	done    chan struct{}
	stop    context.CancelFunc

	mu sync.Mutex
	// closed and made anew at each change of DTR
	dtr  chan struct{} // +checklocks:mu
	on   bool          // +checklocks:mu
	fell func()        // +checklocks:mu
}

func newWatch(p *serial.Port) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{p: p, changed: make(chan struct{}, 1), done: make(chan struct{}), stop: stop, dtr: make(chan struct{})}
	w.look()
	go func() {
		defer close(w.done)
		for {
			if _, err := p.WaitChange(ctx); err != nil {
				return
			}
			w.look()
		}
	}()
	return w
}

// end stops watching.
func (w *watch) end() { w.stop(); <-w.done }

// look takes in the lines as they are. DTR is what the host drives, whether the cable is in or not.
func (w *watch) look() {
	w.p.Lock()
	on := w.p.Peer().OutputsLocked()&serial.DTR != 0
	w.p.Unlock()
	w.mu.Lock()
	fell := w.fell
	if on != w.on {
		w.on = on
		close(w.dtr)
		w.dtr = make(chan struct{})
	} else {
		fell = nil
	}
	w.mu.Unlock()
	if fell != nil && !on {
		fell()
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// onDTR says what to do when DTR falls; at once if it has fallen already.
func (w *watch) onDTR(fell func()) {
	w.mu.Lock()
	w.fell = fell
	off := !w.on
	w.mu.Unlock()
	if off && fell != nil {
		fell()
	}
}

func (w *watch) waitDTR(ctx context.Context) bool   { return w.wait(ctx, true) }
func (w *watch) waitNoDTR(ctx context.Context) bool { return w.wait(ctx, false) }

// wait waits until DTR is as asked. It reports false when ctx has ended or the line has gone.
func (w *watch) wait(ctx context.Context, want bool) bool {
	for {
		w.mu.Lock()
		on, c := w.on, w.dtr
		w.mu.Unlock()
		if on == want {
			return ctx.Err() == nil
		}
		select {
		case <-c:
		case <-w.done:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
