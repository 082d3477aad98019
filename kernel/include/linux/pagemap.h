/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/mm.h>
#include <linux/fs.h>
