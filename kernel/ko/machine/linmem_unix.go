//go:build unix

package machine

import (
	"context"
	"fmt"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// linearMemory reserves the whole address range once, so that kernel memory
// never moves; the host commits a page when it is first touched.
type linearMemory struct{ all []byte }

// withMemory reserves the memory and tells wazero to use it.
func (m *Machine) withMemory(ctx context.Context) (context.Context, error) {
	n := int(m.cfg.MemoryLimit)
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("machine: reserve %d bytes of address space: %w", n, err)
	}
	m.linear = &linearMemory{b}
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory {
		return m.linear
	})), nil
}

// Reallocate implements experimental.LinearMemory. The capacity is all of the
// range: when wazero has lost the linearMemory (see Free) it grows by append,
// which then stays in place.
func (l *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(l.all)) {
		return nil
	}
	return l.all[:size]
}

// Free does nothing: wazero 1.12 calls it when any module that imports the
// memory is closed, not only its owner.
func (l *linearMemory) Free() {}

func (l *linearMemory) unmap() error {
	if l == nil || l.all == nil {
		return nil
	}
	b := l.all
	l.all = nil
	return syscall.Munmap(b)
}
