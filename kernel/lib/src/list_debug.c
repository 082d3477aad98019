/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at a list's neighbours before it is changed, and says what is wrong in the words of CONFIG_DEBUG_LIST
 * (Linux's lib/list_debug.c); BUG follows, as with CONFIG_BUG_ON_DATA_CORRUPTION, which distributions set.
 */
#include "lib.h"
#include <linux/list.h>

#define CORRUPT(condition, format, ...)                      \
	do {                                                 \
		if (unlikely(condition)) {                   \
			pr_err(format "\n", ##__VA_ARGS__);  \
			BUG();                               \
		}                                            \
	} while (0)

void __list_add_valid(struct list_head *new, struct list_head *prev, struct list_head *next)
{
	CORRUPT(!prev, "list_add corruption. prev is NULL.");
	CORRUPT(!next, "list_add corruption. next is NULL.");
	CORRUPT(next->prev != prev, "list_add corruption. next->prev should be prev (%px), but was %px. (next=%px).",
		prev, next->prev, next);
	CORRUPT(prev->next != next, "list_add corruption. prev->next should be next (%px), but was %px. (prev=%px).",
		next, prev->next, prev);
	CORRUPT(new == prev || new == next, "list_add double add: new=%px, prev=%px, next=%px.", new, prev, next);
}

void __list_del_entry_valid(struct list_head *entry)
{
	struct list_head *prev = entry->prev, *next = entry->next;

	CORRUPT(!next, "list_del corruption, %px->next is NULL", entry);
	CORRUPT(!prev, "list_del corruption, %px->prev is NULL", entry);
	CORRUPT(next == LIST_POISON1, "list_del corruption, %px->next is LIST_POISON1 (%px)", entry, LIST_POISON1);
	CORRUPT(prev == LIST_POISON2, "list_del corruption, %px->prev is LIST_POISON2 (%px)", entry, LIST_POISON2);
	CORRUPT(prev->next != entry, "list_del corruption. prev->next should be %px, but was %px. (prev=%px)", entry, prev->next, prev);
	CORRUPT(next->prev != entry, "list_del corruption. next->prev should be %px, but was %px. (next=%px)", entry, next->prev, next);
}
