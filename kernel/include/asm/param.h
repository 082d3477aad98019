/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _ASM_PARAM_H
#define _ASM_PARAM_H

#define HZ 250
#define USER_HZ 100

#endif /* _ASM_PARAM_H */
