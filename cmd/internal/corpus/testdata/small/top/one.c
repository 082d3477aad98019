#include <linux/module.h>

int two(void);

static int __init one_init(void)
{
	return two();
}
module_init(one_init);
MODULE_LICENSE("GPL");

static void __exit one_exit(void)
{
}
module_exit(one_exit);
