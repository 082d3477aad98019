/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _ASM_PAGE_H
#define _ASM_PAGE_H

#include <linux/const.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (_AC(1, UL) << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_OFFSET 0UL
#define PAGE_ALIGN(addr) (((addr) + PAGE_SIZE - 1) & PAGE_MASK)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)
/* User addresses begin above all kernel memory. */
#define TASK_SIZE 0xfffff000UL
#define USER_BASE 0x80000000UL
#define THREAD_SIZE (16 * 1024)

#endif /* _ASM_PAGE_H */
