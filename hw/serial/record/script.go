package record

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Op is one line of a .script [umockdev].
type Op struct {
	Op    byte // 'r' the host reads Data, 'w' it writes Data, 'f' sets the fuzz percentage
	Value int  // r, w: ms since the operation before; f: percent
	Data  []byte
	Line  int // in the file, from 1; 0 if it was not read from one
}

// Script is a dialogue between host and device.
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
		data := "-"
		if o.Op != 'f' {
			data = escape(o.Data)
		}
		fmt.Fprintf(&b, "%c %d %s\n", o.Op, o.Value, data)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// mergeGap is how near operations of one direction are one, as in umockdev-record.
const mergeGap = 10 * time.Millisecond

// Script is the trace as a dialogue. Breaks, modem lines and damaged characters have no place in one: the second result counts them.
func (t *Trace) Script() (Script, int) {
	var s Script
	left := 0
	var begin, end time.Duration // of the last operation
	for _, e := range t.Events {
		if e.Kind != Chars || e.Flip != 0 {
			left++
			continue
		}
		op := byte('w')
		if e.Dir == In {
			op = 'r'
		}
		over := e.At + e.Mode.CharTime(len(e.Data))
		if n := len(s); n > 0 && s[n-1].Op == op && e.At-end < mergeGap {
			s[n-1].Data = append(s[n-1].Data, e.Data...)
			end = over
			continue
		}
		s = append(s, Op{Op: op, Value: int(max(0, e.At-begin) / time.Millisecond), Data: append([]byte(nil), e.Data...)})
		begin, end = e.At, over
	}
	return s, left
}

// WriteScript writes the trace as a .script.
//
// Errors: w's; when something recorded has no place in a script, an error after everything else was written.
func (t *Trace) WriteScript(w io.Writer) error {
	s, left := t.Script()
	if err := s.Write(w); err != nil {
		return err
	}
	if left+t.Lost > 0 {
		return fmt.Errorf("script: %d breaks, modem-line changes and damaged characters cannot be written in this format, %d characters were not recorded; use pcapng or VCD to see them", left, t.Lost)
	}
	return nil
}
