package object

import (
	"errors"
	"fmt"
)

// typeIndex is the index of a signature in the emitted module, which has only those that it
// needs: the engine makes code for each.
func (l *linker) typeIndex(t FuncType) uint32 {
	k := t.Key()
	if i, ok := l.typeIdx[k]; ok {
		return i
	}
	l.typeIdx[k] = uint32(len(l.types))
	l.types = append(l.types, t)
	return l.typeIdx[k]
}

// resolve finds a target for every undefined symbol and numbers the functions.
func (l *linker) resolve() error {
	o := l.o
	l.typeIdx = make(map[string]uint32, len(o.Types)+8)
	void := l.typeIndex(FuncType{})
	i32 := l.typeIndex(FuncType{Params: []ValType{I32}})
	fault := l.typeIndex(FuncType{Params: []ValType{I64, I32}})
	cp := l.typeIndex(FuncType{Params: []ValType{I64, I64, I64, I32}})
	fill := l.typeIndex(FuncType{Params: []ValType{I64, I32, I64, I32}})
	l.imports = append(l.imports, importFunc{"kernel", "resched", void}, importFunc{"kernel", "trap", i32},
		importFunc{"kernel", "stack", void}, importFunc{"kernel", "slot", ^uint32(0)},
		importFunc{"kernel", "fault", fault}, importFunc{"kernel", "copy", cp}, importFunc{"kernel", "fill", fill})
	l.indirect = map[string]uint32{}
	var part []bool
	if l.opt.Part != nil {
		part = l.opt.Part.Funcs
	}
	for _, t := range o.Indirect(part) {
		u := FuncType{Params: append(append([]ValType(nil), t.Params...), I64), Results: t.Results}
		l.indirect[t.Key()] = uint32(len(l.imports))
		module, name := "kernel", "icall."+t.Key()
		if l.opt.Indirect != nil {
			module, name = l.opt.Indirect(t)
		}
		l.imports = append(l.imports, importFunc{module, name, l.typeIndex(u)})
	}

	if l.opt.Resolve != nil && (l.opt.Part == nil || len(l.emitted) > 0) {
		l.resolveLive()
	}
	called, taken, used := l.uses()
	l.target = make([]Target, len(o.Symbols))
	l.funcOf = make([]uint32, len(o.Symbols))
	l.slotOf = make([]uint32, len(o.Symbols))
	type key struct{ module, name string }
	index := map[key]uint32{}
	stub := map[uint32]bool{}
	var errs []error
	for i := range o.Symbols {
		s := &o.Symbols[i]
		if s.Defined() || s.Kind != SymFunc && s.Kind != SymData || l.opt.Part != nil && !used[i] {
			continue
		}
		t, err := Target{}, error(nil)
		if l.opt.Resolve == nil {
			err = errors.New("nothing to resolve it with")
		} else {
			t, err = l.opt.Resolve(s)
		}
		switch {
		case err != nil && s.Weak():
			if s.Kind == SymFunc && called[i] {
				stub[uint32(i)] = true
			}
			continue
		case err != nil:
			errs = append(errs, &Error{Kind: joinKind(ErrUndefined, err), Offset: -1, Symbol: s.Name, Msg: err.Error()})
			continue
		}
		l.target[i] = t
		if s.Kind == SymData {
			if t.Name != "" {
				errs = append(errs, &Error{Kind: ErrSignature, Offset: -1, Symbol: s.Name, Msg: "used as data, but is a function"})
			}
			continue
		}
		want := o.SymbolType(s)
		if t.Name == "" {
			errs = append(errs, &Error{Kind: ErrSignature, Offset: -1, Symbol: s.Name, Msg: "used as a function, but is data"})
			continue
		}
		if !t.Type.Equal(want) {
			if !adaptable(want, t.Type) {
				errs = append(errs, &Error{Kind: ErrSignature, Offset: -1, Symbol: s.Name,
					Msg: fmt.Sprintf("used as %v, but is %v (wrong prototype or header?)", want, t.Type)})
				continue
			}
			l.img.Adapted = append(l.img.Adapted, Adapted{s.Name, want, t.Type})
		}
		if taken[i] {
			if t.Slot == nil {
				err = errors.New("its address cannot be taken")
			} else {
				l.slotOf[i], err = t.Slot()
			}
			if err != nil {
				errs = append(errs, &Error{Kind: ErrUndefined, Offset: -1, Symbol: s.Name, Msg: err.Error()})
			}
		}
		if called[i] {
			k := key{t.Module, t.Name}
			if _, ok := index[k]; !ok {
				index[k] = uint32(len(l.imports))
				l.imports = append(l.imports, importFunc{t.Module, t.Name, l.typeIndex(t.Type)})
			}
			l.funcOf[i] = index[k]
			if !t.Type.Equal(want) {
				l.adapters = append(l.adapters, adapter{uint32(i), want, t.Type, index[k]})
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	l.newIndex = make([]uint32, len(o.Funcs))
	if l.opt.Part != nil {
		for i := range o.Symbols {
			s := &o.Symbols[i]
			if !called[i] || !s.Defined() || l.opt.Part.Funcs[s.Index-o.numImpFuncs] {
				continue
			}
			module, name := l.opt.Part.Other(int(s.Index - o.numImpFuncs))
			k := key{module, name}
			if _, ok := index[k]; !ok {
				index[k] = uint32(len(l.imports))
				l.imports = append(l.imports, importFunc{module, name, l.typeIndex(o.SymbolType(s))})
			}
			l.newIndex[s.Index-o.numImpFuncs] = index[k]
		}
	}
	l.firstFunc = uint32(len(l.imports))
	for n, f := range l.emitted {
		l.newIndex[f] = l.firstFunc + uint32(n)
	}
	for i := range o.Symbols {
		s := &o.Symbols[i]
		switch {
		case s.Kind != SymFunc:
		case s.Defined():
			l.funcOf[i] = l.newIndex[s.Index-o.numImpFuncs]
			l.slotOf[i] = l.slots[s.Index-o.numImpFuncs]
		case stub[uint32(i)]:
			l.funcOf[i] = l.firstFunc + uint32(len(l.emitted)+len(l.stubs))
			l.stubs = append(l.stubs, o.Imports[o.impFunc[s.Index]].Type)
		}
	}
	for n, a := range l.adapters {
		l.funcOf[a.symbol] = l.firstFunc + uint32(len(l.emitted)+len(l.stubs)+n)
	}
	return nil
}

func joinKind(kind, err error) error { return &kindError{kind, err} }

type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.kind.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }

// uses tells which symbols the emitted code calls, of which the address is
// taken, and which it or the data uses at all.
func (l *linker) uses() (called, taken, used []bool) {
	n := len(l.o.Symbols)
	called, taken, used = make([]bool, n), make([]bool, n), make([]bool, n)
	add := func(x *Reloc) {
		switch x.Type {
		case TypeIndexLEB:
			return
		case FunctionIndexLEB:
			called[x.Index] = true
		case TableIndexSLEB64, TableIndexI64:
			taken[x.Index] = true
		}
		used[x.Index] = true
	}
	f := 0
	for i := range l.o.CodeRelocs {
		x := &l.o.CodeRelocs[i]
		for f < len(l.emitted) && x.Offset >= l.o.Funcs[l.emitted[f]].End {
			f++
		}
		if f < len(l.emitted) && x.Offset >= l.o.Funcs[l.emitted[f]].Start {
			add(x)
		}
	}
	if l.withData() {
		for i := range l.o.DataRelocs {
			add(&l.o.DataRelocs[i])
		}
	}
	return called, taken, used
}

// withData: all parts but the one without functions leave the data alone.
func (l *linker) withData() bool { return l.opt.Part == nil || len(l.emitted) == 0 }
