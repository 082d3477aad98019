#include <linux/module.h>

int corpus_given(void);
static int level = 3;
module_param(level, int, 0644);

static int __init taker_init(void)
{
	return corpus_given() == 42 ? 0 : -EINVAL;
}

static void __exit taker_exit(void)
{
}
module_init(taker_init);
module_exit(taker_exit);
MODULE_LICENSE("GPL");
