/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_LINKAGE_H
#define _LINUX_LINKAGE_H

#define __ALIGN
#define EXPORT_SYMBOL_LINKAGE
#define asmlinkage

#endif /* _LINUX_LINKAGE_H */
