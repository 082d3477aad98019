/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _ASM_PAGE_H
#define _ASM_PAGE_H

#include <linux/const.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (_AC(1, UL) << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_OFFSET 0xffff888000000000UL
#define PAGE_ALIGN(addr) (((addr) + PAGE_SIZE - 1) & PAGE_MASK)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)
/* Programs have the lower half, less a page at its end. */
#define TASK_SIZE_MAX ((_AC(1, UL) << 47) - PAGE_SIZE)
#define TASK_SIZE TASK_SIZE_MAX
#define THREAD_SIZE (16 * 1024)

#endif /* _ASM_PAGE_H */
