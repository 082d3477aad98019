/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from text: Linux's lib/kstrtox.c and lib/cmdline.c. */
#include "lib.h"
#include <linux/ctype.h>

/* Base 0 means: 0x is hexadecimal, 0 octal, everything else decimal. A 0x may stand before base 16 too. */
static const char *fixup_base(const char *s, unsigned int *base)
{
	bool hex = s[0] == '0' && tolower(s[1]) == 'x' && isxdigit(s[2]);

	if (*base == 0)
		*base = hex ? 16 : s[0] == '0' ? 8 : 10;
	return *base == 16 && s[0] == '0' && tolower(s[1]) == 'x' ? s + 2 : s;
}

/* Reads digits into *res, wrapping. Gives their number; *over says that the value did not fit. */
static size_t digits(const char *s, unsigned int base, unsigned long long *res, bool *over)
{
	unsigned long long value = 0;
	size_t n = 0;

	*over = false;
	for (;; n++) {
		int d = hex_to_bin(s[n]);

		if (d < 0 || (unsigned int)d >= base)
			break;
		if (value > div_u64(ULLONG_MAX - d, base))
			*over = true;
		value = value * base + d;
	}
	*res = value;
	return n;
}

static int parse_unsigned(const char *s, unsigned int base, unsigned long long *res)
{
	unsigned long long value;
	bool over;
	size_t n;

	s = fixup_base(s, &base);
	n = digits(s, base, &value, &over);
	if (over)
		return -ERANGE;
	if (n == 0)
		return -EINVAL;
	s += n;
	if (*s == '\n')
		s++;
	if (*s)
		return -EINVAL;
	*res = value;
	return 0;
}

int kstrtoull(const char *s, unsigned int base, unsigned long long *res)
{
	return parse_unsigned(*s == '+' ? s + 1 : s, base, res);
}

int kstrtoll(const char *s, unsigned int base, long long *res)
{
	unsigned long long value;
	int err;

	if (*s == '-') {
		err = parse_unsigned(s + 1, base, &value);
		if (err)
			return err;
		if ((long long)-value > 0)
			return -ERANGE;
		*res = -value;
		return 0;
	}
	err = kstrtoull(s, base, &value);
	if (err)
		return err;
	if ((long long)value < 0)
		return -ERANGE;
	*res = value;
	return 0;
}

#define NARROW(name, type, wide, wider)                              \
	int name(const char *s, unsigned int base, type *res)        \
	{                                                            \
		wide value;                                          \
		int err = wider(s, base, &value);                    \
		if (err)                                             \
			return err;                                  \
		if (value != (wide)(type)value)                      \
			return -ERANGE;                              \
		*res = value;                                        \
		return 0;                                            \
	}
NARROW(kstrtoul, unsigned long, unsigned long long, kstrtoull)
NARROW(kstrtol, long, long long, kstrtoll)
NARROW(kstrtouint, unsigned int, unsigned long long, kstrtoull)
NARROW(kstrtoint, int, long long, kstrtoll)
NARROW(kstrtou16, u16, unsigned long long, kstrtoull)
NARROW(kstrtos16, s16, long long, kstrtoll)
NARROW(kstrtou8, u8, unsigned long long, kstrtoull)
NARROW(kstrtos8, s8, long long, kstrtoll)

int kstrtobool(const char *s, bool *res)
{
	if (!s)
		return -EINVAL;
	switch (s[0]) {
	case 'y': case 'Y': case 't': case 'T': case '1':
		*res = true;
		return 0;
	case 'n': case 'N': case 'f': case 'F': case '0':
		*res = false;
		return 0;
	case 'o': case 'O':
		if (tolower(s[1]) == 'n') {
			*res = true;
			return 0;
		}
		if (tolower(s[1]) == 'f') {
			*res = false;
			return 0;
		}
	}
	return -EINVAL;
}

/* A sign, 64 binary digits, a newline and the zero: longer text is no number. */
#define FROM_USER(name, type, parse)                                                             \
	int name##_from_user(const char __user *s, size_t count, unsigned int base, type *res)  \
	{                                                                                        \
		char buf[1 + 64 + 1 + 1];                                                        \
		count = min(count, sizeof(buf) - 1);                                             \
		if (copy_from_user(buf, s, count))                                               \
			return -EFAULT;                                                          \
		buf[count] = '\0';                                                               \
		return parse(buf, base, res);                                                    \
	}
FROM_USER(kstrtoull, unsigned long long, kstrtoull)
FROM_USER(kstrtoll, long long, kstrtoll)
FROM_USER(kstrtoul, unsigned long, kstrtoul)
FROM_USER(kstrtol, long, kstrtol)
FROM_USER(kstrtouint, unsigned int, kstrtouint)
FROM_USER(kstrtoint, int, kstrtoint)
FROM_USER(kstrtou16, u16, kstrtou16)
FROM_USER(kstrtos16, s16, kstrtos16)
FROM_USER(kstrtou8, u8, kstrtou8)
FROM_USER(kstrtos8, s8, kstrtos8)

int kstrtobool_from_user(const char __user *s, size_t count, bool *res)
{
	char buf[4];

	count = min(count, sizeof(buf) - 1);
	if (copy_from_user(buf, s, count))
		return -EFAULT;
	buf[count] = '\0';
	return kstrtobool(buf, res);
}

unsigned long long simple_strtoull(const char *cp, char **endp, unsigned int base)
{
	unsigned long long value;
	bool over;

	cp = fixup_base(cp, &base);
	cp += digits(cp, base, &value, &over);
	if (endp)
		*endp = (char *)cp;
	return value;
}

long long simple_strtoll(const char *cp, char **endp, unsigned int base)
{
	return *cp == '-' ? -simple_strtoull(cp + 1, endp, base) : simple_strtoull(cp, endp, base);
}

unsigned long simple_strtoul(const char *cp, char **endp, unsigned int base)
{
	return simple_strtoull(cp, endp, base);
}

long simple_strtol(const char *cp, char **endp, unsigned int base)
{
	return simple_strtoll(cp, endp, base);
}

/* 0: no number; 1: one, nothing follows; 2: a comma follows and is skipped; 3: a range "M-N" begins. */
int get_option(char **str, int *pint)
{
	char *cur = *str;
	int value;

	if (!cur || !*cur)
		return 0;
	value = *cur == '-' ? -simple_strtoull(++cur, str, 0) : simple_strtoull(cur, str, 0);
	if (pint)
		*pint = value;
	if (cur == *str)
		return 0;
	if (**str == ',') {
		(*str)++;
		return 2;
	}
	return **str == '-' ? 3 : 1;
}

/* ints[0] becomes how many there were; nints is the room, ints[0] included. */
char *get_options(const char *str, int nints, int *ints)
{
	char *s = (char *)str;
	int i = 1, value, kind;

	while (i < nints || nints == 0) {
		kind = get_option(&s, nints ? &ints[i] : &value);
		if (kind == 0)
			break;
		if (kind == 3) {
			int last, at = nints ? ints[i] : value;

			s++;
			kind = get_option(&s, &last);
			if (kind == 0 || last < at)
				break;
			for (; at <= last && (i < nints || nints == 0); at++, i++)
				if (nints)
					ints[i] = at;
		} else {
			i++;
		}
		if (kind == 1)
			break;
	}
	ints[0] = i - 1;
	return s;
}

unsigned long long memparse(const char *ptr, char **retptr)
{
	static const char suffixes[] = "KMGTPE";
	char *end;
	unsigned long long value = simple_strtoull(ptr, &end, 0);
	char *unit = *end ? strchr(suffixes, toupper(*end)) : NULL;

	if (unit) {
		value <<= 10 * (unit - suffixes + 1);
		end++;
	}
	if (retptr)
		*retptr = end;
	return value;
}
