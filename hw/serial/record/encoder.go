package record

import (
	"io"
	"path/filepath"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// encoder writes a recording as it happens, in one format.
type encoder interface {
	// event writes one. No later one is before the line's time now.
	event(e Event, now serial.Time) error
	// flush writes what need not be held back.
	flush() error
	// end writes the rest. lost characters were not recorded.
	end(lost int) error
}

// Format is how a recording is written.
type Format uint8

// The formats.
const (
	FormatScript Format = iota // umockdev's .script, the bytes alone
	FormatPcapng               // for Wireshark and tshark
	FormatVCD                  // for sigrok and GTKWave: the levels of all wires
)

// FormatOf is the format that a file's name asks for by its end: .pcapng, .vcd, any other is a
// script.
func FormatOf(name string) Format {
	switch filepath.Ext(name) {
	case ".pcapng":
		return FormatPcapng
	case ".vcd":
		return FormatVCD
	}
	return FormatScript
}

// encode begins a recording on w.
func (f Format) encode(w io.Writer, start time.Time, first serial.Signals, note string) (encoder, error) {
	switch f {
	case FormatPcapng:
		return newPcapng(w, start, first, note)
	case FormatVCD:
		return newVCD(w, start, first, note)
	}
	return &scriptEncoder{w: w}, nil
}

// write writes a whole recording.
func (t *Trace) write(w io.Writer, f Format, note string) (encoder, error) {
	e, err := f.encode(w, t.Start, t.First, note)
	if err != nil {
		return nil, err
	}
	soonest := make([]serial.Time, len(t.Events)+1) // of what comes behind each event
	soonest[len(t.Events)] = 1<<63 - 1
	for i := len(t.Events) - 1; i >= 0; i-- {
		soonest[i] = min(soonest[i+1], t.Events[i].Line)
	}
	for i, x := range t.Events {
		if err := e.event(x, soonest[i+1]); err != nil {
			return e, err
		}
	}
	return e, e.end(t.Lost)
}
