package capi

import (
	"encoding/binary"

	"github.com/kobench/kobench/kernel/ko/machine"
)

// mem reads and writes kernel memory; a bad address ends the running C thread as a page fault does. Needs the big lock.
type mem struct{ m *machine.Machine }

func (s *System) mem() mem { return mem{s.M} }

func (c *Ctx) mem() mem { return mem{c.s.M} }

func (m mem) bytes(addr, n uint32) []byte {
	b, ok := m.m.Bytes(addr, n)
	if !ok {
		panic(badAddress(addr, n))
	}
	return b
}

func badAddress(addr, n uint32) *machine.Trap {
	kind := machine.TrapBounds
	if addr < machine.GuardSize {
		kind = machine.TrapNull
	}
	return &machine.Trap{Kind: kind, Addr: addr}
}

func (m mem) u8(addr uint32) uint8   { return m.bytes(addr, 1)[0] }
func (m mem) u16(addr uint32) uint16 { return binary.LittleEndian.Uint16(m.bytes(addr, 2)) }
func (m mem) u32(addr uint32) uint32 { return binary.LittleEndian.Uint32(m.bytes(addr, 4)) }
func (m mem) u64(addr uint32) uint64 { return binary.LittleEndian.Uint64(m.bytes(addr, 8)) }

func (m mem) put8(addr uint32, v uint8)   { m.bytes(addr, 1)[0] = v }
func (m mem) put16(addr uint32, v uint16) { binary.LittleEndian.PutUint16(m.bytes(addr, 2), v) }
func (m mem) put(addr, v uint32)          { binary.LittleEndian.PutUint32(m.bytes(addr, 4), v) }
func (m mem) put64(addr uint32, v uint64) { binary.LittleEndian.PutUint64(m.bytes(addr, 8), v) }

// maxString bounds the strings that the kernel takes from C.
const maxString = 64 << 10

func (m mem) str(addr uint32) string {
	s, ok := m.m.CString(addr, maxString)
	if !ok {
		panic(badAddress(addr, 1))
	}
	return s
}

// name is str for a pointer that may be NULL.
func (m mem) name(addr uint32) string {
	if addr == 0 {
		return ""
	}
	return m.str(addr)
}

// The doubly linked lists of include/linux/list.h.
func (m mem) listInit(head uint32) {
	m.put(head, head)
	m.put(head+4, head)
}

func (m mem) listAdd(entry, head uint32) {
	next := m.u32(head)
	m.put(next+4, entry)
	m.put(entry, next)
	m.put(entry+4, head)
	m.put(head, entry)
}

func (m mem) listDel(entry uint32) {
	next, prev := m.u32(entry), m.u32(entry+4)
	m.put(next+4, prev)
	m.put(prev, next)
	m.listInit(entry)
}
