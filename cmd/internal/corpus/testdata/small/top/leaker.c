#include <linux/module.h>
#include <linux/slab.h>

static int __init leaker_init(void)
{
	return kmalloc(64, GFP_KERNEL) ? 0 : -ENOMEM;
}

static void __exit leaker_exit(void)
{
}
module_init(leaker_init);
module_exit(leaker_exit);
MODULE_LICENSE("GPL");
