package kmod

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/kobench/kobench/kernel/uapi"
)

// Field is one "key=value" of a module's .modinfo section.
type Field struct{ Key, Value string }

// Symbol is an exported, needed or versioned symbol of a module.
type Symbol struct {
	Name string
	CRC  uint64 // 0 where the module has none
	Weak bool   // a needed symbol that may stay undefined
}

// Object is what the tools want to know of a module file, whatever its format.
//
// Errors: ErrFormat for a damaged file; ErrNoSection where the file has no such part.
type Object interface {
	Modinfo() ([]Field, error)    // in the order of .modinfo
	Exports() ([]Symbol, error)   // what the module exports
	Undefined() ([]Symbol, error) // what it needs, then versioned symbols it does not name
	Versions() ([]Symbol, error)  // its __versions, "module_layout" first
}

// ErrFormat is wrapped by every complaint about a module file's contents. Its errno is EINVAL,
// which is what the tools print.
var ErrFormat error = formatError{}

type formatError struct{}

func (formatError) Error() string { return "Invalid argument" }
func (formatError) Errno() int    { return int(uapi.EINVAL) }

// ErrNotModule reports that a file is of no format that a module can have. Its errno is ENOEXEC.
var ErrNotModule error = notModuleError{}

type notModuleError struct{}

func (notModuleError) Error() string { return "Exec format error" }
func (notModuleError) Errno() int    { return int(uapi.ENOEXEC) }

// ErrNoSection reports that a module lacks a part. Its errno is ENOENT.
var ErrNoSection error = noSectionError{}

type noSectionError struct{}

func (noSectionError) Error() string { return "No such file or directory" }
func (noSectionError) Errno() int    { return int(uapi.ENOENT) }

func badFormat(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Parse reads a module's uncompressed bytes, ELF or wasm by its first bytes. The result refers to
// the image, which must not change.
//
// Errors: ErrFormat; ErrNotModule for neither.
func Parse(image []byte) (Object, error) {
	switch {
	case bytes.HasPrefix(image, []byte("\x7fELF")):
		return parseELF(memory(image))
	case bytes.HasPrefix(image, []byte("\x00asm")):
		return parseWasm(image)
	}
	return nil, fmt.Errorf("%w: neither an ELF nor a wasm object (first bytes % x)", ErrNotModule, image[:min(4, len(image))])
}

// modinfoFields splits a .modinfo section. A string without '=' is its own key, value empty.
func modinfoFields(data []byte) []Field {
	var fields []Field
	text := string(data)
	for len(text) > 0 {
		end := 0
		for end < len(text) && text[end] != 0 {
			end++
		}
		if end > 0 {
			fields = append(fields, splitField(text[:end]))
		}
		text = text[min(end+1, len(text)):]
	}
	return fields
}

func splitField(s string) Field {
	for i := 0; i < len(s); i++ {
		if s[i] == '=' {
			return Field{s[:i], s[i+1:]}
		}
	}
	return Field{Key: s}
}

// source gives ranges of a file's bytes; they are inside it or an error.
type source interface {
	size() uint64
	slice(off, n uint64) ([]byte, error)
}

type memory []byte

func (m memory) size() uint64 { return uint64(len(m)) }

func (m memory) slice(off, n uint64) ([]byte, error) {
	if off > uint64(len(m)) || n > uint64(len(m))-off {
		return nil, errors.New("outside the file")
	}
	return m[off : off+n], nil
}
