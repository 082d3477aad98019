package record

import (
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
	At      time.Duration // since the recording began; on a line without time the order is what counts
	Line    serial.Time   // the same in line time, for the wire's levels
	Dir     Dir
	Kind    Kind
	Data    []byte
	Mode    serial.Mode // of the sender
	Flip    uint16      // frame bits inverted by a fault; Data is then one character
	On      bool
	Signals serial.Signals // all lines at the host's end: outputs and inputs
}

// maxData bounds a recording in memory, in characters.
const maxData = 64 << 20

// Recorder watches both directions of a line at the host's end.
type Recorder struct {
	p     *serial.Port
	start time.Time
	zero  serial.Time
	paced bool
	taps  [2]*tap

	mu    sync.Mutex // a leaf
	trace Trace
	size  int
}

// Trace is a recording.
type Trace struct {
	Events []Event
	Lost   int       // characters that did not fit into the recording
	Start  time.Time // when it began
	First  serial.Signals
}

// Start begins to record what p sends and receives, and its modem lines.
func Start(p *serial.Port) *Recorder {
	r := &Recorder{p: p, start: time.Now(), paced: p.Speed() == serial.Paced}
	p.Lock()
	r.zero = p.NowLocked()
	r.trace.First = p.SignalsLocked() | p.OutputsLocked()
	r.trace.Start = r.start
	p.Unlock()
	r.taps[Out] = &tap{r, Out}
	p.AddTap(r.taps[Out])
	if q := p.Peer(); q != p {
		r.taps[In] = &tap{r, In}
		q.AddTap(r.taps[In])
	}
	return r
}

// Stop ends the recording.
func (r *Recorder) Stop() {
	r.p.RemoveTap(r.taps[Out])
	if r.taps[In] != nil {
		r.p.Peer().RemoveTap(r.taps[In])
	}
}

// Trace is what has been recorded so far.
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

func (t *tap) add(e Event, at serial.Time) {
	r := t.r
	e.Dir, e.Line = t.dir, at-r.zero
	e.At = time.Duration(e.Line)
	if !r.paced {
		e.At = time.Since(r.start)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size += len(e.Data); r.size > maxData {
		r.trace.Lost += len(e.Data)
		return
	}
	r.trace.Events = append(r.trace.Events, e)
	if r.taps[In] == nil && e.Kind != Lines { // a loop-back plug: the same comes back
		e.Dir = In
		r.trace.Events = append(r.trace.Events, e)
	}
}

func (t *tap) Chars(at serial.Time, m serial.Mode, p []byte, flip uint16) {
	t.add(Event{Kind: Chars, Data: append([]byte(nil), p...), Mode: m, Flip: flip}, at)
}

func (t *tap) Break(at serial.Time, on bool) { t.add(Event{Kind: Break, On: on}, at) }

func (t *tap) Lines(at serial.Time, _ serial.Signals) {
	t.add(Event{Kind: Lines, Signals: t.r.p.SignalsLocked() | t.r.p.OutputsLocked()}, at)
}
