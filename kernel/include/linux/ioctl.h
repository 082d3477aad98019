/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_IOCTL_H
#define _LINUX_IOCTL_H

#include <uapi/linux/ioctl.h>

#endif /* _LINUX_IOCTL_H */
