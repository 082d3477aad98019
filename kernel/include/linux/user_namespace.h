/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/cred.h>
#include <linux/utsname.h>
