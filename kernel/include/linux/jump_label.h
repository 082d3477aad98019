/* SPDX-License-Identifier: Apache-2.0 */
/* Static keys. Linux patches the code; here a key is read, which is correct and not as fast. */
#ifndef _LINUX_JUMP_LABEL_H
#define _LINUX_JUMP_LABEL_H

#include <linux/atomic.h>
#include <linux/types.h>

struct static_key {
	atomic_t enabled;
};
struct static_key_true {
	struct static_key key;
};
struct static_key_false {
	struct static_key key;
};
#define STATIC_KEY_INIT_TRUE { .enabled = ATOMIC_INIT(1) }
#define STATIC_KEY_INIT_FALSE { .enabled = ATOMIC_INIT(0) }
#define STATIC_KEY_INIT STATIC_KEY_INIT_FALSE
#define STATIC_KEY_TRUE_INIT (struct static_key_true){ .key = STATIC_KEY_INIT_TRUE }
#define STATIC_KEY_FALSE_INIT (struct static_key_false){ .key = STATIC_KEY_INIT_FALSE }
#define DEFINE_STATIC_KEY_TRUE(name) struct static_key_true name = { .key = STATIC_KEY_INIT_TRUE }
#define DEFINE_STATIC_KEY_FALSE(name) struct static_key_false name = { .key = STATIC_KEY_INIT_FALSE }
#define DECLARE_STATIC_KEY_TRUE(name) extern struct static_key_true name
#define DECLARE_STATIC_KEY_FALSE(name) extern struct static_key_false name

static inline int static_key_count(struct static_key *key) { return atomic_read(&key->enabled); }
static inline bool static_key_false(struct static_key *key) { return unlikely(static_key_count(key) > 0); }
static inline bool static_key_true(struct static_key *key) { return likely(static_key_count(key) > 0); }
static inline void static_key_slow_inc(struct static_key *key) { atomic_inc(&key->enabled); }
static inline void static_key_slow_dec(struct static_key *key) { atomic_dec(&key->enabled); }
static inline void static_key_enable(struct static_key *key) { atomic_set(&key->enabled, 1); }
static inline void static_key_disable(struct static_key *key) { atomic_set(&key->enabled, 0); }

#define __static_key_of(x) (&(x)->key)
/* Both structs around a key begin with it. */
#define static_key_enabled(x) (static_key_count((struct static_key *)(x)) > 0)
#define static_branch_likely(x) likely(static_key_count(__static_key_of(x)) > 0)
#define static_branch_unlikely(x) unlikely(static_key_count(__static_key_of(x)) > 0)
#define static_branch_maybe(config, x) static_branch_likely(x)
#define static_branch_inc(x) static_key_slow_inc(__static_key_of(x))
#define static_branch_dec(x) static_key_slow_dec(__static_key_of(x))
#define static_branch_enable(x) static_key_enable(__static_key_of(x))
#define static_branch_disable(x) static_key_disable(__static_key_of(x))
#define static_branch_inc_cpuslocked static_branch_inc
#define static_branch_dec_cpuslocked static_branch_dec

#endif /* _LINUX_JUMP_LABEL_H */
