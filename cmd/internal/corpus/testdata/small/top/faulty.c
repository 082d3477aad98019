#include <linux/fs.h>
#include <linux/module.h>

static int major;

static ssize_t faulty_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	BUG();
	return 0;
}

static const struct file_operations faulty_fops = { .owner = THIS_MODULE, .read = faulty_read };

static int __init faulty_init(void)
{
	major = register_chrdev(0, "faulty", &faulty_fops);
	return major < 0 ? major : 0;
}

static void __exit faulty_exit(void)
{
	unregister_chrdev(major, "faulty");
}
module_init(faulty_init);
module_exit(faulty_exit);
MODULE_LICENSE("GPL");
