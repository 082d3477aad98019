/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/byteorder.h>
