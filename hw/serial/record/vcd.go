package record

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// change is one wire's new level.
type change struct {
	at   serial.Time
	seq  uint64 // among those of one time, the order in which they came
	wire byte   // index into wires
	high bool
}

// lane is the changes of one source, in the order of time.
type lane struct {
	all  []change
	done int // of them
}

func (l *lane) left() []change { return l.all[l.done:] }

func (l *lane) push(c change) {
	if l.done > 1024 && 2*l.done > len(l.all) {
		l.all, l.done = l.all[:copy(l.all, l.all[l.done:])], 0
	}
	l.all = append(l.all, c)
	for i := len(l.all) - 1; i > l.done && l.all[i-1].at > c.at; i-- { // hardly ever
		l.all[i-1], l.all[i] = l.all[i], l.all[i-1]
	}
}

// wires of the dump: the two data wires, as logic levels (mark is 1), and the modem lines (on is
// 1).
var wires = [...]struct {
	name string
	line serial.Signals
}{{"TX", 0}, {"RX", 0}, {"DTR", serial.DTR}, {"RTS", serial.RTS}, {"CTS", serial.CTS}, {"DSR", serial.DSR}, {"DCD", serial.DCD}, {"RI", serial.RI}}

// WriteVCD writes the levels of the wires at the host's end, in nanoseconds, for sigrok and
// GTKWave.
//
// Errors: w's.
func (t *Trace) WriteVCD(w io.Writer) error {
	_, err := t.write(w, FormatVCD, "")
	return err
}

// maxHeld bounds the changes that wait for earlier ones. A direction is 4096 characters ahead of
// the other at most, of eleven edges each.
const maxHeld = 64 << 10

// vcdEncoder is an encoder.
type vcdEncoder struct {
	b     *bufio.Writer
	level [len(wires)]bool
	lines serial.Signals
	// of the two directions and the modem lines: an earlier one may still come of another
	held [3]lane
	seq  uint64
	line []byte
	at   serial.Time   // of the last change written
	rest time.Duration // two characters of the last mode
}

func newVCD(w io.Writer, start time.Time, first serial.Signals, note string) (*vcdEncoder, error) {
	v := &vcdEncoder{b: bufio.NewWriter(w), lines: first, rest: 1}
	fmt.Fprintf(v.b, "$date %s $end\n$version kobench $end\n", start.UTC().Format("2006-01-02 15:04:05"))
	if note != "" {
		fmt.Fprintf(v.b, "$comment %s $end\n", note)
	}
	fmt.Fprintf(v.b, "$timescale 1 ns $end\n$scope module serial $end\n")
	for i, x := range wires {
		fmt.Fprintf(v.b, "$var wire 1 %c %s $end\n", '!'+i, x.name)
	}
	fmt.Fprintf(v.b, "$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n")
	for i, x := range wires {
		v.level[i] = x.line == 0 || first&x.line != 0
		fmt.Fprintf(v.b, "%d%c\n", bit(v.level[i]), '!'+i)
	}
	_, err := fmt.Fprintf(v.b, "$end\n")
	return v, err
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

func (v *vcdEncoder) event(e Event, now serial.Time) error {
	switch e.Kind {
	case Chars:
		v.frames(e)
		v.rest = e.Mode.CharTime(2)
	case Break:
		v.hold(e.Line, byte(e.Dir), !e.On)
	case Lines:
		for i, x := range wires {
			if (v.lines^e.Signals)&x.line != 0 {
				v.hold(e.Line, byte(i), e.Signals&x.line != 0)
			}
		}
		v.lines = e.Signals
	}
	return v.write(now, maxHeld)
}

func (v *vcdEncoder) hold(at serial.Time, wire byte, high bool) {
	v.seq++
	v.held[min(int(wire), len(v.held)-1)].push(change{at, v.seq, wire, high})
}

// write writes the changes before now, and the earliest beyond keep.
func (v *vcdEncoder) write(now serial.Time, keep int) (err error) {
	held := 0
	for i := range v.held {
		held += len(v.held[i].left())
	}
	for ; held > 0; held-- {
		var first *lane
		for i := range v.held {
			if l := &v.held[i]; len(l.left()) > 0 && (first == nil || l.left()[0].before(first.left()[0])) {
				first = l
			}
		}
		c := first.left()[0]
		if c.at >= now && held <= keep {
			return err
		}
		first.done++
		if v.level[c.wire] == c.high {
			continue
		}
		v.level[c.wire] = c.high
		line := v.line[:0]
		if c.at > v.at {
			v.at = c.at
			line = append(strconv.AppendInt(append(line, '#'), int64(v.at), 10), '\n')
		}
		line = append(line, '0'+byte(bit(c.high)), '!'+c.wire, '\n')
		_, err = v.b.Write(line)
		v.line = line
	}
	return err
}

func (c change) before(d change) bool { return c.at < d.at || c.at == d.at && c.seq < d.seq }

func (v *vcdEncoder) flush() error { return v.b.Flush() }

func (v *vcdEncoder) end(lost int) error {
	_ = v.write(0, 0) // the buffer keeps its error
	if lost > 0 {
		fmt.Fprintf(v.b, "$comment %d characters were not recorded: the recording was full $end\n", lost)
	}
	// Rest long enough for a decoder to see the last stop bit.
	fmt.Fprintf(v.b, "#%d\n", v.at+serial.Time(v.rest))
	return v.b.Flush()
}

// frames holds the edges of a run of characters.
func (v *vcdEncoder) frames(e Event) {
	m := e.Mode
	high := true
	for i, c := range e.Data {
		start := e.Line + serial.Time(m.CharTime(i))
		f, n := m.Frame(c, e.Flip)
		for k := range n {
			if l := f&(1<<k) != 0; l != high {
				v.hold(start+m.BitTime(k), byte(e.Dir), l)
				high = l
			}
		}
		if !high { // a stop bit that was inverted: idle follows
			v.hold(e.Line+serial.Time(m.CharTime(i+1)), byte(e.Dir), true)
			high = true
		}
	}
}
