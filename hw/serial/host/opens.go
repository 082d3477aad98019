//go:build unix

package host

import (
	"context"
	"time"
)

// Who waits to hear of opens and closes: each hears of all of them.
const (
	toReader = iota
	toWatcher
	hearers
)

// opens tells when a terminal has been opened or closed. nil is a system that cannot.
type opens struct {
	changed [hearers]chan struct{} // with room for one each
}

func newOpens() *opens {
	o := &opens{}
	for i := range o.changed {
		o.changed[i] = make(chan struct{}, 1)
	}
	return o
}

// tell lets all hearers look again.
func (o *opens) tell() {
	for _, c := range o.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// wait waits until the terminal has been opened or closed, ctx ends or the time is over; a negative
// one is never. Where the system does not tell, it is pollClient at most. It reports whether it was
// told.
func (o *opens) wait(ctx context.Context, who int, after time.Duration) bool {
	var changed <-chan struct{}
	if o != nil {
		changed = o.changed[who]
	} else if after < 0 || after > pollClient {
		after = pollClient
	}
	var over <-chan time.Time
	if after >= 0 {
		t := time.NewTimer(after)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-changed:
		return true
	case <-ctx.Done():
	case <-over:
	}
	return false
}
