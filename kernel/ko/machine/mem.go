package machine

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

const wasmPage = 65536

// guardByte fills the page at address 0, so that a pointer read from there
// is no valid address either.
const guardByte = 0xa5

const guardWord = 0xa5a5a5a5a5a5a5a5

// growMemory makes at least n more bytes available.
func (m *Machine) growMemory(n uint32) error {
	if m.closed.Load() {
		return ErrClosed
	}
	size := uint32(len(m.mem))
	if uint64(size)+uint64(n) > uint64(m.cfg.MemoryLimit) {
		n = m.cfg.MemoryLimit - size
		if n < pageSize {
			return ErrNoMemory
		}
	} else {
		n = min(max(n, size/4), m.cfg.MemoryLimit-size)
	}
	pages := (n + wasmPage - 1) / wasmPage
	if _, ok := m.memory.Grow(pages); !ok {
		return ErrNoMemory
	}
	m.memChanged()
	return nil
}

// memChanged takes over the memory after it was made or has grown.
func (m *Machine) memChanged() {
	size := m.memory.Size()
	m.mem, _ = m.memory.Read(0, size)
	m.heap.grow(size)
}

// guardHit checks the beginning of the page at address 0, in a few nanoseconds.
func (m *Machine) guardHit() bool {
	g := (*[4]uint64)(unsafe.Pointer(unsafe.SliceData(m.mem)))
	const w = guardWord
	return (g[0]^w)|(g[1]^w)|(g[2]^w)|(g[3]^w) != 0
}

// guardScan looks through the whole guard page; it returns the lowest address
// that was written to and repairs the page.
func (m *Machine) guardScan() (uint32, bool) {
	g := m.mem[:GuardSize]
	for i := 0; i < len(g); i += 8 {
		if binary.LittleEndian.Uint64(g[i:]) == guardWord {
			continue
		}
		for g[i] == guardByte {
			i++
		}
		fill(g, guardByte)
		return uint32(i), true
	}
	return 0, false
}

// Bytes is kernel memory itself, n bytes at addr: writes to it are seen by C.
// It is valid until the lock is given up. ok is false outside memory and in
// the guard page. All accessors need the big lock.
func (m *Machine) Bytes(addr, n uint32) ([]byte, bool) {
	end := uint64(addr) + uint64(n)
	if addr < GuardSize || end > uint64(len(m.mem)) {
		return nil, false
	}
	return m.mem[addr:end:end], true
}

// U8 reads a byte.
func (m *Machine) U8(addr uint32) (uint8, bool) {
	b, ok := m.Bytes(addr, 1)
	if !ok {
		return 0, false
	}
	return b[0], true
}

// U16 reads a little-endian number; it need not be aligned.
func (m *Machine) U16(addr uint32) (uint16, bool) {
	b, ok := m.Bytes(addr, 2)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint16(b), true
}

// U32 is like U16.
func (m *Machine) U32(addr uint32) (uint32, bool) {
	b, ok := m.Bytes(addr, 4)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}

// U64 is like U16.
func (m *Machine) U64(addr uint32) (uint64, bool) {
	b, ok := m.Bytes(addr, 8)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}

// PutU8 writes a byte; false if addr is not kernel memory.
func (m *Machine) PutU8(addr uint32, v uint8) bool {
	b, ok := m.Bytes(addr, 1)
	if ok {
		b[0] = v
	}
	return ok
}

// PutU16 is like PutU8.
func (m *Machine) PutU16(addr uint32, v uint16) bool {
	b, ok := m.Bytes(addr, 2)
	if ok {
		binary.LittleEndian.PutUint16(b, v)
	}
	return ok
}

// PutU32 is like PutU8.
func (m *Machine) PutU32(addr uint32, v uint32) bool {
	b, ok := m.Bytes(addr, 4)
	if ok {
		binary.LittleEndian.PutUint32(b, v)
	}
	return ok
}

// PutU64 is like PutU8.
func (m *Machine) PutU64(addr uint32, v uint64) bool {
	b, ok := m.Bytes(addr, 8)
	if ok {
		binary.LittleEndian.PutUint64(b, v)
	}
	return ok
}

// CString reads a NUL-terminated string of at most max bytes. A longer one is
// cut; ok is false if it does not lie in kernel memory up to there.
func (m *Machine) CString(addr uint32, max int) (s string, ok bool) {
	if addr < GuardSize || uint64(addr) >= uint64(len(m.mem)) || max < 0 {
		return "", false
	}
	b := m.mem[addr:]
	cut := len(b) > max
	if cut {
		b = b[:max]
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return string(b[:i]), true
	}
	return string(b), cut
}

// Alloc gets size bytes of kernel memory; align is a power of two, 0 for the
// usual 8. Memory of up to 2048 bytes whose size is a power of two is aligned to
// its size, larger memory to a page. The contents are not cleared. owner is
// charged for it and blamed for a leak; nil is the kernel itself.
//
// Errors: ErrNoMemory; *HeapError for an impossible alignment.
func (m *Machine) Alloc(size, align uint32, owner *Module) (uint32, error) {
	return m.heap.alloc(size, align, owner)
}

// Free gives back what Alloc returned.
//
// Errors: *HeapError if addr is not the beginning of an allocation, or (with
// Config.RedZones, and the memory is free then) if bytes behind it were written to.
func (m *Machine) Free(addr uint32) error { return m.heap.release(addr) }

// AllocSize is the size that was asked for at addr, and its owner.
func (m *Machine) AllocSize(addr uint32) (size uint32, owner *Module, ok bool) {
	s, i, err := m.heap.find(addr)
	if err != nil {
		return 0, nil, false
	}
	return s.size[i], s.owner[i], true
}

// AllocRoom is the number of bytes that may be used at addr, at least what was
// asked for (ksize in [Linux] mm/slab_common.c).
func (m *Machine) AllocRoom(addr uint32) (uint32, bool) {
	s, i, err := m.heap.find(addr)
	if err != nil {
		return 0, false
	}
	if m.cfg.RedZones {
		return s.size[i], true
	}
	return s.room(), true
}
