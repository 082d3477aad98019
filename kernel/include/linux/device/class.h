/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_DEVICE_CLASS_H
#define _LINUX_DEVICE_CLASS_H

#include <linux/device.h>

#endif /* _LINUX_DEVICE_CLASS_H */
