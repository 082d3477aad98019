package kmod

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// elfObject is a relocatable ELF module of either class and byte order ([ELF]). Only what a module
// tool asks for is read; nothing is trusted, every range is checked against the file's size.
type elfObject struct {
	src      source
	order    binary.ByteOrder
	is64     bool
	machine  uint16
	sections []elfSection

	symtab []byte // read once by symbols
	strtab string
	read   bool
	symErr error
}

type elfSection struct {
	name      string
	off, size uint64
	ok        bool // the range lies inside the file
}

const (
	shnUndef = 0
	shnAbs   = 0xfff1

	stbWeak     = 2
	sttRegister = 13

	emSparc   = 2
	emSparcV9 = 43

	versionSize = 64 // struct modversion_info: an unsigned long, then the name
)

func parseELF(src source) (*elfObject, error) {
	ident, err := src.slice(0, min(64, src.size()))
	if err != nil || len(ident) <= 16 {
		return nil, fmt.Errorf("%w: %d bytes are no ELF header", ErrNotModule, len(ident))
	}
	e := &elfObject{src: src}
	switch ident[4] {
	case 1:
	case 2:
		e.is64 = true
	default:
		return nil, badFormat("ELF class %d", ident[4])
	}
	switch ident[5] {
	case 1:
		e.order = binary.LittleEndian
	case 2:
		e.order = binary.BigEndian
	default:
		return nil, badFormat("ELF data encoding %d", ident[5])
	}
	headerSize := 52
	if e.is64 {
		headerSize = 64
	}
	if src.size() <= uint64(headerSize) {
		return nil, badFormat("%d bytes, the ELF header alone has %d", src.size(), headerSize)
	}
	return e, e.readSections(ident)
}

func (e *elfObject) readSections(h []byte) error {
	var shoff uint64
	var tail []byte // from e_flags' end: ehsize, phentsize, phnum, shentsize, shnum, shstrndx
	want := uint16(40)
	if e.is64 {
		shoff, tail, want = e.order.Uint64(h[40:]), h[52:], 64
	} else {
		shoff, tail = uint64(e.order.Uint32(h[32:])), h[40:]
	}
	e.machine = e.order.Uint16(h[18:])
	entry, count, names := e.order.Uint16(tail[6:]), e.order.Uint16(tail[8:]), e.order.Uint16(tail[10:])
	if entry != want {
		return badFormat("section headers of %d bytes, expected %d", entry, want)
	}
	table, err := e.src.slice(shoff, uint64(entry)*uint64(count))
	if err != nil {
		return badFormat("%d section headers at %d: %v", count, shoff, err)
	}
	e.sections = make([]elfSection, count)
	nameOff := make([]uint32, count)
	for i := range e.sections {
		p, s := table[i*int(entry):], &e.sections[i]
		nameOff[i] = e.order.Uint32(p)
		if e.is64 {
			s.off, s.size = e.order.Uint64(p[24:]), e.order.Uint64(p[32:])
		} else {
			s.off, s.size = uint64(e.order.Uint32(p[16:])), uint64(e.order.Uint32(p[20:]))
		}
		s.ok = s.off <= e.src.size() && s.size <= e.src.size()-s.off
	}
	if names == shnUndef || names >= count {
		return badFormat("section names in section %d of %d", names, count)
	}
	raw, err := e.bytes(&e.sections[names])
	if err != nil || len(raw) == 0 || raw[len(raw)-1] != 0 {
		return badFormat("section %d holds no NUL-terminated section names", names)
	}
	text := string(raw)
	for i := range e.sections {
		if nameOff[i] < uint32(len(text)) {
			e.sections[i].name = cString(text, nameOff[i])
		} else {
			e.sections[i].ok = false
		}
	}
	return nil
}

// cString is the text from off up to the next NUL or the end.
func cString(text string, off uint32) string {
	text = text[off:]
	if i := strings.IndexByte(text, 0); i >= 0 {
		return text[:i]
	}
	return text
}

func (e *elfObject) bytes(s *elfSection) ([]byte, error) {
	if !s.ok {
		return nil, badFormat("section %q lies outside the file", s.name)
	}
	b, err := e.src.slice(s.off, s.size)
	if err != nil {
		return nil, badFormat("section %q: %v", s.name, err)
	}
	return b, nil
}

// section reads the first section of a name, ErrNoSection if there is none.
func (e *elfObject) section(name string) ([]byte, error) {
	for i := range e.sections {
		if s := &e.sections[i]; i > 0 && s.ok && s.name == name {
			return e.bytes(s)
		}
	}
	return nil, ErrNoSection
}

func (e *elfObject) Modinfo() ([]Field, error) {
	data, err := e.section(".modinfo")
	if err != nil {
		return nil, err
	}
	return modinfoFields(data), nil
}

// symbols makes symtab and strtab available.
func (e *elfObject) symbols() error {
	if e.read {
		return e.symErr
	}
	e.read = true
	str, err := e.section(".strtab")
	if err != nil {
		e.symErr = badFormat("no .strtab")
		return e.symErr
	}
	if e.symtab, err = e.section(".symtab"); err != nil || len(e.symtab)%e.symSize() != 0 {
		e.symErr = badFormat(".symtab missing or of odd length")
		return e.symErr
	}
	e.strtab = string(str)
	return nil
}

func (e *elfObject) symSize() int {
	if e.is64 {
		return 24
	}
	return 16
}

type elfSym struct {
	name  uint32
	value uint64
	info  byte
	shndx uint16
}

func (e *elfObject) sym(p []byte) elfSym {
	if e.is64 {
		return elfSym{e.order.Uint32(p), e.order.Uint64(p[8:]), p[4], e.order.Uint16(p[6:])}
	}
	return elfSym{e.order.Uint32(p), uint64(e.order.Uint32(p[4:])), p[12], e.order.Uint16(p[14:])}
}

// Exports follows [kmod] kmod_elf_get_symbols: the __crc_ symbols in the order of the symbol
// table, else the names in __ksymtab_strings.
func (e *elfObject) Exports() ([]Symbol, error) {
	const prefix = "__crc_"
	if e.symbols() != nil {
		return e.exportedStrings()
	}
	var out []Symbol
	size := e.symSize()
	for off := size; off < len(e.symtab); off += size {
		nameOff := e.order.Uint32(e.symtab[off:])
		if nameOff >= uint32(len(e.strtab)) {
			return e.exportedStrings()
		}
		if rest := e.strtab[nameOff:]; !strings.HasPrefix(rest, prefix) {
			continue
		}
		s := e.sym(e.symtab[off:])
		out = append(out, Symbol{Name: cString(e.strtab, nameOff)[len(prefix):], CRC: e.crc(s)})
	}
	if len(out) == 0 {
		return e.exportedStrings()
	}
	return out, nil
}

// crc is a __crc_ symbol's checksum: its value, or since Linux 5.x the word that it points at.
func (e *elfObject) crc(s elfSym) uint64 {
	if s.shndx == shnAbs || s.shndx == shnUndef {
		return s.value
	}
	if int(s.shndx) >= len(e.sections) {
		return ^uint64(0)
	}
	sec := &e.sections[s.shndx]
	if !sec.ok || sec.size < 4 || s.value > sec.size-4 {
		return ^uint64(0)
	}
	b, err := e.src.slice(sec.off+s.value, 4)
	if err != nil {
		return ^uint64(0)
	}
	return uint64(e.order.Uint32(b))
}

func (e *elfObject) exportedStrings() ([]Symbol, error) {
	data, err := e.section("__ksymtab_strings")
	if err != nil {
		return nil, err
	}
	var out []Symbol
	for name := range strings.SplitSeq(string(data), "\x00") {
		if name != "" {
			out = append(out, Symbol{Name: name})
		}
	}
	return out, nil
}

// Undefined follows [kmod] kmod_elf_get_dependency_symbols.
func (e *elfObject) Undefined() ([]Symbol, error) {
	if err := e.symbols(); err != nil {
		return nil, err
	}
	versions, err := e.versions()
	if err != nil {
		versions = nil
	}
	first := make(map[string]int, len(versions))
	for i := len(versions) - 1; i >= 0; i-- {
		first[versions[i].Name] = i
	}
	named := make([]bool, len(versions))

	out := make([]Symbol, 0, len(versions)+1)
	sparc := e.machine == emSparc || e.machine == emSparcV9
	size := e.symSize()
	for off := size; off < len(e.symtab); off += size {
		s := e.sym(e.symtab[off:])
		if s.shndx != shnUndef || sparc && s.info&15 == sttRegister {
			continue
		}
		if s.name >= uint32(len(e.strtab)) {
			return nil, badFormat("symbol %d: name at %d of %d bytes", off/size, s.name, len(e.strtab))
		}
		sym := Symbol{Name: cString(e.strtab, s.name), Weak: s.info>>4 == stbWeak}
		if sym.Name == "" {
			continue
		}
		if i, ok := first[sym.Name]; ok {
			named[i] = true
			sym.CRC = versions[i].CRC
		}
		out = append(out, sym)
	}
	for i, v := range versions { // module_layout, which no symbol names
		if !named[i] {
			out = append(out, v)
		}
	}
	return out, nil
}

func (e *elfObject) Versions() ([]Symbol, error) {
	out, err := e.versions()
	for i := range out { // PowerPC's .foo is foo
		out[i].Name = strings.TrimPrefix(out[i].Name, ".")
	}
	return out, err
}

func (e *elfObject) versions() ([]Symbol, error) {
	data, err := e.section("__versions")
	if err != nil {
		return nil, err
	}
	if len(data)%versionSize != 0 {
		return nil, badFormat("__versions of %d bytes, not a multiple of %d", len(data), versionSize)
	}
	text := string(data)
	out := make([]Symbol, 0, len(data)/versionSize)
	for off := 0; off < len(data); off += versionSize {
		s, nameOff := Symbol{}, 4
		if e.is64 {
			s.CRC, nameOff = e.order.Uint64(data[off:]), 8
		} else {
			s.CRC = uint64(e.order.Uint32(data[off:]))
		}
		s.Name = cString(text[off+nameOff:off+versionSize], 0)
		out = append(out, s)
	}
	return out, nil
}
