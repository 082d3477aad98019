package machine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// ErrNoMemory: kernel memory is used up.
var ErrNoMemory = errors.New("machine: out of kernel memory")

// HeapError is a misuse of the kernel heap.
type HeapError struct {
	Addr uint64
	Msg  string
}

func (e *HeapError) Error() string { return fmt.Sprintf("kernel heap: %#x: %s", e.Addr, e.Msg) }

const (
	pageSize = 4096
	redZone  = 16 // bytes behind an object when Config.RedZones is set

	poisonFree  = 0x6b // [Linux] include/linux/poison.h POISON_FREE
	poisonInuse = 0x5a
	poisonRed   = 0xbb
)

// classes are the object sizes below a page, those of kmalloc. A power of two
// is aligned to itself ([Linux] Documentation/core-api/memory-allocation.rst).
var classes = [...]uint32{8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048}

// heap gives out kernel memory. The answer to a request depends only on what is
// allocated at the time, not on history: the lowest free address that fits. So
// a module that is inserted again lands where it was, and its code is found in
// the cache. All methods need the big lock.
//
//	free   one bit for each page, set if it is free
//	spans  what each page belongs to: a slab of small objects, or one large object
type heap struct {
	m       *Machine
	free    []uint64
	spans   []*span
	partial [len(classes)][]*span // slabs with room, by rising address
	hint    int                   // no page below is free
	used    uint32                // bytes given out, as asked for
}

type span struct {
	page, pages uint32
	class       int // -1: one large object
	used        int
	busy        [8]uint64
	size        []uint32 // of each object, as asked for
	owner       []*Module
}

func (h *heap) grow(size uint32) {
	n := int(size / pageSize)
	first := len(h.spans)
	h.spans = append(h.spans, make([]*span, n-first)...)
	for len(h.free)*64 < n {
		h.free = append(h.free, 0)
	}
	for p := first; p < n; p++ {
		h.free[p/64] |= 1 << (p % 64)
	}
	h.hint = min(h.hint, first)
}

// findPages returns the lowest run of n free pages whose number is a multiple of step.
func (h *heap) findPages(n, step int) (int, bool) {
	for h.hint < len(h.spans) && h.free[h.hint/64]>>(h.hint%64)&1 == 0 {
		h.hint++
	}
	run := 0
	for p := h.hint; p < len(h.spans); p++ {
		if run == 0 && p%64 == 0 {
			for p < len(h.spans) && h.free[p/64] == 0 {
				p += 64
			}
			if p >= len(h.spans) {
				break
			}
		}
		if h.free[p/64]>>(p%64)&1 == 0 || run == 0 && p%step != 0 {
			run = 0
			continue
		}
		if run++; run == n {
			return p - n + 1, true
		}
	}
	return 0, false
}

func (h *heap) takePages(n, step int) (uint32, error) {
	p, ok := h.findPages(n, step)
	for !ok {
		if err := h.m.growMemory(uint32(n+step) * pageSize); err != nil {
			return 0, err
		}
		p, ok = h.findPages(n, step)
	}
	for i := p; i < p+n; i++ {
		h.free[i/64] &^= 1 << (i % 64)
	}
	return uint32(p), nil
}

func (h *heap) givePages(s *span) {
	for i := s.page; i < s.page+s.pages; i++ {
		h.free[i/64] |= 1 << (i % 64)
		h.spans[i] = nil
	}
	h.hint = min(h.hint, int(s.page))
}

func classOf(size, align uint32) int {
	for i, c := range classes {
		if c >= size && (align <= 8 || c&(c-1) == 0 && c >= align || c%align == 0) {
			return i
		}
	}
	return -1
}

func (h *heap) alloc(size, align uint32, owner *Module) (uint32, error) {
	if align == 0 {
		align = 8
	}
	if align&(align-1) != 0 || align > 1<<16 {
		return 0, &HeapError{uint64(size), fmt.Sprintf("alignment %d is no power of two up to 64 KiB", align)}
	}
	if size > h.m.cfg.MemoryLimit {
		return 0, ErrNoMemory
	}
	real := max(size, 1)
	if h.m.cfg.RedZones {
		real += redZone
	}
	var addr uint32
	var err error
	if c := classOf(real, align); c >= 0 {
		addr, err = h.small(c, size, owner)
	} else {
		addr, err = h.large(real, align, size, owner)
	}
	if err != nil {
		return 0, err
	}
	h.used += size
	if owner != nil {
		owner.allocs++
	}
	if h.m.cfg.RedZones {
		b := h.m.mem[addr : addr+h.room(addr)]
		fill(b[:size], poisonInuse)
		fill(b[size:], poisonRed)
	}
	return addr, nil
}

func (h *heap) large(real, align, size uint32, owner *Module) (uint32, error) {
	n := int((real + pageSize - 1) / pageSize)
	p, err := h.takePages(n, max(1, int(align/pageSize)))
	if err != nil {
		return 0, err
	}
	s := &span{page: p, pages: uint32(n), class: -1, used: 1, size: []uint32{size}, owner: []*Module{owner}}
	for i := p; i < p+uint32(n); i++ {
		h.spans[i] = s
	}
	return p * pageSize, nil
}

func (h *heap) small(c int, size uint32, owner *Module) (uint32, error) {
	n := int(pageSize / classes[c])
	if len(h.partial[c]) == 0 {
		p, err := h.takePages(1, 1)
		if err != nil {
			return 0, err
		}
		s := &span{page: p, pages: 1, class: c, size: make([]uint32, n), owner: make([]*Module, n)}
		h.spans[p] = s
		h.partial[c] = append(h.partial[c], s)
	}
	s := h.partial[c][0]
	i := 0
	for w := range s.busy {
		if s.busy[w] != ^uint64(0) {
			i = w*64 + bits.TrailingZeros64(^s.busy[w])
			break
		}
	}
	s.busy[i/64] |= 1 << (i % 64)
	s.size[i], s.owner[i] = size, owner
	if s.used++; s.used == n {
		h.partial[c] = h.partial[c][1:]
		if len(h.partial[c]) == 0 {
			h.partial[c] = nil
		}
	}
	return s.page*pageSize + uint32(i)*classes[c], nil
}

// find returns the span and the number of the object that begins at addr.
func (h *heap) find(addr uint32) (*span, int, error) {
	p := addr / pageSize
	if int(p) >= len(h.spans) || h.spans[p] == nil {
		return nil, 0, &HeapError{KernelBase + uint64(addr), "not allocated (freed twice, or never from the heap)"}
	}
	s := h.spans[p]
	off := addr - s.page*pageSize
	if s.class < 0 {
		if off != 0 {
			return nil, 0, &HeapError{KernelBase + uint64(addr), fmt.Sprintf("%d bytes inside an allocation of %d bytes", off, s.size[0])}
		}
		return s, 0, nil
	}
	i := int(off / classes[s.class])
	if i >= len(s.size) || s.busy[i/64]>>(i%64)&1 == 0 {
		return nil, 0, &HeapError{KernelBase + uint64(addr), "not allocated (freed twice?)"}
	}
	if off%classes[s.class] != 0 {
		return nil, 0, &HeapError{KernelBase + uint64(addr), fmt.Sprintf("%d bytes inside an allocation of %d bytes", off%classes[s.class], s.size[i])}
	}
	return s, i, nil
}

func (s *span) room() uint32 {
	if s.class < 0 {
		return s.pages * pageSize
	}
	return classes[s.class]
}

func (h *heap) room(addr uint32) uint32 { return h.spans[addr/pageSize].room() }

func (h *heap) release(addr uint32) error {
	s, i, err := h.find(addr)
	if err != nil {
		return err
	}
	if h.m.cfg.RedZones {
		b := h.m.mem[addr : addr+s.room()]
		for j, c := range b[s.size[i]:] {
			if c != poisonRed {
				err = &HeapError{KernelBase + uint64(addr), fmt.Sprintf("byte %d behind an allocation of %d bytes was overwritten with %#02x", j, s.size[i], c)}
				break
			}
		}
		fill(b, poisonFree)
	}
	h.used -= s.size[i]
	if o := s.owner[i]; o != nil {
		o.allocs--
	}
	if s.class < 0 {
		h.givePages(s)
		return err
	}
	s.busy[i/64] &^= 1 << (i % 64)
	s.owner[i] = nil
	list := h.partial[s.class]
	at, found := slices.BinarySearchFunc(list, s, func(a, b *span) int { return int(a.page) - int(b.page) })
	if s.used--; s.used == 0 {
		if found {
			list = slices.Delete(list, at, at+1)
		}
		h.givePages(s)
	} else if !found {
		list = slices.Insert(list, at, s)
	}
	h.partial[s.class] = list
	return err
}

// each calls f for every allocation of owner, by rising address.
func (h *heap) each(owner *Module, f func(s *span, i int, addr uint32)) {
	for p := 0; p < len(h.spans); {
		s := h.spans[p]
		if s == nil {
			p++
			continue
		}
		p = int(s.page + s.pages)
		for i, o := range s.owner {
			if o != owner || s.class >= 0 && s.busy[i/64]>>(i%64)&1 == 0 {
				continue
			}
			f(s, i, s.page*pageSize+uint32(i)*s.room())
		}
	}
}

func fill(b []byte, c byte) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, 0x0101010101010101*uint64(c))
		b = b[8:]
	}
	for i := range b {
		b[i] = c
	}
}
