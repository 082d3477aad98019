/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_VERMAGIC_H
#define _LINUX_VERMAGIC_H

#include <generated/utsrelease.h>

#define VERMAGIC_STRING UTS_RELEASE " SMP preempt mod_unload wasm64 "

#endif /* _LINUX_VERMAGIC_H */
