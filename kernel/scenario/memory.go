package scenario

import (
	"slices"
	"sync"

	"github.com/kobench/kobench/kernel"
)

// An Access is one reach of a driver into user memory during a call, with an address relative to
// the pointer that the call passed.
type Access struct {
	Offset int64
	Size   int
	Write  bool
	Fault  bool // it was refused
}

// base is where a thread's memory begins: an address as programs have them.
const base = 0x7f5a_0000_1000

// memory is a thread's user memory: what the present call has placed there, and nothing else. It
// notes who reaches into it.
type memory struct {
	tamper bool // what has been read is another value the next time

	mu       sync.Mutex
	placed   []byte   // +checklocks:mu
	accesses []Access // +checklocks:mu
}

// begin forgets the last call.
func (m *memory) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.placed, m.accesses = nil, nil
}

// place puts a copy of p at an address.
func (m *memory) place(p []byte) (uint64, []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.placed = slices.Clone(p)
	return base, m.placed
}

func (m *memory) seen() []Access {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.accesses)
}

// ReadUser implements kernel.UserMemory.
func (m *memory) ReadUser(p []byte, addr uint64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.reachLocked(len(p), addr, false)
	n := copy(p, at)
	for i := range at[:n] {
		if m.tamper {
			at[i] = 0xff
		}
	}
	return end(n, len(p))
}

// WriteUser implements kernel.UserMemory.
func (m *memory) WriteUser(p []byte, addr uint64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.reachLocked(len(p), addr, true)
	return end(copy(at, p), len(p))
}

// reachLocked notes an access and returns the memory from there on.
//
// +checklocks:m.mu
func (m *memory) reachLocked(n int, addr uint64, write bool) []byte {
	off := int64(addr) - base
	inside := off >= 0 && off <= int64(len(m.placed))
	m.accesses = append(m.accesses, Access{Offset: off, Size: n, Write: write, Fault: !inside || off+int64(n) > int64(len(m.placed))})
	if !inside {
		return nil
	}
	return m.placed[off:]
}

func end(n, want int) (int, error) {
	if n < want {
		return n, kernel.EFAULT
	}
	return n, nil
}
