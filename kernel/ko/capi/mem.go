package capi

import (
	"encoding/binary"

	"github.com/kobench/kobench/kernel/ko/machine"
)

// mem reads and writes kernel memory; a bad address ends the running C thread as a page fault does.
// Needs the big lock.
type mem struct{ m *machine.Machine }

func (s *System) mem() mem { return mem{s.M} }

func (c *Ctx) mem() mem { return mem{c.s.M} }

// ptr is an address as C sees it: of kernel memory, of a function, of user memory, NULL or an error
// pointer.
type ptr = uint64

func (m mem) bytes(addr ptr, n uint64) []byte {
	b, ok := m.m.Bytes(addr, n)
	if !ok {
		panic(m.m.BadAddress(addr))
	}
	return b
}

func (m mem) u8(addr ptr) uint8   { return m.bytes(addr, 1)[0] }
func (m mem) u16(addr ptr) uint16 { return binary.LittleEndian.Uint16(m.bytes(addr, 2)) }
func (m mem) u32(addr ptr) uint32 { return binary.LittleEndian.Uint32(m.bytes(addr, 4)) }
func (m mem) u64(addr ptr) uint64 { return binary.LittleEndian.Uint64(m.bytes(addr, 8)) }

// ptr reads a pointer, a long or a size_t.
func (m mem) ptr(addr ptr) ptr { return m.u64(addr) }

func (m mem) put8(addr ptr, v uint8)   { m.bytes(addr, 1)[0] = v }
func (m mem) put16(addr ptr, v uint16) { binary.LittleEndian.PutUint16(m.bytes(addr, 2), v) }
func (m mem) put(addr ptr, v uint32)   { binary.LittleEndian.PutUint32(m.bytes(addr, 4), v) }
func (m mem) put64(addr ptr, v uint64) { binary.LittleEndian.PutUint64(m.bytes(addr, 8), v) }

// putPtr writes a pointer, a long or a size_t.
func (m mem) putPtr(addr, v ptr) { m.put64(addr, v) }

// sizeofPtr is what a pointer takes.
const sizeofPtr = 8

// maxString bounds the strings that the kernel takes from C.
const maxString = 64 << 10

func (m mem) str(addr ptr) string {
	s, ok := m.m.CString(addr, maxString)
	if !ok {
		panic(m.m.BadAddress(addr))
	}
	return s
}

// name is str for a pointer that may be NULL.
func (m mem) name(addr ptr) string {
	if addr == 0 {
		return ""
	}
	return m.str(addr)
}

// text writes a string and its NUL.
func (m mem) text(addr ptr, s string) {
	b := m.bytes(addr, uint64(len(s))+1)
	copy(b, s)
	b[len(s)] = 0
}

// The doubly linked lists of include/linux/list.h.
func (m mem) listInit(head ptr) {
	m.putPtr(head+offListHeadNext, head)
	m.putPtr(head+offListHeadPrev, head)
}

func (m mem) listAdd(entry, head ptr) {
	next := m.ptr(head + offListHeadNext)
	m.putPtr(next+offListHeadPrev, entry)
	m.putPtr(entry+offListHeadNext, next)
	m.putPtr(entry+offListHeadPrev, head)
	m.putPtr(head+offListHeadNext, entry)
}

func (m mem) listDel(entry ptr) {
	next, prev := m.ptr(entry+offListHeadNext), m.ptr(entry+offListHeadPrev)
	m.putPtr(next+offListHeadPrev, prev)
	m.putPtr(prev+offListHeadNext, next)
	m.listInit(entry)
}
