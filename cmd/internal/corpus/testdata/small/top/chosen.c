#include <linux/module.h>

static int __init chosen_init(void)
{
	return -ENODEV;
}
module_init(chosen_init);
MODULE_LICENSE("GPL");
