/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_STRING_H
#define _LINUX_STRING_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/stddef.h>
#include <linux/stdarg.h>
#include <linux/errno.h>

extern void *memcpy(void *dest, const void *src, size_t count);
extern void *memmove(void *dest, const void *src, size_t count);
extern void *memset(void *s, int c, size_t count);
extern int memcmp(const void *a, const void *b, size_t count);
extern int bcmp(const void *a, const void *b, size_t len);
extern void *memchr(const void *s, int c, size_t n);
extern void *memchr_inv(const void *s, int c, size_t n);
extern void *memscan(void *addr, int c, size_t size);
extern void *memset16(uint16_t *s, uint16_t v, size_t count);
extern void *memset32(uint32_t *s, uint32_t v, size_t count);
extern void *memset64(uint64_t *s, uint64_t v, size_t count);
extern size_t strlen(const char *s);
extern size_t strnlen(const char *s, size_t count);
extern char *strcpy(char *dest, const char *src);
extern char *strncpy(char *dest, const char *src, size_t count);
extern size_t strlcpy(char *dest, const char *src, size_t size);
extern ssize_t strscpy(char *dest, const char *src, size_t count);
extern ssize_t strscpy_pad(char *dest, const char *src, size_t count);
extern char *stpcpy(char *dest, const char *src);
extern char *strcat(char *dest, const char *src);
extern char *strncat(char *dest, const char *src, size_t count);
extern size_t strlcat(char *dest, const char *src, size_t count);
extern int strcmp(const char *a, const char *b);
extern int strncmp(const char *a, const char *b, size_t count);
extern int strcasecmp(const char *a, const char *b);
extern int strncasecmp(const char *a, const char *b, size_t n);
extern char *strchr(const char *s, int c);
extern char *strchrnul(const char *s, int c);
extern char *strnchr(const char *s, size_t count, int c);
extern char *strrchr(const char *s, int c);
extern char *strstr(const char *s1, const char *s2);
extern char *strnstr(const char *s1, const char *s2, size_t len);
extern char *strpbrk(const char *s, const char *accept);
extern char *strsep(char **s, const char *delim);
extern size_t strspn(const char *s, const char *accept);
extern size_t strcspn(const char *s, const char *reject);
extern char *skip_spaces(const char *s);
extern char *strim(char *s);
extern char *strreplace(char *s, char old, char new);
extern int match_string(const char *const *array, size_t n, const char *string);
extern bool sysfs_streq(const char *s1, const char *s2);
extern int __sysfs_match_string(const char *const *array, size_t n, const char *s);
extern void memzero_explicit(void *s, size_t count);

extern char *kstrdup(const char *s, gfp_t gfp);
extern const char *kstrdup_const(const char *s, gfp_t gfp);
extern void kfree_const(const void *x);
extern char *kstrndup(const char *s, size_t len, gfp_t gfp);
extern void *kmemdup(const void *src, size_t len, gfp_t gfp);
extern char *kmemdup_nul(const char *s, size_t len, gfp_t gfp);
extern void *memdup_user(const void __user *src, size_t len);
extern void *vmemdup_user(const void __user *src, size_t len);
extern void *memdup_user_nul(const void __user *src, size_t len);
extern char *strndup_user(const char __user *s, long n);
extern char **argv_split(gfp_t gfp, const char *str, int *argcp);
extern void argv_free(char **argv);

static inline char *strstrip(char *str) { return strim(str); }
static inline bool strstarts(const char *str, const char *prefix)
{
	return strncmp(str, prefix, strlen(prefix)) == 0;
}
static inline size_t str_has_prefix(const char *str, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(str, prefix, len) == 0 ? len : 0;
}
static inline const char *kbasename(const char *path)
{
	const char *tail = strrchr(path, '/');

	return tail ? tail + 1 : path;
}
#define sysfs_match_string(_a, _s) __sysfs_match_string(_a, ARRAY_SIZE(_a), _s)
#define memset_after(obj, v, member)                                              \
	memset((u8 *)(obj) + offsetofend(typeof(*(obj)), member), v,              \
	       sizeof(*(obj)) - offsetofend(typeof(*(obj)), member))
#define strnicmp strncasecmp
#define stricmp strcasecmp

#endif /* _LINUX_STRING_H */
