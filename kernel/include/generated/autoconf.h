/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GENERATED_AUTOCONF_H
#define _GENERATED_AUTOCONF_H

/* What the simulated kernel has: 64 bit, little endian, one big lock. */
#define CONFIG_64BIT 1
#define CONFIG_MODULES 1
#define CONFIG_MODULE_UNLOAD 1
#define CONFIG_PRINTK 1
#define CONFIG_BUG 1
#define CONFIG_PREEMPT 1
#define CONFIG_SMP 1
#define CONFIG_NR_CPUS 1
#define CONFIG_HZ 250
#define CONFIG_HZ_250 1
#define CONFIG_BASE_SMALL 0
#define CONFIG_PROC_FS 1
#define CONFIG_SYSFS 1
#define CONFIG_DEBUG_FS 1
#define CONFIG_KALLSYMS 1
#define CONFIG_MMU 1
#define CONFIG_USB 1
#define CONFIG_TTY 1
#define CONFIG_LOG_BUF_SHIFT 18
#define CONFIG_WASM64 1
#define CONFIG_PHYS_ADDR_T_64BIT 1
#define CONFIG_ARCH_DMA_ADDR_T_64BIT 1

#endif /* _GENERATED_AUTOCONF_H */
