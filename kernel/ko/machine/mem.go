package machine

import (
	"bytes"
	"encoding/binary"
)

const wasmPage = 65536

// offset is the place in the engine's memory of an address of kernel memory.
func offset(addr uint64) uint32 { return uint32(addr) }

// growMemory makes at least n more bytes available. The engine has all of it from the start, and
// the host commits a page when it is first touched.
func (m *Machine) growMemory(n uint32) error {
	if m.closed.Load() {
		return ErrClosed
	}
	size := uint32(len(m.heap.spans)) * pageSize
	if uint64(size)+uint64(n) > uint64(m.cfg.MemoryLimit) {
		n = m.cfg.MemoryLimit - size
		if n < pageSize {
			return ErrNoMemory
		}
	} else {
		n = min(max(n, size/4), m.cfg.MemoryLimit-size)
	}
	m.heap.grow(size + (n+pageSize-1)&^(pageSize-1))
	return nil
}

// firstBad is the first address from addr on that is not kernel memory.
func (m *Machine) firstBad(addr uint64) uint64 {
	if end := uint64(KernelBase) + uint64(len(m.mem)); addr >= KernelBase && addr < end {
		return end
	}
	return addr
}

// Bytes is kernel memory itself, n bytes at addr: writes to it are seen by C.
// It is valid until the lock is given up. ok is false outside of memory. All
// accessors need the big lock.
func (m *Machine) Bytes(addr, n uint64) ([]byte, bool) {
	at := addr - KernelBase
	if at > uint64(len(m.mem)) || n > uint64(len(m.mem))-at {
		return nil, false
	}
	return m.mem[at : at+n : at+n], true
}

// U8 reads a byte.
func (m *Machine) U8(addr uint64) (uint8, bool) {
	b, ok := m.Bytes(addr, 1)
	if !ok {
		return 0, false
	}
	return b[0], true
}

// U16 reads a little-endian number; it need not be aligned.
func (m *Machine) U16(addr uint64) (uint16, bool) {
	b, ok := m.Bytes(addr, 2)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint16(b), true
}

// U32 is like U16.
func (m *Machine) U32(addr uint64) (uint32, bool) {
	b, ok := m.Bytes(addr, 4)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}

// U64 is like U16.
func (m *Machine) U64(addr uint64) (uint64, bool) {
	b, ok := m.Bytes(addr, 8)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}

// PutU8 writes a byte; false if addr is not kernel memory.
func (m *Machine) PutU8(addr uint64, v uint8) bool {
	b, ok := m.Bytes(addr, 1)
	if ok {
		b[0] = v
	}
	return ok
}

// PutU16 is like PutU8.
func (m *Machine) PutU16(addr uint64, v uint16) bool {
	b, ok := m.Bytes(addr, 2)
	if ok {
		binary.LittleEndian.PutUint16(b, v)
	}
	return ok
}

// PutU32 is like PutU8.
func (m *Machine) PutU32(addr uint64, v uint32) bool {
	b, ok := m.Bytes(addr, 4)
	if ok {
		binary.LittleEndian.PutUint32(b, v)
	}
	return ok
}

// PutU64 is like PutU8.
func (m *Machine) PutU64(addr uint64, v uint64) bool {
	b, ok := m.Bytes(addr, 8)
	if ok {
		binary.LittleEndian.PutUint64(b, v)
	}
	return ok
}

// CString reads a NUL-terminated string of at most max bytes. A longer one is
// cut; ok is false if it does not lie in kernel memory up to there.
func (m *Machine) CString(addr uint64, max int) (s string, ok bool) {
	at := addr - KernelBase
	if at >= uint64(len(m.mem)) || max < 0 {
		return "", false
	}
	b := m.mem[at:]
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
func (m *Machine) Alloc(size uint64, align uint32, owner *Module) (uint64, error) {
	if size > uint64(m.cfg.MemoryLimit) {
		return 0, ErrNoMemory
	}
	a, err := m.heap.alloc(uint32(size), align, owner)
	if err != nil {
		return 0, err
	}
	return KernelBase + uint64(a), nil
}

// Free gives back what Alloc returned.
//
// Errors: *HeapError if addr is not the beginning of an allocation, or (with
// Config.RedZones, and the memory is free then) if bytes behind it were written to.
func (m *Machine) Free(addr uint64) error {
	if addr-KernelBase >= uint64(len(m.mem)) {
		return &HeapError{addr, "not kernel memory"}
	}
	return m.heap.release(offset(addr))
}

// AllocSize is the size that was asked for at addr, and its owner.
func (m *Machine) AllocSize(addr uint64) (size uint32, owner *Module, ok bool) {
	s, i, err := m.heap.find(offset(addr))
	if err != nil || addr-KernelBase >= uint64(len(m.mem)) {
		return 0, nil, false
	}
	return s.size[i], s.owner[i], true
}

// AllocRoom is the number of bytes that may be used at addr, at least what was
// asked for (ksize in [Linux] mm/slab_common.c).
func (m *Machine) AllocRoom(addr uint64) (uint32, bool) {
	s, i, err := m.heap.find(offset(addr))
	if err != nil || addr-KernelBase >= uint64(len(m.mem)) {
		return 0, false
	}
	if m.cfg.RedZones {
		return s.size[i], true
	}
	return s.room(), true
}
