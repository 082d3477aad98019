// Package kmodtest makes module files and a kernel to load them into, for tests of the module
// tools: ELF objects with just the sections that the tools read, and a System that keeps a list
// of modules as the kernel does.
//
// References: [ELF] Tool Interface Standard, Executable and Linking Format 1.2.
package kmodtest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Module describes a module file.
type Module struct {
	Name string
	Info []string // "license=GPL" and so on; name= is added if it is missing
	// Exports have CRC 0x1000, 0x1001, … in their order.
	Exports []string
	Needs   []string // undefined symbols
	Weak    []string // likewise, but weak
	// Versions are symbol names of __versions, with CRC 0x1000 + their position.
	Versions []string

	Is32, BigEndian bool
	NoSymtab        bool // leave .symtab out: exports are then __ksymtab_strings alone
	AbsoluteCRC     bool // __crc_ symbols hold the checksum itself, as before Linux 5.x
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

type section struct {
	name  string
	kind  uint32
	data  []byte
	link  uint32
	entry uint64
}

// ELF is the module as a relocatable ELF file.
func (m Module) ELF() []byte {
	var order byteOrder = binary.LittleEndian
	if m.BigEndian {
		order = binary.BigEndian
	}
	b := elfBuilder{m: m, order: order}
	b.build()
	return b.file()
}

type elfBuilder struct {
	m        Module
	order    byteOrder
	sections []section
	strtab   []byte
	symtab   []byte
}

func (b *elfBuilder) add(name string, kind uint32, data []byte) int {
	b.sections = append(b.sections, section{name: name, kind: kind, data: data})
	return len(b.sections) - 1
}

func (b *elfBuilder) build() {
	m := b.m
	b.add("", 0, nil)
	var info bytes.Buffer
	info.WriteByte(0) // padding, as between two objects' strings
	strs := slices.Clone(m.Info)
	if !slices.Contains(strs, "name="+m.Name) {
		strs = append(strs, "name="+m.Name)
	}
	for _, s := range strs {
		info.WriteString(s)
		info.WriteByte(0)
	}
	b.add(".modinfo", 1, info.Bytes())
	crcs := 0
	if len(m.Exports) > 0 {
		var names, sums bytes.Buffer
		for i, e := range m.Exports {
			names.WriteString(e)
			names.WriteByte(0)
			sums.Write(b.u32(0x1000 + uint32(i)))
		}
		b.add("__ksymtab_strings", 1, names.Bytes())
		crcs = b.add("__kcrctab", 1, sums.Bytes())
	}
	if len(m.Versions) > 0 {
		var v bytes.Buffer
		for i, name := range m.Versions {
			var entry [64]byte
			n := copy(entry[:], b.word(0x1000+uint64(i)))
			copy(entry[n:], name)
			v.Write(entry[:])
		}
		b.add("__versions", 1, v.Bytes())
	}
	if !m.NoSymtab {
		b.strtab = []byte{0}
		b.symbol("", 0, 0, 0)
		for i, e := range m.Exports {
			if m.AbsoluteCRC {
				b.symbol("__crc_"+e, 0x1000+uint64(i), 1, 0xfff1)
			} else {
				b.symbol("__crc_"+e, 4*uint64(i), 0, uint16(crcs))
			}
			b.symbol(e, 0, 1, 1)
		}
		for _, n := range m.Needs {
			b.symbol(n, 0, 1, 0)
		}
		for _, n := range m.Weak {
			b.symbol(n, 0, 2, 0)
		}
		sym := b.add(".symtab", 2, b.symtab)
		b.sections[sym].link, b.sections[sym].entry = uint32(sym+1), 24
		b.add(".strtab", 3, b.strtab)
	}
	b.add(".shstrtab", 3, nil)
}

func (b *elfBuilder) u16(v uint16) []byte { return b.order.AppendUint16(nil, v) }
func (b *elfBuilder) u32(v uint32) []byte { return b.order.AppendUint32(nil, v) }
func (b *elfBuilder) u64(v uint64) []byte { return b.order.AppendUint64(nil, v) }

// word is a number of the class's size.
func (b *elfBuilder) word(v uint64) []byte {
	if b.m.Is32 {
		return b.u32(uint32(v))
	}
	return b.u64(v)
}

func (b *elfBuilder) symbol(name string, value uint64, bind byte, section uint16) {
	off := uint32(0)
	if name != "" {
		off = uint32(len(b.strtab))
		b.strtab = append(append(b.strtab, name...), 0)
	}
	out := b.u32(off)
	if b.m.Is32 {
		out = append(append(out, b.u32(uint32(value))...), b.u32(0)...)
		out = append(append(out, bind<<4, 0), b.u16(section)...)
	} else {
		out = append(append(out, bind<<4, 0), b.u16(section)...)
		out = append(append(out, b.u64(value)...), b.u64(0)...)
	}
	b.symtab = append(b.symtab, out...)
}

func (b *elfBuilder) file() []byte {
	headerSize, entrySize, class, data := 64, 64, byte(2), byte(1)
	if b.m.Is32 {
		headerSize, entrySize, class = 52, 40, 1
	}
	if b.m.BigEndian {
		data = 2
	}
	var names []byte
	nameOff := make([]uint32, len(b.sections))
	for i, s := range b.sections {
		nameOff[i] = uint32(len(names))
		names = append(append(names, s.name...), 0)
	}
	b.sections[len(b.sections)-1].data = names

	body := make([]byte, headerSize)
	var table []byte
	for i, s := range b.sections {
		off := uint64(len(body))
		body = append(body, s.data...)
		h := append(b.u32(nameOff[i]), b.u32(s.kind)...)
		h = append(append(h, b.word(0)...), b.word(0)...) // flags, addr
		h = append(append(h, b.word(off)...), b.word(uint64(len(s.data)))...)
		h = append(append(h, b.u32(s.link)...), b.u32(0)...)
		h = append(append(h, b.word(1)...), b.word(s.entry)...)
		table = append(table, h...)
	}
	head := append([]byte("\x7fELF"), class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	// relocatable, x86-64
	head = append(append(append(head, b.u16(1)...), b.u16(62)...), b.u32(1)...)
	head = append(append(append(head, b.word(0)...), b.word(0)...), b.word(uint64(len(body)))...)
	head = append(append(append(head, b.u32(0)...), b.u16(uint16(headerSize))...), b.u32(0)...)
	head = append(append(head, b.u16(uint16(entrySize))...), b.u16(uint16(len(b.sections)))...)
	head = append(head, b.u16(uint16(len(b.sections)-1))...)
	copy(body, head)
	return append(body, table...)
}
