/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_STRING_HELPERS_H_
#define _LINUX_STRING_HELPERS_H_

#include <linux/string.h>
#include <linux/sprintf.h>
#include <linux/types.h>

static inline const char *str_yes_no(bool v) { return v ? "yes" : "no"; }
static inline const char *str_on_off(bool v) { return v ? "on" : "off"; }
static inline const char *str_enable_disable(bool v) { return v ? "enable" : "disable"; }
static inline const char *str_enabled_disabled(bool v) { return v ? "enabled" : "disabled"; }

enum string_size_units {
	STRING_UNITS_10, /* kB, MB: powers of 1000 */
	STRING_UNITS_2,  /* KiB, MiB: powers of 1024 */
};

/* size blocks of blk_size bytes with three significant digits and the unit: "1.50 KiB" (lib/string_helpers.c). */
static inline void string_get_size(u64 size, u64 blk_size, enum string_size_units units, char *buf, int len)
{
	static const char *const names[2][7] = {
		{ "B", "kB", "MB", "GB", "TB", "PB", "EB" },
		{ "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" },
	};
	u32 base = units == STRING_UNITS_2 ? 1024 : 1000, rest = 0;
	int i = 0, digits;
	char frac[8] = "";

	if (!blk_size)
		size = 0;
	while (blk_size >= base && size) { /* both into the range whose product fits */
		rest = blk_size % base;
		blk_size /= base;
		i++;
		if (rest && size < ((u64)1 << 40)) { /* exact as long as it fits */
			blk_size = blk_size * base + rest;
			i--;
			rest = 0;
			break;
		}
	}
	while (size >= base && blk_size > 1 && size > ~(u64)0 / blk_size) {
		size /= base;
		i++;
	}
	size *= blk_size;
	for (rest = 0; size >= base; i++) {
		rest = size % base;
		size /= base;
	}
	digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
	if (i && digits) {
		u32 scale = digits == 1 ? 10 : 100, f = (rest * 1000 / base * scale + 500) / 1000;

		if (f >= scale) {
			size++;
			f = 0;
		}
		snprintf(frac, sizeof(frac), digits == 1 ? ".%01u" : ".%02u", f);
	} else if (i && rest >= base / 2) {
		size++;
	}
	snprintf(buf, len, "%llu%s %s", (unsigned long long)size, frac, i < 7 ? names[units == STRING_UNITS_2][i] : "?");
}

#endif
