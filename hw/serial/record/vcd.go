package record

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"github.com/kobench/kobench/hw/serial"
)

// change is one wire's new level.
type change struct {
	at   serial.Time
	wire byte // index into wires
	high bool
}

// wires of the dump: the two data wires, as logic levels (mark is 1), and the modem lines (on is 1).
var wires = [...]struct {
	name string
	line serial.Signals
}{{"TX", 0}, {"RX", 0}, {"DTR", serial.DTR}, {"RTS", serial.RTS}, {"CTS", serial.CTS}, {"DSR", serial.DSR}, {"DCD", serial.DCD}, {"RI", serial.RI}}

// WriteVCD writes the levels of the wires at the host's end, in nanoseconds, for sigrok and GTKWave. It takes about 20 times the
// recorded characters in memory.
//
// Errors: w's.
func (t *Trace) WriteVCD(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "$date %s $end\n$version kobench $end\n", t.Start.UTC().Format("2006-01-02 15:04:05"))
	if t.Lost > 0 {
		fmt.Fprintf(b, "$comment %d characters were not recorded: the recording was full $end\n", t.Lost)
	}
	fmt.Fprintf(b, "$timescale 1 ns $end\n$scope module serial $end\n")
	for i, x := range wires {
		fmt.Fprintf(b, "$var wire 1 %c %s $end\n", '!'+i, x.name)
	}
	fmt.Fprintf(b, "$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n")
	level := make([]bool, len(wires))
	for i, x := range wires {
		level[i] = x.line == 0 || t.First&x.line != 0
		fmt.Fprintf(b, "%d%c\n", bit(level[i]), '!'+i)
	}
	fmt.Fprintf(b, "$end\n")
	cs := t.changes()
	at := serial.Time(0)
	for _, c := range cs {
		if level[c.wire] == c.high {
			continue
		}
		level[c.wire] = c.high
		if c.at > at {
			at = c.at
			fmt.Fprintf(b, "#%d\n", at)
		}
		fmt.Fprintf(b, "%d%c\n", bit(c.high), '!'+int(c.wire))
	}
	// Rest long enough for a decoder to see the last stop bit.
	fmt.Fprintf(b, "#%d\n", at+t.rest())
	return b.Flush()
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

// rest is two characters of the last mode.
func (t *Trace) rest() serial.Time {
	for _, e := range slices.Backward(t.Events) {
		if e.Kind == Chars {
			return serial.Time(e.Mode.CharTime(2))
		}
	}
	return 1
}

// changes are all levels in the order of time.
func (t *Trace) changes() (cs []change) {
	lines := t.First
	for _, e := range t.Events {
		switch e.Kind {
		case Chars:
			cs = frames(cs, e)
		case Break:
			cs = append(cs, change{e.Line, byte(e.Dir), !e.On})
		case Lines:
			for i, x := range wires {
				if (lines^e.Signals)&x.line != 0 {
					cs = append(cs, change{e.Line, byte(i), e.Signals&x.line != 0})
				}
			}
			lines = e.Signals
		}
	}
	slices.SortStableFunc(cs, func(a, b change) int { return int(min(1, max(-1, a.at-b.at))) })
	return cs
}

// frames appends the edges of a run of characters.
func frames(cs []change, e Event) []change {
	m := e.Mode
	high := true
	for i, c := range e.Data {
		start := e.Line + serial.Time(m.CharTime(i))
		f, n := m.Frame(c, e.Flip)
		for k := range n {
			if l := f&(1<<k) != 0; l != high {
				cs = append(cs, change{start + m.BitTime(k), byte(e.Dir), l})
				high = l
			}
		}
		if !high { // a stop bit that was inverted: idle follows
			cs = append(cs, change{e.Line + serial.Time(m.CharTime(i+1)), byte(e.Dir), true})
			high = true
		}
	}
	return cs
}
