/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/string.h>
#include <linux/sprintf.h>
