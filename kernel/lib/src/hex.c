/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal text: Linux's lib/hexdump.c. */
#include "lib.h"
#include <linux/ctype.h>
#include <linux/unaligned.h>

const char hex_asc[] = "0123456789abcdef";
const char hex_asc_upper[] = "0123456789ABCDEF";

int hex_to_bin(unsigned char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	ch = tolower(ch);
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

int hex2bin(u8 *dst, const char *src, size_t count)
{
	while (count--) {
		int hi = hex_to_bin(*src++), lo;

		if (hi < 0)
			return -EINVAL;
		lo = hex_to_bin(*src++);
		if (lo < 0)
			return -EINVAL;
		*dst++ = (hi << 4) | lo;
	}
	return 0;
}

char *bin2hex(char *dst, const void *src, size_t count)
{
	const unsigned char *p = src;

	while (count--)
		dst = hex_byte_pack(dst, *p++);
	return dst;
}

struct out {
	char *buf;
	size_t size, len; /* len counts what did not fit too */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

int hex_dump_to_buffer(const void *buf, size_t len, int rowsize, int groupsize, char *linebuf, size_t linebuflen,
		       bool ascii)
{
	const u8 *p = buf;
	struct out o = { linebuf, linebuflen, 0 };
	size_t i, column;
	int j;

	if (rowsize != 16 && rowsize != 32)
		rowsize = 16;
	if (len > (size_t)rowsize)
		len = rowsize;
	if (!is_power_of_2(groupsize) || groupsize > 8 || len % groupsize != 0)
		groupsize = 1;
	for (i = 0; i < len; i += groupsize) {
		if (i)
			put(&o, ' ');
		for (j = groupsize - 1; j >= 0; j--) { /* the machine is little endian */
			put(&o, hex_asc_hi(p[i + j]));
			put(&o, hex_asc_lo(p[i + j]));
		}
	}
	if (ascii && len) {
		column = rowsize * 2 + rowsize / groupsize + 1;
		while (o.len < column)
			put(&o, ' ');
		for (i = 0; i < len; i++)
			put(&o, isascii(p[i]) && isprint(p[i]) ? p[i] : '.');
	}
	if (linebuflen)
		linebuf[o.len < linebuflen ? o.len : linebuflen - 1] = '\0';
	return o.len;
}

void print_hex_dump(const char *level, const char *prefix_str, int prefix_type, int rowsize, int groupsize,
		    const void *buf, size_t len, bool ascii)
{
	char line[32 * 3 + 2 + 32 + 1];
	const u8 *p = buf;
	size_t i, n;

	if (rowsize != 16 && rowsize != 32)
		rowsize = 16;
	for (i = 0; i < len; i += rowsize) {
		n = min_t(size_t, len - i, rowsize);
		hex_dump_to_buffer(p + i, n, rowsize, groupsize, line, sizeof(line), ascii);
		switch (prefix_type) {
		case DUMP_PREFIX_ADDRESS:
			printk("%s%s%p: %s\n", level, prefix_str, p + i, line);
			break;
		case DUMP_PREFIX_OFFSET:
			printk("%s%s%.8zx: %s\n", level, prefix_str, i, line);
			break;
		default:
			printk("%s%s%s\n", level, prefix_str, line);
		}
	}
}
