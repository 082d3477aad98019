/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SEQLOCK_H
#define _LINUX_SEQLOCK_H

#include <linux/spinlock.h>

typedef struct seqcount { unsigned int sequence; } seqcount_t;
typedef struct { seqcount_t seqcount; spinlock_t lock; } seqlock_t;
#define SEQCNT_ZERO(name) { 0 }
#define DEFINE_SEQLOCK(x) seqlock_t x = { { 0 }, __SPIN_LOCK_UNLOCKED(x) }
#define seqcount_init(s) ((s)->sequence = 0)
#define seqlock_init(sl) do { seqcount_init(&(sl)->seqcount); spin_lock_init(&(sl)->lock); } while (0)
static inline unsigned int read_seqcount_begin(const seqcount_t *s) { return READ_ONCE(s->sequence) & ~1u; }
static inline int read_seqcount_retry(const seqcount_t *s, unsigned int start) { return READ_ONCE(s->sequence) != start; }
static inline void write_seqcount_begin(seqcount_t *s) { s->sequence++; }
static inline void write_seqcount_end(seqcount_t *s) { s->sequence++; }
static inline unsigned int read_seqbegin(const seqlock_t *sl) { return read_seqcount_begin(&sl->seqcount); }
static inline unsigned int read_seqretry(const seqlock_t *sl, unsigned int start) { return read_seqcount_retry(&sl->seqcount, start); }
#define write_seqlock(sl) do { spin_lock(&(sl)->lock); write_seqcount_begin(&(sl)->seqcount); } while (0)
#define write_sequnlock(sl) do { write_seqcount_end(&(sl)->seqcount); spin_unlock(&(sl)->lock); } while (0)
#define write_seqlock_irqsave(sl, flags) do { local_irq_save(flags); write_seqlock(sl); } while (0)
#define write_sequnlock_irqrestore(sl, flags) do { write_sequnlock(sl); local_irq_restore(flags); } while (0)

#endif /* _LINUX_SEQLOCK_H */
