// Package learn writes a device's table from a recording of it: what it answered to what, with what
// varies marked.
//
//	script, err := record.ParseScript(f)
//	text, err := learn.Table("desk.script", script)     // a table for hw/serial/device/dialogue
//
// Messages are found by their ends (CR LF, CR, LF), or by the pauses between them; a checksum that
// all of them have (CRC-16/Modbus, NMEA) is taken out and made anew. A request with several answers
// becomes one rule: numbers that grow by the same step are counters, times of day are the
// machine's, other parts are the recorded ones in turn. What came unasked becomes a timer.
package learn

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/serial/device/dialogue"
	"github.com/kobench/kobench/hw/serial/record"
)

// message is one that the device sent.
type message struct {
	data  []byte
	after time.Duration // since what came before
}

// exchange is a request with the answers that it got, in order; the unasked have no request.
type exchange struct {
	request []byte
	answers [][]message // of each time that it was asked
}

// Table writes a table from a recording; name is for its first line. What it writes has been read
// again.
//
// Errors: the recording has nothing of the device; a table that cannot be read, which is a bug.
func Table(name string, s record.Script) ([]byte, error) {
	var said, asked [][]byte
	for _, o := range s {
		if len(o.Data) == 0 {
			continue
		}
		switch o.Op {
		case 'r':
			said = append(said, o.Data)
		case 'w':
			asked = append(asked, o.Data)
		}
	}
	if len(said) == 0 {
		return nil, errors.New("learn: the device said nothing in this recording")
	}
	f := frames(asked, said)
	list := f.exchanges(s)
	w := &writer{f: f}
	for i := range list {
		w.exchange(&list[i])
	}
	text := w.table(name)
	if _, err := dialogue.Parse(name, "", text); err != nil {
		return nil, fmt.Errorf("learn: the table that was learned cannot be read: %w", err)
	}
	return text, nil
}

// framing is how messages end.
type framing struct {
	end, out string // "": by pauses
	check    string // modbus, nmea or ""
	text     bool
}

// frames finds out how messages end, and which checksum they have.
func frames(asked, said [][]byte) framing {
	all := slices.Concat(asked, said)
	f := framing{text: !slices.ContainsFunc(all, func(b []byte) bool {
		return bytes.ContainsFunc(b, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\r' && r != '\n' && r != '\t' })
	})}
	end := func(list [][]byte) string {
		for _, e := range []string{"\r\n", "\r", "\n"} {
			if len(list) > 0 && !slices.ContainsFunc(list, func(b []byte) bool { return !bytes.HasSuffix(b, []byte(e)) }) {
				return e
			}
		}
		return ""
	}
	if f.text {
		f.end, f.out = end(asked), end(said)
		if len(asked) == 0 {
			f.end = f.out
		}
	}
	for _, check := range []string{"modbus", "nmea"} {
		if check == "nmea" && f.end == "" || check == "modbus" && f.text {
			continue
		}
		fits := func(b []byte) bool {
			for _, m := range f.split(b, f.out) {
				if _, ok := dialogue.TakeCheck(check, m); !ok {
					return false
				}
			}
			return true
		}
		if !slices.ContainsFunc(said, func(b []byte) bool { return !fits(b) }) {
			f.check = check
			break
		}
	}
	return f
}

// split takes what came at once apart into messages, without their ends.
func (f framing) split(b []byte, end string) [][]byte {
	if end == "" {
		return [][]byte{b}
	}
	parts := bytes.Split(b, []byte(end))
	if last := len(parts) - 1; len(parts[last]) == 0 {
		parts = parts[:last]
	}
	return parts
}

// body is a message without its checksum.
func (f framing) body(b []byte) []byte {
	if f.check != "" {
		if body, ok := dialogue.TakeCheck(f.check, b); ok {
			return body
		}
	}
	return b
}

// unasked is how long after the last request something is no answer.
const unasked = 500 * time.Millisecond

// exchanges groups what was asked and answered, by request.
func (f framing) exchanges(s record.Script) []exchange {
	var list []exchange
	find := func(request []byte) *exchange {
		for i := range list {
			if bytes.Equal(list[i].request, request) && (list[i].request == nil) == (request == nil) {
				return &list[i]
			}
		}
		list = append(list, exchange{request: request})
		return &list[len(list)-1]
	}
	current, since := -1, time.Duration(0)
	for _, o := range s {
		gap := time.Duration(o.Value) * time.Millisecond
		since += gap
		if len(o.Data) == 0 {
			continue
		}
		switch o.Op {
		case 'w':
			for _, m := range f.split(o.Data, f.end) {
				x := find(f.body(append([]byte{}, m...)))
				x.answers = append(x.answers, nil)
				current = slices.IndexFunc(list, func(e exchange) bool { return bytes.Equal(e.request, x.request) && e.request != nil })
			}
			since = 0
		case 'r':
			var answer []message
			for _, m := range f.split(o.Data, f.out) {
				answer = append(answer, message{f.body(m), gap})
				gap = 0
			}
			if current < 0 || since > unasked {
				x := find(nil)
				x.answers = append(x.answers, answer)
				continue
			}
			last := len(list[current].answers) - 1
			list[current].answers[last] = append(list[current].answers[last], answer...)
		}
	}
	return list
}

// quote writes a text for YAML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteString("\\" + string(c))
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, "\\x%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "\""
}
