package capi

import (
	"github.com/kobench/kobench/kernel"
)

// slabState is what the area keeps. It belongs to the holder of the big lock.
type slabState struct {
	caches map[ptr]*kmemCache // by address of struct kmem_cache
	pageAt map[ptr]ptr        // struct page of an address, see pageOf
}

func newSlabState() slabState {
	return slabState{caches: map[ptr]*kmemCache{}, pageAt: map[ptr]ptr{}}
}

// kmemCache is a struct kmem_cache.
type kmemCache struct {
	name        string
	size, align uint32
	ctor        ptr
	live        int
	res         *resource
}

// Memory. References: mm/slab_common.c; mm/page_alloc.c; mm/vmalloc.c.
func slabFuncs() []Func {
	list := []Func{
		f2("__kmalloc", func(c *Ctx, size ptr, flags uint32) ptr { return c.alloc(size, 0, flags, 1<<22) }),
		v1("kfree", func(c *Ctx, p ptr) { c.free(p) }),
		v1("kvfree", func(c *Ctx, p ptr) { c.free(p) }),
		v1("vfree", func(c *Ctx, p ptr) { c.free(p) }),
		v1("kfree_sensitive", func(c *Ctx, p ptr) {
			if n, _, ok := c.s.M.AllocSize(p); ok {
				clear(c.mem().bytes(p, uint64(n)))
			}
			c.free(p)
		}),
		f3("krealloc", func(c *Ctx, p, size ptr, flags uint32) ptr {
			if size == 0 {
				c.free(p)
				return zeroSizePtr
			}
			if p <= zeroSizePtr {
				return c.alloc(size, 0, flags, 1<<22)
			}
			old, _, ok := c.s.M.AllocSize(p)
			if !ok {
				c.bug("kernel BUG at mm/slab: krealloc of %016x, which is no allocated object", p)
			}
			q := c.alloc(size, 0, flags, 1<<22)
			if q != 0 {
				n := min(uint64(old), size)
				copy(c.mem().bytes(q, n), c.mem().bytes(p, n))
				c.free(p)
			}
			return q
		}),
		f1("ksize", func(c *Ctx, p ptr) ptr {
			n, _ := c.s.M.AllocRoom(p)
			return uint64(n)
		}),
		f3("kvmalloc_node", func(c *Ctx, size ptr, flags uint32, node int32) ptr { return c.alloc(size, 0, flags, 1<<30) }),
		f1("vmalloc", func(c *Ctx, size ptr) ptr { return c.alloc(size, pageSize, 0, 1<<30) }),
		f1("vzalloc", func(c *Ctx, size ptr) ptr { return c.alloc(size, pageSize, gfpZero, 1<<30) }),
		f1("vmalloc_user", func(c *Ctx, size ptr) ptr { return c.alloc(size, pageSize, gfpZero, 1<<30) }),
		f1("is_vmalloc_addr", func(c *Ctx, p ptr) uint32 { return 0 }),
		f2("__get_free_pages", func(c *Ctx, flags, order uint32) ptr { return c.pages(order, flags) }),
		f1("get_zeroed_page", func(c *Ctx, flags uint32) ptr { return c.pages(0, flags|gfpZero) }),
		v2("free_pages", func(c *Ctx, p ptr, order uint32) { c.free(p) }),
		f2("alloc_pages_exact", func(c *Ctx, size ptr, flags uint32) ptr { return c.alloc(size, pageSize, flags, 1<<22) }),
		v2("free_pages_exact", func(c *Ctx, p, size ptr) { c.free(p) }),
		f5("kmem_cache_create", func(c *Ctx, name ptr, size, align, flags uint32, ctor ptr) ptr {
			return c.cacheCreate(name, size, align, ctor)
		}),
		v1("kmem_cache_destroy", func(c *Ctx, p ptr) {
			k := c.s.caches[p]
			if k == nil {
				return
			}
			if k.live > 0 {
				text := "kmem_cache_destroy " + k.name + ": Slab cache still has objects"
				c.s.K.Log.Printf(kernel.LevelErr, "%s", text)
				c.s.K.Trouble(kernel.TroubleLeft, text)
			}
			delete(c.s.caches, p)
			k.res.done()
			_ = c.s.M.Free(p)
		}),
		f2("kmem_cache_alloc", func(c *Ctx, p ptr, flags uint32) ptr {
			k := c.s.caches[p]
			if k == nil {
				c.bug("kernel BUG at mm/slab: kmem_cache_alloc of %016x, which is no cache", p)
			}
			q := c.alloc(uint64(k.size), k.align, flags, 1<<22)
			if q == 0 {
				return 0
			}
			k.live++
			if k.ctor != 0 {
				_, _ = c.Call(k.ctor, uint64(q))
			}
			return q
		}),
		v2("kmem_cache_free", func(c *Ctx, p, q ptr) {
			if k := c.s.caches[p]; k != nil && q != 0 {
				k.live--
			}
			c.free(q)
		}),
		f1("kmem_cache_size", func(c *Ctx, p ptr) uint32 {
			if k := c.s.caches[p]; k != nil {
				return k.size
			}
			return 0
		}),
		f1("kmem_cache_shrink", func(c *Ctx, p ptr) uint32 { return 0 }),
		// A struct page is the head of its own page's memory block here: page_address knows the
		// way.
		f2("alloc_pages", func(c *Ctx, flags, order uint32) ptr {
			mem := c.pages(order, flags)
			if mem == 0 {
				return 0
			}
			page := c.alloc(sizeofPage, 0, gfpZero, 1<<12)
			if page == 0 {
				c.free(mem)
				return 0
			}
			c.mem().putPtr(page+offPageVirtual, mem)
			c.mem().put(page+offPageRefcount, 1)
			return page
		}),
		f1("virt_to_page", func(c *Ctx, p ptr) ptr { return c.pageOf(p) }),
		f1("vmalloc_to_page", func(c *Ctx, p ptr) ptr { return c.pageOf(p) }),
		// No program maps a driver's memory here; the functions of its mmap are never called.
		f5("remap_pfn_range", func(c *Ctx, vma, addr, pfn, size ptr, prot uint64) int32 { return -int32(kernel.EINVAL) }),
		v2("__free_pages", func(c *Ctx, page ptr, order uint32) { c.putPage(page) }),
		v1("put_page", func(c *Ctx, page ptr) { c.putPage(page) }),
		v1("get_page", func(c *Ctx, page ptr) {
			c.mem().put(page+offPageRefcount, c.mem().u32(page+offPageRefcount)+1)
		}),
		f1("page_address", func(c *Ctx, page ptr) ptr { return c.mem().ptr(page + offPageVirtual) }),
	}
	return list
}

// alloc is kmalloc: NULL when there is no room.
func (c *Ctx) alloc(size uint64, align, flags uint32, limit uint64) ptr {
	if size == 0 {
		return zeroSizePtr
	}
	if size > limit {
		if flags&gfpNowarn == 0 {
			c.warn("mm/page_alloc.c", 5530, 9, "")
		}
		return 0
	}
	if flags&gfpDirectReclaim != 0 && c.th.PreemptCount() != 0 {
		c.sleepingBug("include/linux/sched/mm.h", 274) // might_alloc
	}
	p, err := c.s.M.Alloc(size, align, c.heapOwner())
	if err != nil {
		if flags&gfpNowarn == 0 {
			c.s.K.Log.Printf(kernel.LevelWarning, "%s: page allocation failure: %d bytes, mode:0x%x", c.command(), size, flags)
		}
		return 0
	}
	if flags&gfpZero != 0 {
		clear(c.mem().bytes(p, size))
	}
	return p
}

func (c *Ctx) pages(order, flags uint32) ptr {
	if order > 10 {
		return 0
	}
	return c.alloc(pageSize<<order, pageSize, flags, pageSize<<10)
}

func (c *Ctx) putPage(page ptr) {
	m := c.mem()
	n := m.u32(page+offPageRefcount) - 1
	m.put(page+offPageRefcount, n)
	if n == 0 {
		c.free(m.ptr(page + offPageVirtual))
		c.free(page)
	}
}

// pageOf is the struct page of memory that was not had as pages: made when somebody asks, and kept.
func (c *Ctx) pageOf(p ptr) ptr {
	at := p &^ (pageSize - 1)
	if page := c.s.pageAt[at]; page != 0 {
		return page
	}
	c.mem().bytes(at, pageSize)
	page, err := c.s.M.Alloc(sizeofPage, 0, nil)
	if err != nil {
		return 0
	}
	clear(c.mem().bytes(page, sizeofPage))
	c.mem().putPtr(page+offPageVirtual, at)
	c.mem().put(page+offPageRefcount, 1)
	c.s.pageAt[at] = page
	return page
}

// free is kfree: a wrong address is an oops.
func (c *Ctx) free(p ptr) {
	if p <= zeroSizePtr {
		return
	}
	if err := c.s.M.Free(p); err != nil {
		c.bug("kernel BUG at mm/slab: kfree of %016x: %v", p, err)
	}
}

func (c *Ctx) cacheCreate(name ptr, size, align uint32, ctor ptr) ptr {
	s := c.s
	p, err := s.M.Alloc(16, 0, nil)
	if err != nil {
		return 0
	}
	k := &kmemCache{name: c.mem().name(name), size: size, align: align, ctor: ctor}
	k.res = c.own(func() string { return "kmem_cache " + k.name }, func() {
		s.M.Do(func() {
			delete(s.caches, p)
			_ = s.M.Free(p)
		})
	})
	s.caches[p] = k
	return p
}
