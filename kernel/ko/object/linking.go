package object

import "strings"

// custom reads one custom section.
func (p *parser) custom(r *reader) {
	name := r.name()
	if r.err != nil {
		return
	}
	p.o.sections[len(p.o.sections)-1] = name
	r.section = name
	switch {
	case name == "linking":
		p.linkingSection(r)
	case strings.HasPrefix(name, "reloc."):
		p.relocSection(r)
	case name == "name":
		p.nameSection(r)
	case name == "target_features":
		p.features(r)
	default:
		p.o.Custom = append(p.o.Custom, CustomSection{Name: name, Data: r.b[r.p:]})
		r.p = len(r.b)
	}
}

// linkingSection reads [linking] "Linking Metadata Section".
func (p *parser) linkingSection(r *reader) {
	if p.linking {
		r.fail(ErrFormat, "a second linking section")
		return
	}
	p.linking = true
	if v := r.u32(); v != 2 && r.err == nil {
		r.fail(ErrUnsupported, "linking version %d, want 2", v)
		return
	}
	for r.more() {
		at := r.pos()
		kind := r.byte()
		n := r.u32()
		base := r.pos()
		body := r.bytes(n, "a linking subsection")
		if r.err != nil {
			return
		}
		s := &reader{b: body, base: base, section: "linking"}
		switch kind {
		case 5:
			p.segmentInfo(s)
		case 6:
			p.initFuncs(s)
		case 7:
			p.comdats(s)
		case 8:
			p.symbols(s)
		default:
			r.failAt(at, ErrUnsupported, "linking subsection %d", kind)
			return
		}
		if s.err == nil && s.p < len(s.b) {
			s.fail(ErrFormat, "%d bytes left over in linking subsection %d", len(s.b)-s.p, kind)
		}
		if s.err != nil {
			r.err = s.err
			return
		}
	}
}

func (p *parser) segmentInfo(r *reader) {
	n := r.count("segment names", 3)
	if r.err == nil && int(n) != len(p.o.Segments) {
		r.fail(ErrFormat, "%d names for %d data segments", n, len(p.o.Segments))
	}
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		s := &p.o.Segments[i]
		s.Name = r.name()
		a := r.u32()
		s.Flags = r.u32()
		if r.err == nil && a > maxAlign {
			r.failAt(at, ErrLimit, "segment %s is aligned to 2^%d bytes, the limit is 2^%d", s.Name, a, maxAlign)
			return
		}
		if s.Flags&2 != 0 {
			r.failAt(at, ErrUnsupported, "segment %s is thread-local", s.Name)
			return
		}
		s.Align = 1 << a
	}
}

func (p *parser) initFuncs(r *reader) {
	n := r.count("init functions", 2)
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		f := InitFunc{Priority: r.u32(), Symbol: r.u32()}
		if r.err != nil {
			return
		}
		if int(f.Symbol) >= len(p.o.Symbols) || p.o.Symbols[f.Symbol].Kind != SymFunc {
			r.failAt(at, ErrIndex, "init function %d names symbol %d, which is no function", i, f.Symbol)
			return
		}
		p.o.InitFuncs = append(p.o.InitFuncs, f)
	}
}

func (p *parser) comdats(r *reader) {
	n := r.count("comdats", 3)
	for i := uint32(0); i < n && r.err == nil; i++ {
		c := Comdat{Name: r.name()}
		if f := r.u32(); f != 0 && r.err == nil {
			r.fail(ErrUnsupported, "comdat %q has flags %#x", c.Name, f)
		}
		m := r.count("comdat entries", 2)
		for j := uint32(0); j < m && r.err == nil; j++ {
			at := r.pos()
			e := ComdatEntry{Kind: r.u32(), Index: r.u32()}
			var limit int
			switch e.Kind {
			case 0:
				limit = len(p.o.Segments)
			case 1:
				limit = int(p.o.numImpFuncs) + len(p.o.Funcs)
			case 5:
				limit = len(p.o.sections)
			default:
				r.failAt(at, ErrUnsupported, "comdat %q has an entry of kind %d", c.Name, e.Kind)
				return
			}
			if r.err == nil && int64(e.Index) >= int64(limit) {
				r.failAt(at, ErrIndex, "comdat %q names entry %d of %d", c.Name, e.Index, limit)
				return
			}
			c.Entries = append(c.Entries, e)
		}
		p.o.Comdats = append(p.o.Comdats, c)
	}
}

func (p *parser) symbols(r *reader) {
	n := r.count("symbols", 3)
	if n > MaxSymbols {
		r.fail(ErrLimit, "%d symbols, the limit is %d", n, MaxSymbols)
		return
	}
	if len(p.o.Symbols) > 0 {
		r.fail(ErrFormat, "a second symbol table")
		return
	}
	p.o.Symbols = make([]Symbol, 0, n)
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		s := Symbol{Kind: SymbolKind(r.byte()), Flags: SymbolFlags(r.u32())}
		switch s.Kind {
		case SymFunc, SymGlobal, SymTag, SymTable:
			s.Index = r.u32()
			p.indexSymbol(r, at, &s)
		case SymData:
			s.Name = r.name()
			if s.Defined() {
				s.Segment, s.Offset, s.Size = r.u32(), r.u64(), r.u64()
				p.dataSymbol(r, at, &s)
			}
		case SymSection:
			s.Index = r.u32()
			if r.err == nil && int(s.Index) >= len(p.o.sections) {
				r.failAt(at, ErrIndex, "symbol %d names section %d of %d", i, s.Index, len(p.o.sections))
			}
		default:
			r.failAt(at, ErrUnsupported, "symbol %d has kind %d", i, s.Kind)
		}
		if s.Flags&TLS != 0 {
			r.failAt(at, ErrUnsupported, "symbol %q is thread-local", s.Name)
		}
		if !s.Defined() && s.Local() {
			r.failAt(at, ErrFormat, "symbol %q is local and undefined", s.Name)
		}
		p.o.Symbols = append(p.o.Symbols, s)
	}
}

// indexSymbol checks a symbol that names an index space and finds its name.
func (p *parser) indexSymbol(r *reader, at int, s *Symbol) {
	var imported, defined uint32
	var kind ImportKind
	switch s.Kind {
	case SymFunc:
		imported, defined, kind = p.o.numImpFuncs, uint32(len(p.o.Funcs)), ImportFunc
	case SymGlobal:
		imported, kind = p.o.numImpGlob, ImportGlobal
	case SymTable:
		imported, kind = p.o.numImpTable, ImportTable
	default:
		r.failAt(at, ErrUnsupported, "a %v symbol (exceptions)", s.Kind)
	}
	if r.err != nil {
		return
	}
	if s.Defined() {
		if s.Index < imported || s.Index-imported >= defined {
			r.failAt(at, ErrIndex, "defined %v symbol has index %d, the object defines %d to %d", s.Kind, s.Index, imported, imported+defined)
			return
		}
		s.Name = r.name()
		return
	}
	if s.Index >= imported {
		r.failAt(at, ErrIndex, "undefined %v symbol has index %d of %d imports", s.Kind, s.Index, imported)
		return
	}
	if s.Flags&ExplicitName != 0 {
		s.Name = r.name()
		return
	}
	n := uint32(0)
	for i := range p.o.Imports {
		if p.o.Imports[i].Kind != kind {
			continue
		}
		if n == s.Index {
			s.Name = p.o.Imports[i].Name
			return
		}
		n++
	}
}

func (p *parser) dataSymbol(r *reader, at int, s *Symbol) {
	if r.err != nil || s.Flags&Absolute != 0 {
		return
	}
	if int64(s.Segment) >= int64(len(p.o.Segments)) {
		r.failAt(at, ErrIndex, "data symbol %q lies in segment %d of %d", s.Name, s.Segment, len(p.o.Segments))
		return
	}
	if g := &p.o.Segments[s.Segment]; s.Offset > uint64(len(g.Data)) || s.Size > uint64(len(g.Data))-s.Offset {
		r.failAt(at, ErrIndex, "data symbol %q is bytes %d to %d of segment %s, which has %d",
			s.Name, s.Offset, s.Offset+s.Size, g.Name, len(g.Data))
	}
}

func (p *parser) relocSection(r *reader) {
	if !p.linking {
		r.fail(ErrFormat, "relocations before the linking section")
		return
	}
	at := r.pos()
	n := r.u32()
	if r.err != nil {
		return
	}
	if int(n) >= len(p.o.sections)-1 {
		r.failAt(at, ErrIndex, "applies to section %d of %d", n, len(p.o.sections)-1)
		return
	}
	switch target := p.o.sections[n]; target {
	case "code":
		if p.o.CodeRelocs != nil {
			r.failAt(at, ErrFormat, "a second relocation section for the code")
			return
		}
		p.o.CodeRelocs = p.relocs(r, target, uint32(len(p.o.code)))
	case "data":
		if p.o.DataRelocs != nil {
			r.failAt(at, ErrFormat, "a second relocation section for the data")
			return
		}
		p.o.DataRelocs = p.relocs(r, target, uint32(len(p.o.data)))
	case "custom", "type", "import", "function", "memory", "element", "datacount", "linking", "name":
		r.failAt(at, ErrReloc, "relocations for the %s section", target)
	default: // debug information
		size := uint32(0)
		for i := range p.o.Custom {
			if p.o.Custom[i].Name == target {
				size = uint32(len(p.o.Custom[i].Data))
			}
		}
		p.o.CustomRelocs = append(p.o.CustomRelocs, SectionRelocs{target, p.relocs(r, target, size)})
	}
}

// nameSection takes the module's and the functions' names. They serve messages
// only, so a malformed rest is not an error ([core] 7.4.1).
func (p *parser) nameSection(r *reader) {
	sub := &reader{b: r.b[r.p:], base: r.pos(), section: "name"}
	r.p = len(r.b)
	limit := p.o.numImpFuncs + uint32(len(p.o.Funcs))
	for sub.more() {
		kind := sub.byte()
		n := sub.u32()
		base := sub.pos()
		body := sub.bytes(n, "a name subsection")
		if sub.err != nil {
			return
		}
		s := &reader{b: body, base: base, section: "name"}
		switch kind {
		case 0:
			p.o.ModuleName = s.name()
		case 1:
			n := s.count("function names", 2)
			p.o.names = make(map[uint32]string, min(n, limit))
			for i := uint32(0); i < n && s.err == nil; i++ {
				idx, name := s.u32(), s.name()
				if s.err == nil && idx < limit {
					p.o.names[idx] = name
				}
			}
		}
	}
}

func (p *parser) features(r *reader) {
	n := r.count("features", 2)
	for i := uint32(0); i < n && r.err == nil; i++ {
		p.o.Features = append(p.o.Features, Feature{Prefix: r.byte(), Name: r.name()})
	}
}
