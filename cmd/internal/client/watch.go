package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// A request may take for ever, since a device may. So a client does not limit its time: it looks,
// first soon and then now and then, whether the bench is alive at all.
type pace struct {
	first, next time.Duration
	patience    time.Duration // for the answer to a look; a busy computer takes its time
}

func usual() pace {
	return pace{first: 2 * time.Second, next: 20 * time.Second, patience: 30 * time.Second}
}

// ErrSilent says that the bench is there and does not answer anything.
type ErrSilent struct {
	Socket  string
	PID     int  // 0: not known
	Stopped bool // by a signal or a debugger
	For     time.Duration
}

func (e *ErrSilent) Error() string {
	who := "the bench at " + e.Socket
	if e.PID > 0 {
		who += fmt.Sprintf(" (pid %d)", e.PID)
	}
	if e.Stopped {
		return fmt.Sprintf("%s is stopped; kill -CONT %d lets it go on, kill -KILL %d ends it", who, e.PID, e.PID)
	}
	return fmt.Sprintf("%s has not answered for %v; kill -KILL ends it", who, e.For)
}

// watch is the look-out of one request.
type watch struct {
	cancel context.CancelFunc

	mu  sync.Mutex
	err error // +checklocks:mu
}

// watch begins to look out; the request's context ends when the bench is silent.
func (c *Client) watch(ctx context.Context) (context.Context, *watch) {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel}
	if c.unwatched {
		return ctx, w
	}
	go func() {
		timer := time.NewTimer(c.pace.first)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			if err := c.look(ctx); err != nil {
				w.mu.Lock()
				w.err = err
				w.mu.Unlock()
				cancel()
				return
			}
			timer.Reset(c.pace.next)
		}
	}()
	return ctx, w
}

func (w *watch) end() { w.cancel() }

// why is what the look-out has seen, nil if it has ended nothing.
func (w *watch) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// look asks the bench for a sign of life, on a connection of its own. Only silence is an error:
// whatever else is wrong shows in the request itself.
func (c *Client) look(ctx context.Context) error {
	pid := int(c.pid.Load())
	if stopped(pid) {
		return &ErrSilent{c.socket, pid, true, 0}
	}
	other := c.Another()
	other.unwatched = true
	defer other.Close()
	limited, cancel := context.WithTimeout(ctx, c.pace.patience)
	defer cancel()
	res, err := other.do(limited, http.MethodGet, "info", nil, nil)
	if err == nil {
		res.Body.Close()
		return nil
	}
	if limited.Err() == nil || ctx.Err() != nil {
		return nil
	}
	return &ErrSilent{c.socket, pid, stopped(pid), c.pace.patience}
}

// watched is the body of an answer: the look-out ends with it, and says why it has broken off.
type watched struct {
	io.ReadCloser
	w *watch
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		if why := b.w.why(); why != nil {
			err = why
		}
	}
	return n, err
}

func (b *watched) Close() error {
	defer b.w.end()
	return b.ReadCloser.Close()
}
