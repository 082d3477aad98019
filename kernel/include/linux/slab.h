/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SLAB_H
#define _LINUX_SLAB_H

#include <linux/gfp.h>
#include <linux/types.h>
#include <linux/overflow.h>

#define SLAB_HWCACHE_ALIGN 0x2000u
#define SLAB_POISON 0x800u
#define SLAB_RED_ZONE 0x400u
#define SLAB_PANIC 0x40000u
#define SLAB_RECLAIM_ACCOUNT 0x20000u
#define SLAB_ACCOUNT 0x4000000u
#define SLAB_TYPESAFE_BY_RCU 0x80000u
#define SLAB_MEM_SPREAD 0x100000u
#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(x) ((unsigned long)(x) <= (unsigned long)ZERO_SIZE_PTR)
#define ARCH_KMALLOC_MINALIGN 8
#define KMALLOC_MAX_SIZE (1UL << 22)

struct kmem_cache;

extern void *__kmalloc(size_t size, gfp_t flags) __malloc __alloc_size(1);
extern void kfree(const void *objp);
extern void kfree_sensitive(const void *objp);
extern void *krealloc(const void *objp, size_t new_size, gfp_t flags) __must_check;
extern size_t ksize(const void *objp);
extern void *kvmalloc_node(size_t size, gfp_t flags, int node) __malloc __alloc_size(1);
extern void kvfree(const void *addr);
extern struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
					    slab_flags_t flags, void (*ctor)(void *));
extern void kmem_cache_destroy(struct kmem_cache *s);
extern void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags) __malloc;
extern void kmem_cache_free(struct kmem_cache *s, void *objp);
extern unsigned int kmem_cache_size(struct kmem_cache *s);
extern int kmem_cache_shrink(struct kmem_cache *s);

static inline void *kmalloc(size_t size, gfp_t flags) { return __kmalloc(size, flags); }
static inline void *kzalloc(size_t size, gfp_t flags) { return __kmalloc(size, flags | __GFP_ZERO); }
static inline void *kmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	return __size_mul_overflow(n, size, &bytes) ? NULL : __kmalloc(bytes, flags);
}
static inline void *kcalloc(size_t n, size_t size, gfp_t flags) { return kmalloc_array(n, size, flags | __GFP_ZERO); }
static inline void *krealloc_array(void *p, size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	return __size_mul_overflow(n, size, &bytes) ? NULL : krealloc(p, bytes, flags);
}
static inline void *kmalloc_node(size_t size, gfp_t flags, int node) { return __kmalloc(size, flags); }
static inline void *kzalloc_node(size_t size, gfp_t flags, int node) { return kzalloc(size, flags); }
static inline void *kvmalloc(size_t size, gfp_t flags) { return kvmalloc_node(size, flags, NUMA_NO_NODE); }
static inline void *kvzalloc(size_t size, gfp_t flags) { return kvmalloc(size, flags | __GFP_ZERO); }
static inline void *kvmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	return __size_mul_overflow(n, size, &bytes) ? NULL : kvmalloc(bytes, flags);
}
static inline void *kvcalloc(size_t n, size_t size, gfp_t flags) { return kvmalloc_array(n, size, flags | __GFP_ZERO); }
static inline void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t flags)
{
	return kmem_cache_alloc(s, flags | __GFP_ZERO);
}
#define kzfree kfree_sensitive
#define KMEM_CACHE(__struct, __flags) \
	kmem_cache_create(#__struct, sizeof(struct __struct), __alignof__(struct __struct), (__flags), NULL)

#endif /* _LINUX_SLAB_H */
