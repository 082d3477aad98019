package object

import (
	"errors"
	"fmt"
)

// The kinds of Error, to be tested with errors.Is.
var (
	ErrFormat      = errors.New("not a relocatable wasm object")
	ErrTruncated   = errors.New("truncated")
	ErrIndex       = errors.New("index out of range")
	ErrReloc       = errors.New("bad relocation")
	ErrLimit       = errors.New("limit exceeded")
	ErrUnsupported = errors.New("not supported")
	ErrCode        = errors.New("bad code")
	ErrUndefined   = errors.New("unknown symbol")
	ErrSignature   = errors.New("symbol has another signature")
	ErrOldABI      = errors.New("another ABI")
)

// Error says what is wrong with an object and where.
type Error struct {
	Kind    error  // one of the Err values above
	Section string // the section's name, "" for the file header
	Offset  int    // in bytes from the start of the file, -1 if it has no place
	Symbol  string // the symbol concerned, or ""
	Msg     string // what was found and what was expected
}

func (e *Error) Error() string {
	s := "wasm object"
	if e.Section != "" {
		s += ": section " + e.Section
	}
	if e.Offset >= 0 {
		s += fmt.Sprintf(" at offset %#x", e.Offset)
	}
	if e.Symbol != "" {
		s += ": symbol " + e.Symbol
	}
	s += ": " + e.Kind.Error()
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	return s
}

func (e *Error) Unwrap() error { return e.Kind }
