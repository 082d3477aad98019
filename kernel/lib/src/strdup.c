/* SPDX-License-Identifier: Apache-2.0 */
/* Copies in memory of their own: Linux's mm/util.c and lib/argv_split.c. */
#include "lib.h"
#include <linux/ctype.h>

void *kmemdup(const void *src, size_t len, gfp_t gfp)
{
	void *p = kmalloc(len, gfp);

	if (p)
		memcpy(p, src, len);
	return p;
}

char *kmemdup_nul(const char *s, size_t len, gfp_t gfp)
{
	char *p = s ? kmalloc(len + 1, gfp) : NULL;

	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return s ? kmemdup_nul(s, strlen(s), gfp) : NULL;
}

char *kstrndup(const char *s, size_t len, gfp_t gfp)
{
	return s ? kmemdup_nul(s, strnlen(s, len), gfp) : NULL;
}

const char *kstrdup_const(const char *s, gfp_t gfp)
{
	return kstrdup(s, gfp);
}

void kfree_const(const void *x)
{
	kfree(x);
}

static void *dup_user(const void __user *src, size_t len, size_t room)
{
	char *p = kmalloc(room, GFP_USER);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(p, src, len)) {
		kfree(p);
		return ERR_PTR(-EFAULT);
	}
	if (room > len)
		p[len] = '\0';
	return p;
}

void *memdup_user(const void __user *src, size_t len)
{
	return dup_user(src, len, len);
}

void *vmemdup_user(const void __user *src, size_t len)
{
	return dup_user(src, len, len);
}

void *memdup_user_nul(const void __user *src, size_t len)
{
	return dup_user(src, len, len + 1);
}

/* Both count the terminating zero; strnlen_user gives 0 for a bad address. */
long strnlen_user(const char __user *s, long n)
{
	long i;
	char c;

	for (i = 0; i < n; i++) {
		if (copy_from_user(&c, s + i, 1))
			return 0;
		if (!c)
			return i + 1;
	}
	return n + 1;
}

long strncpy_from_user(char *dst, const char __user *src, long count)
{
	long i;

	for (i = 0; i < count; i++) {
		if (copy_from_user(dst + i, src + i, 1))
			return -EFAULT;
		if (!dst[i])
			return i;
	}
	return count;
}

char *strndup_user(const char __user *s, long n)
{
	long len = strnlen_user(s, n);

	if (!len)
		return ERR_PTR(-EFAULT);
	if (len > n)
		return ERR_PTR(-EINVAL);
	return dup_user(s, len - 1, len);
}

char **argv_split(gfp_t gfp, const char *str, int *argcp)
{
	const char *s;
	char *copy, *p, **argv;
	bool inside = false;
	int argc = 0, i = 0;

	for (s = str; *s; s++) {
		if (!isspace(*s) && !inside)
			argc++;
		inside = !isspace(*s);
	}
	copy = kstrndup(str, KMALLOC_MAX_SIZE - 1, gfp);
	argv = kmalloc_array(argc + 2, sizeof(*argv), gfp);
	if (!copy || !argv) {
		kfree(copy);
		kfree(argv);
		return NULL;
	}
	*argv++ = copy; /* hidden before the first: argv_free's */
	for (inside = false, p = copy; *p; p++) {
		bool space = isspace(*p);

		if (!space && !inside)
			argv[i++] = p;
		if (space)
			*p = '\0';
		inside = !space;
	}
	argv[i] = NULL;
	if (argcp)
		*argcp = argc;
	return argv;
}

void argv_free(char **argv)
{
	argv--;
	kfree(argv[0]);
	kfree(argv);
}
