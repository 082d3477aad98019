/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_CONTAINER_OF_H
#define _LINUX_CONTAINER_OF_H

#include <linux/stddef.h>

/* The structure of the given type whose member ptr points to. */
#define container_of(ptr, type, member) \
	((type *)((char *)(void *)(ptr) - offsetof(type, member)))
#define container_of_safe(ptr, type, member)                           \
	({                                                             \
		void *__p = (void *)(ptr);                             \
		IS_ERR_OR_NULL(__p) ? (type *)__p                      \
				    : container_of(__p, type, member); \
	})
#define typeof_member(T, m) typeof(((T *)0)->m)

#endif /* _LINUX_CONTAINER_OF_H */
