/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_INIT_H
#define _LINUX_INIT_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/stringify.h>
#include <linux/build_bug.h>

/* wasm keeps section names for data only; which functions are init code is worked out by the loader. */
#define __init __section(".init.text") __cold
#define __initdata __section(".init.data")
#define __initconst __section(".init.rodata")
#define __exit __section(".exit.text") __used __cold
#define __exitdata __section(".exit.data")
#define __exit_call
#define __init_or_module
#define __initdata_or_module
#define __initconst_or_module
#define __devinit
#define __devinitdata
#define __devinitconst
#define __devexit
#define __devexitdata
#define __devexit_p(x) x
#define __exit_p(x) x
#define __meminit
#define __memexit

typedef int (*initcall_t)(void);
typedef void (*exitcall_t)(void);

extern int init_module(void);
extern void cleanup_module(void);

#endif /* _LINUX_INIT_H */
