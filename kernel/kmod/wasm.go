package kmod

import (
	"strings"

	"github.com/kobench/kobench/kernel/ko/object"
)

// wasmObject is one of our own modules. It has no checksums: every CRC is 0.
type wasmObject struct{ o *object.Object }

func parseWasm(image []byte) (Object, error) {
	o, err := object.Parse(withoutSignature(image))
	if err != nil {
		return nil, badFormat("%v", err)
	}
	return wasmObject{o}, nil
}

func (w wasmObject) Modinfo() ([]Field, error) {
	data, ok := w.o.Section(".modinfo")
	if !ok {
		return nil, ErrNoSection
	}
	return modinfoFields(data), nil
}

func (w wasmObject) Exports() ([]Symbol, error) {
	var out []Symbol
	for _, s := range w.o.Segments {
		for _, prefix := range [2]string{"___ksymtab+", "___ksymtab_gpl+"} {
			if name, ok := strings.CutPrefix(s.Name, prefix); ok {
				out = append(out, Symbol{Name: name})
			}
		}
	}
	if out == nil {
		return nil, ErrNoSection
	}
	return out, nil
}

func (w wasmObject) Undefined() ([]Symbol, error) {
	var out []Symbol
	for _, s := range w.o.Undefined() {
		out = append(out, Symbol{Name: s.Name, Weak: s.Weak()})
	}
	return out, nil
}

func (w wasmObject) Versions() ([]Symbol, error) { return nil, ErrNoSection }
