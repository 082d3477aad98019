package record

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Dir is a direction, seen from the host.
type Dir uint8

// The directions.
const (
	Out Dir = iota // the host writes
	In             // the host reads
)

func (d Dir) String() string { return [...]string{"out", "in"}[d&1] }

// Kind is what an event is.
type Kind uint8

// The events.
const (
	Chars Kind = iota // Data was sent, back to back, beginning at At
	Break             // the wire was taken to 0 (On) or let go
	Lines             // the modem lines at the host's end changed to Signals
)

// Event is one thing that happened.
type Event struct {
	// since the recording began; on a line without time the order is what counts
	At      time.Duration
	Line    serial.Time // the same in line time, for the wire's levels
	Dir     Dir
	Kind    Kind
	Data    []byte
	Mode    serial.Mode // of the sender
	Flip    uint16      // frame bits inverted by a fault; Data is then one character
	On      bool
	Signals serial.Signals // all lines at the host's end: outputs and inputs
}

const (
	// maxSize bounds a recording in memory, in bytes; eventSize is an event's without its
	// characters.
	maxSize   = 128 << 20
	eventSize = 96
)

// Recorder watches both directions of a line at the host's end.
type Recorder struct {
	p     *serial.Port
	start time.Duration // on the line's clock
	zero  serial.Time
	paced bool
	taps  [2]*tap
	to    *stream // nil: into the trace

	mu    sync.Mutex // a leaf
	trace Trace      // +checklocks:mu
	size  int        // +checklocks:mu
}

// Trace is a recording.
type Trace struct {
	Events []Event
	Lost   int       // characters that did not fit into the recording
	Start  time.Time // when it began
	First  serial.Signals
}

// Start begins to record in memory what p sends and receives, and its modem lines. A recording that
// is full goes on without its end; Trace says how much it lost.
func Start(p *serial.Port) *Recorder {
	r := newRecorder(p)
	r.tap()
	return r
}

func newRecorder(p *serial.Port) *Recorder {
	p.Lock()
	defer p.Unlock()
	c := p.Clock()
	return &Recorder{p: p, start: c.Now(), zero: p.NowLocked(), paced: p.Speed() == serial.Paced,
		trace: Trace{Start: c.Wall(), First: p.SignalsLocked() | p.OutputsLocked()}}
}

func (r *Recorder) tap() {
	r.taps[Out] = &tap{r, Out}
	r.p.AddTap(r.taps[Out])
	if q := r.p.Peer(); q != r.p {
		r.taps[In] = &tap{r, In}
		q.AddTap(r.taps[In])
	}
}

// Stream begins to record to w, as it happens, limit bytes at most. A line without time waits for
// w; so does, in the end, a sender on one with. The first error ends the recording; failed, if not
// nil, is told of it at once. Nothing is written after Stop.
//
// Errors: w's.
func Stream(p *serial.Port, w io.Writer, f Format, limit int64, failed func(error)) (*Recorder, error) {
	r := newRecorder(p)
	r.to = &stream{w: &limited{w, limit, limit}, failed: failed, wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.to.room.L = &r.to.mu
	began := r.Trace()
	e, err := f.encode(r.to.w, began.Start, began.First, "")
	if err != nil {
		return nil, err
	}
	go r.to.run(e)
	r.tap()
	return r, nil
}

// Stop ends the recording.
//
// Errors: of a Stream, the first there was; *[NoPlace] where everything else was written.
func (r *Recorder) Stop() error {
	r.p.RemoveTap(r.taps[Out])
	if r.taps[In] != nil {
		r.p.Peer().RemoveTap(r.taps[In])
	}
	if r.to != nil {
		return r.to.stop()
	}
	return nil
}

// Trace is what has been recorded in memory so far.
func (r *Recorder) Trace() *Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.trace
	t.Events = append([]Event(nil), r.trace.Events...)
	return &t
}

// tap is one end's.
type tap struct {
	r   *Recorder
	dir Dir
}

// add is called with the line's lock held.
func (t *tap) add(e Event, at serial.Time) {
	r := t.r
	e.Dir, e.Line = t.dir, at-r.zero
	e.At = time.Duration(e.Line)
	if !r.paced {
		e.At = r.p.Clock().Now() - r.start
	}
	r.keep(e)
	if r.taps[In] == nil && e.Kind != Lines { // a loop-back plug: the same comes back
		e.Dir = In
		r.keep(e)
	}
}

func (r *Recorder) keep(e Event) {
	if r.to != nil {
		r.to.put(e, r.p.NowLocked()-r.zero)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size += eventSize + len(e.Data); r.size > maxSize {
		r.trace.Lost += len(e.Data)
		return
	}
	r.trace.Events = append(r.trace.Events, e)
}

func (t *tap) Chars(at serial.Time, m serial.Mode, p []byte, flip uint16) {
	t.add(Event{Kind: Chars, Data: append([]byte(nil), p...), Mode: m, Flip: flip}, at)
}

func (t *tap) Break(at serial.Time, on bool) { t.add(Event{Kind: Break, On: on}, at) }

func (t *tap) Lines(at serial.Time, _ serial.Signals) {
	t.add(Event{Kind: Lines, Signals: t.r.p.SignalsLocked() | t.r.p.OutputsLocked()}, at)
}

// Full says that a recording has reached its limit: what came afterwards is not in it.
type Full struct{ Limit int64 }

func (f *Full) Error() string {
	return fmt.Sprintf("the recording has reached its limit of %d MiB; what came afterwards is not in it", f.Limit>>20)
}

// limited counts what is written.
type limited struct {
	w           io.Writer
	limit, left int64
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.w.Write(p)
	l.left -= int64(n)
	return n, err
}

// full says when it is enough.
func (l *limited) full() error {
	if l.left < 0 {
		return &Full{l.limit}
	}
	return nil
}
