/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MM_H
#define _LINUX_MM_H

#include <linux/types.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/mm_types.h>
#include <asm/page.h>

extern void *page_address(const struct page *page);
extern struct page *virt_to_page(const void *addr);
extern struct page *vmalloc_to_page(const void *addr);
extern void get_page(struct page *page);
extern void put_page(struct page *page);
extern bool is_vmalloc_addr(const void *x);
extern int remap_pfn_range(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
			   unsigned long size, pgprot_t prot);
#define virt_to_phys(addr) ((phys_addr_t)((unsigned long)(addr) - PAGE_OFFSET))
#define phys_to_virt(addr) ((void *)((unsigned long)(addr) + PAGE_OFFSET))
#define __pa(x) ((unsigned long)(x) - PAGE_OFFSET)
#define __va(x) ((void *)((unsigned long)(x) + PAGE_OFFSET))
#define virt_addr_valid(kaddr) ((unsigned long)(kaddr) >= PAGE_OFFSET && (unsigned long)(kaddr) - PAGE_OFFSET < (1UL << 30))
#define PHYS_PFN(x) ((unsigned long)((x) >> PAGE_SHIFT))
#define PFN_PHYS(x) ((phys_addr_t)(x) << PAGE_SHIFT)
#define pfn_valid(pfn) ((pfn) < (1UL << (30 - PAGE_SHIFT)))
#define pfn_to_page(pfn) virt_to_page(__va((pfn) << PAGE_SHIFT))
#define page_to_pfn(page) (__pa(page_address(page)) >> PAGE_SHIFT)
#define virt_to_pfn(addr) (__pa(addr) >> PAGE_SHIFT)
#define vmalloc_to_pfn(addr) page_to_pfn(vmalloc_to_page(addr))
#define VM_READ 0x1
#define VM_WRITE 0x2
#define VM_EXEC 0x4
#define VM_SHARED 0x8
#define VM_IO 0x4000
#define VM_DONTCOPY 0x20000
#define VM_DONTEXPAND 0x40000
#define VM_DONTDUMP 0x4000000
#define VM_FAULT_OOM 1
#define VM_FAULT_SIGBUS 2
#define VM_FAULT_NOPAGE 0x100

#endif /* _LINUX_MM_H */
