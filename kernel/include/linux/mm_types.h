/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MM_TYPES_H
#define _LINUX_MM_TYPES_H

#include <linux/types.h>
#include <linux/list.h>

typedef struct { unsigned long pgprot; } pgprot_t;
typedef unsigned int vm_fault_t;
struct page {
	unsigned long flags;
	void *virtual;
	atomic_t _refcount;
	unsigned long private;
};
struct file;
struct vm_area_struct;
struct vm_fault {
	struct vm_area_struct *vma;
	pgoff_t pgoff;
	unsigned long address;
	unsigned int flags;
	struct page *page;
};
struct vm_operations_struct {
	void (*open)(struct vm_area_struct *area);
	void (*close)(struct vm_area_struct *area);
	vm_fault_t (*fault)(struct vm_fault *vmf);
};
struct mm_struct {
	unsigned long start_code, end_code, start_data, end_data;
	unsigned long start_stack;
	unsigned long total_vm;
};
struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct *vm_mm;
	pgprot_t vm_page_prot;
	unsigned long vm_flags;
	const struct vm_operations_struct *vm_ops;
	unsigned long vm_pgoff;
	struct file *vm_file;
	void *vm_private_data;
};

#endif /* _LINUX_MM_TYPES_H */
