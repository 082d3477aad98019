package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Replay is a recorded device: it says what it said then, and expects to be told what it was told.
type Replay struct {
	// NoWait leaves out the recorded pauses.
	NoWait bool
	// Mode is set on the end before replay, if its rate is not 0.
	Mode serial.Mode

	mu     sync.Mutex
	script Script
	next   int    // operation
	done   int    // bytes of it
	fuzz   int    // percent
	wrong  int    // mismatches in the operation
	ahead  []byte // written by the host before the device has said what comes first
	extra  []byte
	err    error
}

// NewReplay makes a device of a script.
func NewReplay(s Script) *Replay { return &Replay{script: s} }

// Mismatch is what the host wrote in place of what was recorded.
type Mismatch struct {
	Op        int // number of the operation, from 1
	Line      int // in the script's file, or 0
	Offset    int // in the operation's data
	Want, Got []byte
}

func (m *Mismatch) Error() string {
	where := fmt.Sprintf("operation %d", m.Op)
	if m.Line > 0 {
		where += fmt.Sprintf(" (line %d)", m.Line)
	}
	return fmt.Sprintf("replay: %s, byte %d: recorded was a write of %q, written was %q", where, m.Offset, short(m.Want), short(m.Got))
}

// Uncovered is what replay did not cover.
type Uncovered struct {
	Extra []byte // written by the host when nothing more was expected
	Left  Script // operations that did not take place, the first perhaps in part
}

func (u *Uncovered) Error() string {
	var s []string
	if len(u.Extra) > 0 {
		s = append(s, fmt.Sprintf("%d bytes were written that the recording does not have: %q", len(u.Extra), short(u.Extra)))
	}
	if len(u.Left) > 0 {
		o := u.Left[0]
		what := map[byte]string{'r': "a read", 'w': "a write"}[o.Op]
		s = append(s, fmt.Sprintf("%d recorded operations did not take place, first %s of %q", len(u.Left), what, short(o.Data)))
	}
	return "replay: " + strings.Join(s, "; ")
}

func short(b []byte) []byte {
	if len(b) > 40 {
		return append(bytes.Clone(b[:40]), "…"...)
	}
	return b
}

// Run is the device at p until ctx ends or p is closed. It stops at the first mismatch, and goes on
// after the end of the script to see what the host still writes. What the host writes ahead of an
// answer waits for it, as with umockdev: a driver may have handed over in pieces, with echoes in
// between, what the program wrote at once. See Close for what was not covered.
//
// Errors: *Mismatch; p's.
func (r *Replay) Run(ctx context.Context, p serial.Conn) error {
	if r.Mode.Baud != 0 {
		if err := p.SetMode(r.Mode); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { p.SetReadDeadline(time.Now()) })
	defer stop()
	buf := make([]byte, 4096)
	for {
		r.mu.Lock()
		r.fuzzes()
		var op *Op
		if r.next < len(r.script) {
			op = &r.script[r.next]
		}
		r.mu.Unlock()
		if op != nil && op.Op == 'r' && ctx.Err() == nil {
			if err := r.speak(ctx, p, op); err != nil {
				return r.end(ctx, err)
			}
			if err := r.hear(nil); err != nil {
				return r.end(ctx, err)
			}
			continue
		}
		n, err := p.Read(buf) // after ctx's end as well, as long as something has come
		if err == nil {
			err = r.hear(buf[:n])
		}
		if err != nil {
			return r.end(ctx, err)
		}
	}
}

// end sorts a planned end from a failure, and keeps a mismatch for Close.
func (r *Replay) end(ctx context.Context, err error) error {
	var m *Mismatch
	if !errors.As(err, &m) && (ctx.Err() != nil || errors.Is(err, os.ErrClosed)) {
		return nil
	}
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	return err
}

// speak waits as long as the device did, and says what it said.
func (r *Replay) speak(ctx context.Context, p serial.Conn, op *Op) error {
	if d := time.Duration(op.Value) * time.Millisecond; d > 0 && !r.NoWait {
		if err := serial.ClockOf(p).Sleep(ctx, d); err != nil {
			return err
		}
	}
	n, err := p.Write(op.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done += n; err == nil {
		r.next, r.done = r.next+1, 0
	}
	return err
}

// fuzzes does what sets the fuzz. r.mu is held.
func (r *Replay) fuzzes() {
	for r.next < len(r.script) && r.script[r.next].Op == 'f' {
		r.fuzz = r.script[r.next].Value
		r.next++
	}
}

// maxAhead bounds what the host may have written before the device has answered.
const maxAhead = 1 << 20

// hear compares what the host wrote, which may be several operations or a part of one.
func (r *Replay) hear(b []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ahead = append(r.ahead, b...)
	for len(r.ahead) > 0 {
		r.fuzzes()
		switch {
		case r.next == len(r.script):
			r.extra, r.ahead = append(r.extra, r.ahead...), nil
			return nil
		case r.script[r.next].Op == 'r':
			if len(r.ahead) > maxAhead {
				return &Mismatch{Op: r.next + 1, Line: r.script[r.next].Line, Got: r.ahead}
			}
			return nil
		}
		op := &r.script[r.next]
		want := op.Data[r.done:]
		n := min(len(want), len(r.ahead))
		for i := range n {
			if r.ahead[i] == want[i] {
				continue
			}
			if r.wrong++; r.wrong*100 > r.fuzz*len(op.Data) {
				return &Mismatch{r.next + 1, op.Line, r.done + i, op.Data, bytes.Clone(r.ahead)}
			}
		}
		r.ahead = r.ahead[n:]
		if r.done += n; r.done == len(op.Data) {
			r.next, r.done, r.wrong = r.next+1, 0, 0
		}
	}
	return nil
}

// Close says what was not as recorded.
//
// Errors: *Mismatch, if Run ended with one; *Uncovered; nil when the whole dialogue took place and
// nothing else.
func (r *Replay) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := &Uncovered{Extra: r.extra}
	for _, o := range r.script[r.next:] {
		if o.Op != 'f' {
			u.Left = append(u.Left, o)
		}
	}
	switch {
	case r.err != nil:
		return r.err
	case len(u.Extra)+len(u.Left) > 0:
		return u
	}
	return nil
}
