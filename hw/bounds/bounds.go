// Package bounds looks, before anything parses it, whether a text in YAML is one that a parser can
// be given. A parser takes memory and time by the square of nesting and of the number of keys
// (60,000 brackets take 5 GB), and aliases of aliases have no end.
package bounds

import (
	"fmt"
	"strings"
)

const (
	// MaxText is how long a text may be, in bytes.
	MaxText = 256 << 10

	maxItems   = 8192 // lines and commas
	maxDepth   = 32   // of what is inside of one another
	maxMark    = 200  // columns before a line begins
	maxAliases = 16
)

// Error says what is too much, and where.
type Error struct {
	Line, Col int // from 1
	Msg       string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg) }

// YAML checks a text; nil is that it may be parsed. Brackets in strings count too.
func YAML(text []byte) *Error {
	at := &Error{Line: 1, Col: 1}
	over := func(format string, args ...any) *Error {
		at.Msg = fmt.Sprintf(format, args...)
		return at
	}
	if len(text) > MaxText {
		return over("%d bytes of YAML: want at most %d", len(text), MaxText)
	}
	items, open, marks, aliases, begun, last := 0, 0, 0, 0, false, byte('\n')
	for _, c := range text {
		switch c {
		case '\n', '\r':
			items++
			at.Line, at.Col, marks, begun = at.Line+1, 0, 0, false
		case ',':
			items++
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		}
		if c == '*' && strings.IndexByte(" \t\r\n[{,:-?", last) >= 0 {
			aliases++
		}
		switch {
		case c == ' ' || c == '\t' || begun || at.Col == 0:
		case strings.IndexByte("-?:!&*|>[{", c) >= 0: // what can stand before something else
			marks++
		default:
			begun = true
		}
		switch {
		case items > maxItems:
			return over("more than %d lines and commas", maxItems)
		case open > maxDepth || marks > maxDepth:
			return over("nested more than %d deep", maxDepth)
		case aliases > maxAliases:
			return over("more than %d aliases", maxAliases)
		case !begun && at.Col > maxMark:
			return over("indented by more than %d columns", maxMark)
		}
		last = c
		at.Col++
	}
	return nil
}
