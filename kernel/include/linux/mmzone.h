/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MMZONE_H
#define _LINUX_MMZONE_H

#include <asm/page.h>

#define MAX_ORDER 11
#define NUMA_NO_NODE (-1)

#endif /* _LINUX_MMZONE_H */
