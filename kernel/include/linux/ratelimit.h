/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_RATELIMIT_H
#define _LINUX_RATELIMIT_H

#include <linux/ratelimit_types.h>
#include <linux/bug.h>

static inline void ratelimit_state_init(struct ratelimit_state *rs, int interval, int burst)
{
	*rs = (struct ratelimit_state){ .interval = interval, .burst = burst };
}
static inline void ratelimit_default_init(struct ratelimit_state *rs)
{
	ratelimit_state_init(rs, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
}
#define WARN_ON_RATELIMIT(condition, state)                     \
	({                                                      \
		bool __rtn_cond = !!(condition);                \
		WARN_ON(__rtn_cond && __ratelimit(state));      \
		__rtn_cond;                                     \
	})
#define WARN_RATELIMIT(condition, format, ...)                        \
	({                                                            \
		static DEFINE_RATELIMIT_STATE(_rs, DEFAULT_RATELIMIT_INTERVAL, \
					      DEFAULT_RATELIMIT_BURST); \
		int rtn = !!(condition);                              \
		if (unlikely(rtn && __ratelimit(&_rs)))               \
			WARN(rtn, format, ##__VA_ARGS__);             \
		rtn;                                                  \
	})

#endif /* _LINUX_RATELIMIT_H */
