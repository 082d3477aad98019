/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MAJOR_H
#define _LINUX_MAJOR_H

#define UNNAMED_MAJOR 0
#define MEM_MAJOR 1
#define TTY_MAJOR 4
#define TTYAUX_MAJOR 5
#define LP_MAJOR 6
#define MISC_MAJOR 10
#define USB_CHAR_MAJOR 180
#define ACM_TTY_MAJOR 166
#define USB_SERIAL_TTY_MAJOR 188

#endif /* _LINUX_MAJOR_H */
