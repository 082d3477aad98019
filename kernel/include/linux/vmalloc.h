/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_VMALLOC_H
#define _LINUX_VMALLOC_H

#include <linux/types.h>

extern void *vmalloc(unsigned long size) __malloc __alloc_size(1);
extern void *vzalloc(unsigned long size) __malloc __alloc_size(1);
extern void *vmalloc_user(unsigned long size) __malloc __alloc_size(1);
extern void vfree(const void *addr);
static inline void *__vmalloc(unsigned long size, gfp_t flags) { return vmalloc(size); }

#endif /* _LINUX_VMALLOC_H */
