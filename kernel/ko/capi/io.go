package capi

import (
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// ioState is what the area keeps. It belongs to the holder of the big lock.
type ioState struct {
	ranges []*ioRange
	mapped map[ptr]*resource // by what ioremap gave
}

func newIoState() ioState { return ioState{mapped: map[ptr]*resource{}} }

// ioRange is a range of ports or of bus addresses that a driver has claimed.
type ioRange struct {
	parent     ptr // ioport_resource or iomem_resource
	start, end uint64
	addr       ptr // struct resource
	res        *resource
}

const (
	// ioBase is where device memory is seen, as x86-64's ioremap shows it: no memory of the
	// kernel's, so that only the accessors reach it.
	ioBase = 0xffffc90000000000
	// pioBase is what ioport_map adds ([Linux] lib/iomap.c PIO_OFFSET).
	pioBase = 0x10000
)

// Ports and device memory. Nothing of the board's is on this bus yet, so reads give all ones.
// References: kernel/resource.c; lib/iomap.c; Documentation/driver-api/device-io.rst.
func ioFuncs() []Func {
	return []Func{
		f5("__request_region", func(c *Ctx, parent, start, n, name ptr, flags int32) ptr {
			return c.requestRegion(parent, start, n, name)
		}),
		v3("__release_region", func(c *Ctx, parent, start, n ptr) { c.releaseRegion(parent, start, n) }),
		f2("ioremap", func(c *Ctx, phys, size ptr) ptr { return c.ioremap(phys, size) }),
		v1("iounmap", func(c *Ctx, addr ptr) {
			if r := c.s.mapped[addr]; r != nil {
				r.done()
				delete(c.s.mapped, addr)
			}
		}),
		f2("ioport_map", func(c *Ctx, port ptr, n uint32) ptr { return pioBase + port }),
		f2("__kb_in", func(c *Ctx, port ptr, size uint32) uint32 { return 1<<(8*size) - 1 }),
		v3("__kb_out", func(c *Ctx, port ptr, value, size uint32) {}),
		f2("__kb_mmio_read", func(c *Ctx, addr ptr, size uint32) uint64 {
			if b := c.device(addr, size); b != nil {
				var v uint64
				for i := range b {
					v |= uint64(b[i]) << (8 * i)
				}
				return v
			}
			return 1<<(8*size) - 1
		}),
		v3("__kb_mmio_write", func(c *Ctx, addr ptr, value uint64, size uint32) {
			for i := range c.device(addr, size) {
				c.mem().put8(addr+ptr(i), byte(value>>(8*i)))
			}
		}),
	}
}

// device is the memory behind an address of device memory, nil where nothing answers. Kernel memory
// answers too: drivers try their accessors on it. Any other address is a bug.
func (c *Ctx) device(addr ptr, size uint32) []byte {
	if addr >= ioBase && addr-ioBase < 1<<46 || addr >= pioBase && addr < 2*pioBase {
		return nil
	}
	return c.mem().bytes(addr, uint64(size))
}

// requestRegion claims a range; NULL if somebody has a part of it.
func (c *Ctx) requestRegion(parent, start, n, name ptr) ptr {
	s, end := c.s, start+n-1
	for _, r := range s.ranges {
		if r.parent == parent && start <= r.end && r.start <= end {
			return 0
		}
	}
	addr, err := s.M.Alloc(sizeofResource, 0, nil)
	if err != nil {
		return 0
	}
	m := c.mem()
	clear(m.bytes(addr, sizeofResource))
	m.put64(addr+offResourceStart, start)
	m.put64(addr+offResourceEnd, end)
	m.putPtr(addr+offResourceName, name)
	m.putPtr(addr+offResourceParent, parent)
	r := &ioRange{parent: parent, start: start, end: end, addr: addr}
	text := m.name(name)
	r.res = c.own(func() string { return fmt.Sprintf("I/O region %#x-%#x %s", start, end, text) }, func() {
		s.M.Do(func() { s.dropRange(r) })
	})
	s.ranges = append(s.ranges, r)
	return addr
}

func (c *Ctx) releaseRegion(parent, start, n ptr) {
	for _, r := range c.s.ranges {
		if r.parent == parent && r.start == start && r.end == start+n-1 {
			r.res.done()
			c.s.dropRange(r)
			return
		}
	}
	c.s.K.Log.Printf(kernel.LevelWarning, "Trying to free nonexistent resource <%016x-%016x>", start, start+n-1)
}

func (s *System) dropRange(gone *ioRange) {
	kept := s.ranges[:0]
	for _, r := range s.ranges {
		if r != gone {
			kept = append(kept, r)
		}
	}
	s.ranges = kept
	_ = s.M.Free(gone.addr)
}

func (c *Ctx) ioremap(phys, size ptr) ptr {
	if size == 0 || phys+size < phys || phys+size > 1<<46 {
		return 0
	}
	s, addr := c.s, ptr(ioBase)+phys
	if s.mapped[addr] == nil {
		s.mapped[addr] = c.own(func() string { return fmt.Sprintf("ioremap of %#x", phys) }, func() {
			s.M.Do(func() { delete(s.mapped, addr) })
		})
	}
	return addr
}
