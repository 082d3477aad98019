/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_to_user and its family.
 *
 * A small user buffer lies in __kb_bounce while its system call runs, so that
 * the usual short read or write needs no call out of WebAssembly. The machine
 * fills the window before C code runs and copies bytes lo to hi back afterwards
 * (kernel/ko/machine/user.go). Every other user address is the host's business.
 */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

struct kb_window {
	u64 base;       /* its address */
	u32 rlen, wlen; /* bytes that can be read, and written */
	u32 lo, hi;     /* what was written */
};
struct kb_window __kb_window;
u8 __kb_bounce[256] __attribute__((aligned(16)));

unsigned long __kb_copy_to_user(void *to, const void *from, unsigned long n);
unsigned long __kb_copy_from_user(void *to, const void *from, unsigned long n);
unsigned long __kb_clear_user(void *to, unsigned long n);

static inline void wrote(u32 off, u32 n)
{
	if (off < __kb_window.lo)
		__kb_window.lo = off;
	if (off + n > __kb_window.hi)
		__kb_window.hi = off + n;
}

static inline void copy(u8 *to, const u8 *from, u32 n)
{
	if (n == 1)
		*to = *from;
	else
		__builtin_memcpy(to, from, n);
}

unsigned long _copy_to_user(void *to, const void *from, unsigned long n)
{
	u64 off = (u64)to - __kb_window.base;

	if (off >= __kb_window.wlen || n > __kb_window.wlen - off)
		return __kb_copy_to_user(to, from, n);
	copy(__kb_bounce + off, from, n);
	wrote(off, n);
	return 0;
}

unsigned long _copy_from_user(void *to, const void *from, unsigned long n)
{
	u64 off = (u64)from - __kb_window.base;

	if (off >= __kb_window.rlen || n > __kb_window.rlen - off)
		return __kb_copy_from_user(to, from, n);
	copy(to, __kb_bounce + off, n);
	return 0;
}

unsigned long clear_user(void *to, unsigned long n)
{
	u64 off = (u64)to - __kb_window.base;

	if (off >= __kb_window.wlen || n > __kb_window.wlen - off)
		return __kb_clear_user(to, n);
	if (n == 1)
		__kb_bounce[off] = 0;
	else
		__builtin_memset(__kb_bounce + off, 0, n);
	wrote(off, n);
	return 0;
}
