package record

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Op is one line of a .script [umockdev].
type Op struct {
	Op    byte // 'r' the host reads Data, 'w' it writes Data, 'f' sets the fuzz percentage
	Value int  // r, w: ms since the operation before; f: percent
	Data  []byte
	Line  int // in the file, from 1; 0 if it was not read from one
}

// Script is a dialogue between host and device, as a .script has it.
type Script []Op

// maxScriptLine bounds a line that is read.
const maxScriptLine = 16 << 20

// ParseScript reads a .script. Lines of comment begin with #; Q ends the script.
//
// Errors: the line that cannot be read, and what was expected.
func ParseScript(r io.Reader) (Script, error) {
	var s Script
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxScriptLine)
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		op, rest, _ := strings.Cut(line, " ")
		if op == "Q" {
			return s, nil
		}
		value, data, ok := strings.Cut(rest, " ")
		if len(op) != 1 || !strings.Contains("rwf", op) {
			return nil, fmt.Errorf("script: line %d: operation %q; there are r, w, f and Q", n, op)
		}
		v, err := strconv.Atoi(value)
		if err != nil || v < 0 || v > 1<<30 || op == "f" && v > 100 {
			return nil, fmt.Errorf("script: line %d: %q is not a number of milliseconds, or per cent for f", n, value)
		}
		if !ok && op != "f" {
			return nil, fmt.Errorf("script: line %d: no data after %q", n, op+" "+value)
		}
		b, err := unescape(data)
		if err != nil {
			return nil, fmt.Errorf("script: line %d: %w", n, err)
		}
		if op == "f" {
			b = nil
		}
		s = append(s, Op{op[0], v, b, n})
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("script: %w", err)
	}
	return s, nil
}

// unescape undoes [umockdev]'s ^: ^@ is 0, ^J 10, ^` is ^ itself.
func unescape(s string) ([]byte, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '^' {
			i++
			switch {
			case i == len(s):
				return nil, fmt.Errorf("the data ends in the middle of an escape, after ^")
			case s[i] == '`':
			case s[i] >= '@' && s[i] < '`':
				c = s[i] - 64
			default:
				return nil, fmt.Errorf("^%c is no escape; there are ^@ to ^_ and ^`", s[i])
			}
		}
		b = append(b, c)
	}
	return b, nil
}

func escape(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		switch {
		case c < 32:
			s.WriteByte('^')
			s.WriteByte(c + 64)
		case c == '^':
			s.WriteString("^`")
		default:
			s.WriteByte(c)
		}
	}
	return s.String()
}

// Write writes the script as umockdev-record does.
func (s Script) Write(w io.Writer) error {
	var b bytes.Buffer
	for _, o := range s {
		o.write(&b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (o *Op) write(b *bytes.Buffer) {
	data := "-"
	if o.Op != 'f' {
		data = escape(o.Data)
	}
	fmt.Fprintf(b, "%c %d %s\n", o.Op, o.Value, data)
}

// mergeGap is how near operations of one direction are one, as in umockdev-record.
const mergeGap = 10 * time.Millisecond

// maxOp is how long an operation gets in a recording that is written as it happens; a longer one is
// several.
const maxOp = 64 << 10

// scriptEncoder is an encoder. It holds back the last operation, which may not be over.
type scriptEncoder struct {
	w            io.Writer
	buf          bytes.Buffer
	op           Op // Op 0: none
	begin, ended time.Duration
	left         int // events without a place in a script
}

func (s *scriptEncoder) event(e Event, _ serial.Time) error {
	if e.Kind != Chars || e.Flip != 0 {
		s.left++
		return nil
	}
	op := byte('w')
	if e.Dir == In {
		op = 'r'
	}
	over := e.At + e.Mode.CharTime(len(e.Data))
	if s.op.Op == op && e.At-s.ended < mergeGap && len(s.op.Data) < maxOp {
		s.op.Data = append(s.op.Data, e.Data...)
		s.ended = over
		return nil
	}
	err := s.out()
	s.op = Op{Op: op, Value: int(max(0, e.At-s.begin) / time.Millisecond), Data: append(s.op.Data[:0], e.Data...)}
	s.begin, s.ended = e.At, over
	return err
}

// out writes the operation that was held back.
func (s *scriptEncoder) out() error {
	if s.op.Op == 0 {
		return nil
	}
	s.buf.Reset()
	s.op.write(&s.buf)
	s.op.Op = 0
	_, err := s.w.Write(s.buf.Bytes())
	return err
}

func (s *scriptEncoder) flush() error  { return nil }
func (s *scriptEncoder) end(int) error { return s.out() }

// WriteScript writes the trace as a dialogue.
//
// Errors: w's; when something recorded has no place in a script, *[NoPlace] after everything else
// was written.
func (t *Trace) WriteScript(w io.Writer) error {
	e, err := t.write(w, FormatScript, "")
	if err != nil {
		return err
	}
	if left := e.(*scriptEncoder).left; left+t.Lost > 0 {
		return &NoPlace{left, t.Lost}
	}
	return nil
}

// NoPlace says what a script has no place for.
type NoPlace struct {
	Events int // breaks, modem-line changes and damaged characters
	Lost   int // characters that the recording does not have
}

func (n *NoPlace) Error() string {
	return fmt.Sprintf("script: %d breaks, modem-line changes and damaged characters cannot be written in this format, %d characters were not recorded; "+
		"use pcapng or VCD to see them", n.Events, n.Lost)
}
