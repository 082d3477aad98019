/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_IDR_H
#define _LINUX_IDR_H

#include <linux/types.h>
#include <linux/gfp.h>
#include <linux/err.h>

/* Small integers to pointers: an array that doubles. */
struct idr {
	void **slots;
	unsigned char *used;
	int size;
	int base;
	int next;
};
#define IDR_INIT(name) { .slots = NULL }
#define IDR_INIT_BASE(name, b) { .slots = NULL, .base = (b) }
#define DEFINE_IDR(name) struct idr name = IDR_INIT(name)
extern int idr_alloc(struct idr *idr, void *ptr, int start, int end, gfp_t gfp);
extern int idr_alloc_cyclic(struct idr *idr, void *ptr, int start, int end, gfp_t gfp);
extern void *idr_remove(struct idr *idr, unsigned long id);
extern void *idr_find(const struct idr *idr, unsigned long id);
extern int idr_for_each(const struct idr *idr, int (*fn)(int id, void *p, void *data), void *data);
extern void *idr_get_next(struct idr *idr, int *nextid);
extern void *idr_replace(struct idr *idr, void *ptr, unsigned long id);
extern void idr_destroy(struct idr *idr);
static inline void idr_init(struct idr *idr) { *idr = (struct idr){ .slots = NULL }; }
static inline void idr_init_base(struct idr *idr, int base) { *idr = (struct idr){ .base = base }; }
static inline void idr_preload(gfp_t gfp_mask) {}
static inline void idr_preload_end(void) {}
static inline bool idr_is_empty(const struct idr *idr)
{
	int id = 0;

	return idr_get_next((struct idr *)idr, &id) == NULL;
}
#define idr_for_each_entry(idr, entry, id) \
	for ((id) = 0; ((entry) = idr_get_next(idr, &(id))) != NULL; (id)++)

struct ida {
	struct idr idr;
};
#define IDA_INIT(name) { .idr = IDR_INIT(name) }
#define DEFINE_IDA(name) struct ida name = IDA_INIT(name)
extern int ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max, gfp_t flags);
extern void ida_free(struct ida *ida, unsigned int id);
extern void ida_destroy(struct ida *ida);
static inline void ida_init(struct ida *ida) { idr_init(&ida->idr); }
#define ida_alloc(ida, gfp) ida_alloc_range(ida, 0, ~0U, gfp)
#define ida_alloc_min(ida, min, gfp) ida_alloc_range(ida, min, ~0U, gfp)
#define ida_alloc_max(ida, max, gfp) ida_alloc_range(ida, 0, max, gfp)
#define ida_simple_get(ida, start, end, gfp) ida_alloc_range(ida, start, (end) ? (end)-1 : ~0U, gfp)
#define ida_simple_remove(ida, id) ida_free(ida, id)
static inline bool ida_is_empty(const struct ida *ida) { return idr_is_empty(&ida->idr); }

#endif /* _LINUX_IDR_H */
