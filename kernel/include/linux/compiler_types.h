/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_COMPILER_TYPES_H
#define _LINUX_COMPILER_TYPES_H

/* Annotations that the rest of the headers and every module use. Included before every source file. */
#ifndef __ASSEMBLY__

#define __user
#define __kernel
#define __iomem
#define __percpu
#define __rcu
#define __force
#define __safe
#define __private
#define __nocast
#define __bitwise
#define __must_hold(x)
#define __acquires(x)
#define __releases(x)
#define __acquire(x) ((void)0)
#define __release(x) ((void)0)
#define __chk_user_ptr(x) ((void)0)
#define __chk_io_ptr(x) ((void)0)
#define __cond_lock(x, c) (c)
#define ACCESS_PRIVATE(p, member) ((p)->member)

#undef inline
#define inline inline __attribute__((__unused__))
#define __inline inline
#define __inline__ inline
#define __always_inline inline __attribute__((__always_inline__))
#define noinline __attribute__((__noinline__))
#define noinline_for_stack noinline
#define notrace
#define noinstr noinline
#define asmlinkage
#define __visible __attribute__((__used__))
#define __used __attribute__((__used__))
#define __always_unused __attribute__((__unused__))
#define __maybe_unused __attribute__((__unused__))
#define __must_check __attribute__((__warn_unused_result__))
#define __packed __attribute__((__packed__))
#define __aligned(x) __attribute__((__aligned__(x)))
#define __aligned_largest __attribute__((__aligned__))
#define __printf(a, b) __attribute__((__format__(printf, a, b)))
#define __scanf(a, b) __attribute__((__format__(scanf, a, b)))
#define __section(s) __attribute__((__section__(s)))
#define __noreturn __attribute__((__noreturn__))
#define __pure __attribute__((__pure__))
#define __attribute_const__ __attribute__((__const__))
#define __const __attribute_const__
#define __cold __attribute__((__cold__))
#define __malloc __attribute__((__malloc__))
#define __weak __attribute__((__weak__))
#define __alias(symbol) __attribute__((__alias__(#symbol)))
#define __deprecated
#define __mode(x) __attribute__((__mode__(x)))
#define __assume_aligned(a, ...)
#define __alloc_size(x, ...) __attribute__((__alloc_size__(x, ##__VA_ARGS__)))
#define __designated_init
#define __nonstring
#define __counted_by(m)
#define __no_sanitize_address
#define __gnu_inline
#define __diag_push()
#define __diag_pop()
#define __diag_ignore_all(option, comment)
#define __copy(symbol)
#define __compiletime_error(message)
#define __compiletime_warning(message)
#define fallthrough __attribute__((__fallthrough__))
#define __cacheline_aligned
#define ____cacheline_aligned
#define ____cacheline_aligned_in_smp
#define __cacheline_aligned_in_smp
#define __read_mostly
#define __ro_after_init
#define __refdata
#define __ref
#define __same_type(a, b) __builtin_types_compatible_p(typeof(a), typeof(b))
#define __native_word(t) (sizeof(t) <= sizeof(long long))
#define __unqual_scalar_typeof(x) typeof(x)

#endif /* __ASSEMBLY__ */

#endif /* _LINUX_COMPILER_TYPES_H */
