package capi

import (
	"github.com/kobench/kobench/kernel"
)

// kmemCache is a struct kmem_cache.
type kmemCache struct {
	name        string
	size, align uint32
	ctor        uint32
	live        int
	res         *resource
}

// Memory. References: mm/slab_common.c; mm/page_alloc.c; mm/vmalloc.c.
func slabFuncs() []Func {
	list := []Func{
		F2("__kmalloc", func(c *Ctx, size, flags uint32) uint32 { return c.alloc(size, 0, flags, 1<<22) }),
		V1("kfree", func(c *Ctx, p uint32) { c.free(p) }),
		V1("kvfree", func(c *Ctx, p uint32) { c.free(p) }),
		V1("vfree", func(c *Ctx, p uint32) { c.free(p) }),
		V1("kfree_sensitive", func(c *Ctx, p uint32) {
			if n, _, ok := c.s.M.AllocSize(p); ok {
				clear(c.mem().bytes(p, n))
			}
			c.free(p)
		}),
		F3("krealloc", func(c *Ctx, p, size, flags uint32) uint32 {
			if size == 0 {
				c.free(p)
				return ZeroSizePtr
			}
			if p <= ZeroSizePtr {
				return c.alloc(size, 0, flags, 1<<22)
			}
			old, _, ok := c.s.M.AllocSize(p)
			if !ok {
				c.bug("kernel BUG at mm/slab: krealloc of %08x, which is no allocated object", p)
			}
			q := c.alloc(size, 0, flags, 1<<22)
			if q != 0 {
				n := min(old, size)
				copy(c.mem().bytes(q, n), c.mem().bytes(p, n))
				c.free(p)
			}
			return q
		}),
		F1("ksize", func(c *Ctx, p uint32) uint32 {
			n, _ := c.s.M.AllocRoom(p)
			return n
		}),
		F3("kvmalloc_node", func(c *Ctx, size, flags uint32, node int32) uint32 { return c.alloc(size, 0, flags, 1<<30) }),
		F1("vmalloc", func(c *Ctx, size uint32) uint32 { return c.alloc(size, PageSize, 0, 1<<30) }),
		F1("vzalloc", func(c *Ctx, size uint32) uint32 { return c.alloc(size, PageSize, GfpZero, 1<<30) }),
		F1("vmalloc_user", func(c *Ctx, size uint32) uint32 { return c.alloc(size, PageSize, GfpZero, 1<<30) }),
		F1("is_vmalloc_addr", func(c *Ctx, p uint32) uint32 { return 0 }),
		F2("__get_free_pages", func(c *Ctx, flags, order uint32) uint32 { return c.pages(order, flags) }),
		F1("get_zeroed_page", func(c *Ctx, flags uint32) uint32 { return c.pages(0, flags|GfpZero) }),
		V2("free_pages", func(c *Ctx, p, order uint32) { c.free(p) }),
		F2("alloc_pages_exact", func(c *Ctx, size, flags uint32) uint32 { return c.alloc(size, PageSize, flags, 1<<22) }),
		V2("free_pages_exact", func(c *Ctx, p, size uint32) { c.free(p) }),
		F5("kmem_cache_create", func(c *Ctx, name, size, align, flags, ctor uint32) uint32 {
			return c.cacheCreate(name, size, align, ctor)
		}),
		V1("kmem_cache_destroy", func(c *Ctx, p uint32) {
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
		F2("kmem_cache_alloc", func(c *Ctx, p, flags uint32) uint32 {
			k := c.s.caches[p]
			if k == nil {
				c.bug("kernel BUG at mm/slab: kmem_cache_alloc of %08x, which is no cache", p)
			}
			q := c.alloc(k.size, k.align, flags, 1<<22)
			if q == 0 {
				return 0
			}
			k.live++
			if k.ctor != 0 {
				_, _ = c.Call(k.ctor, uint64(q))
			}
			return q
		}),
		V2("kmem_cache_free", func(c *Ctx, p, q uint32) {
			if k := c.s.caches[p]; k != nil && q != 0 {
				k.live--
			}
			c.free(q)
		}),
		F1("kmem_cache_size", func(c *Ctx, p uint32) uint32 {
			if k := c.s.caches[p]; k != nil {
				return k.size
			}
			return 0
		}),
		F1("kmem_cache_shrink", func(c *Ctx, p uint32) uint32 { return 0 }),
		// A struct page is the head of its own page's memory block here: page_address knows the way.
		F2("alloc_pages", func(c *Ctx, flags, order uint32) uint32 {
			mem := c.pages(order, flags)
			if mem == 0 {
				return 0
			}
			page := c.alloc(SizeofPage, 0, GfpZero, 1<<12)
			if page == 0 {
				c.free(mem)
				return 0
			}
			c.mem().put(page+OffPageVirtual, mem)
			c.mem().put(page+OffPageRefcount, 1)
			return page
		}),
		V2("__free_pages", func(c *Ctx, page, order uint32) { c.putPage(page) }),
		V1("put_page", func(c *Ctx, page uint32) { c.putPage(page) }),
		V1("get_page", func(c *Ctx, page uint32) {
			c.mem().put(page+OffPageRefcount, c.mem().u32(page+OffPageRefcount)+1)
		}),
		F1("page_address", func(c *Ctx, page uint32) uint32 { return c.mem().u32(page + OffPageVirtual) }),
	}
	return list
}

// alloc is kmalloc: NULL when there is no room.
func (c *Ctx) alloc(size, align, flags, limit uint32) uint32 {
	if size == 0 {
		return ZeroSizePtr
	}
	if size > limit {
		if flags&GfpNowarn == 0 {
			c.warn("mm/page_alloc.c", 5530, 9, "")
		}
		return 0
	}
	p, err := c.s.M.Alloc(size, align, c.heapOwner())
	if err != nil {
		if flags&GfpNowarn == 0 {
			c.s.K.Log.Printf(kernel.LevelWarning, "%s: page allocation failure: %d bytes, mode:0x%x", c.Comm(), size, flags)
		}
		return 0
	}
	if flags&GfpZero != 0 {
		clear(c.mem().bytes(p, size))
	}
	return p
}

func (c *Ctx) pages(order, flags uint32) uint32 {
	if order > 10 {
		return 0
	}
	return c.alloc(PageSize<<order, PageSize, flags, PageSize<<10)
}

func (c *Ctx) putPage(page uint32) {
	m := c.mem()
	n := m.u32(page+OffPageRefcount) - 1
	m.put(page+OffPageRefcount, n)
	if n == 0 {
		c.free(m.u32(page + OffPageVirtual))
		c.free(page)
	}
}

// free is kfree: a wrong address is an oops.
func (c *Ctx) free(p uint32) {
	if p <= ZeroSizePtr {
		return
	}
	if err := c.s.M.Free(p); err != nil {
		c.bug("kernel BUG at mm/slab: kfree of %08x: %v", p, err)
	}
}

func (c *Ctx) cacheCreate(name, size, align, ctor uint32) uint32 {
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
