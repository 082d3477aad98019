/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_UACCESS_H
#define _LINUX_UACCESS_H

#include <linux/types.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/page.h>

/* Each gives the number of bytes NOT copied: 0 is success. */
extern unsigned long _copy_to_user(void __user *to, const void *from, unsigned long n);
extern unsigned long _copy_from_user(void *to, const void __user *from, unsigned long n);
extern unsigned long clear_user(void __user *mem, unsigned long len);
extern long strncpy_from_user(char *dst, const char __user *src, long count);
extern long strnlen_user(const char __user *s, long n);

static inline unsigned long __must_check copy_to_user(void __user *to, const void *from, unsigned long n)
{
	return _copy_to_user(to, from, n);
}
static inline unsigned long __must_check copy_from_user(void *to, const void __user *from, unsigned long n)
{
	return _copy_from_user(to, from, n);
}
static inline unsigned long copy_in_user(void __user *to, const void __user *from, unsigned long n)
{
	char byte;

	for (; n; n--, to++, from++)
		if (_copy_from_user(&byte, from, 1) || _copy_to_user(to, &byte, 1))
			break;
	return n;
}
#define __copy_to_user copy_to_user
#define __copy_from_user copy_from_user
#define __copy_to_user_inatomic copy_to_user
#define __copy_from_user_inatomic copy_from_user
#define raw_copy_to_user copy_to_user
#define raw_copy_from_user copy_from_user
#define __clear_user clear_user
#define strlen_user(s) strnlen_user(s, ~0UL >> 1)

static inline bool __access_ok(const void __user *ptr, unsigned long size)
{
	unsigned long addr = (unsigned long)ptr;

	return size <= TASK_SIZE_MAX && addr <= TASK_SIZE_MAX - size;
}
#define VERIFY_READ 0
#define VERIFY_WRITE 1
#define __access_ok2(addr, size) likely(__access_ok((const void __user *)(addr), (size)))
#define __access_ok3(type, addr, size) __access_ok2(addr, size)
#define __access_ok_pick(_1, _2, _3, name, ...) name
/* (addr, size) since 5.0, (type, addr, size) before. */
#define access_ok(...) __access_ok_pick(__VA_ARGS__, __access_ok3, __access_ok2, 0)(__VA_ARGS__)

#define get_user(x, ptr)                                                                        \
	({                                                                                      \
		char __gu_buf[sizeof(*(ptr))] __aligned(8);                                     \
		int __gu_err = _copy_from_user(__gu_buf, (ptr), sizeof(*(ptr))) ? -EFAULT : 0;  \
		(x) = __gu_err ? (typeof(*(ptr)))0 : *(typeof(ptr))(void *)__gu_buf;            \
		__gu_err;                                                                       \
	})
#define put_user(x, ptr)                                                         \
	({                                                                       \
		typeof(*(ptr)) __pu_val = (x);                                   \
		_copy_to_user((ptr), &__pu_val, sizeof(*(ptr))) ? -EFAULT : 0;   \
	})
#define __get_user(x, ptr) get_user(x, ptr)
#define __put_user(x, ptr) put_user(x, ptr)
#define unsafe_get_user(x, ptr, label) do { if (get_user(x, ptr)) goto label; } while (0)
#define unsafe_put_user(x, ptr, label) do { if (put_user(x, ptr)) goto label; } while (0)
#define user_access_begin(ptr, len) access_ok(ptr, len)
#define user_read_access_begin(ptr, len) access_ok(ptr, len)
#define user_write_access_begin(ptr, len) access_ok(ptr, len)
#define user_access_end() do { } while (0)
#define user_read_access_end() do { } while (0)
#define user_write_access_end() do { } while (0)
static inline int __must_check copy_struct_from_user(void *dst, size_t ksize, const void __user *src,
						     size_t usize)
{
	size_t size = ksize < usize ? ksize : usize;

	if (usize < ksize)
		memset(dst + size, 0, ksize - size);
	return _copy_from_user(dst, src, size) ? -EFAULT : 0;
}
static inline void pagefault_disable(void) {}
static inline void pagefault_enable(void) {}

#endif /* _LINUX_UACCESS_H */
