/* A module like the handout's: a file_operations table, printk, modinfo. */
#include "test.h"

static char msg[16] __attribute__((aligned(8))) = "hello";
static int opened;

static int hello_open(void *inode, struct file *f)
{
	opened++;
	return 0;
}
static ssize_t hello_read(struct file *f, char *buf, size_t n, loff_t *pos)
{
	if (n > sizeof(msg))
		n = sizeof(msg);
	if (_copy_to_user(buf, msg, n))
		return -14;
	return n;
}
static ssize_t hello_write(struct file *f, const char *buf, size_t n, loff_t *pos)
{
	if (n > sizeof(msg))
		n = sizeof(msg);
	if (_copy_from_user(msg, buf, n))
		return -14;
	return n;
}
static int hello_release(void *inode, struct file *f)
{
	opened--;
	return 0;
}
int nothing(void *inode, struct file *f) { return 0; }
struct file_operations fops = { .read = hello_read, .write = hello_write, .open = hello_open, .release = hello_release };

static char banner[] INITDATA = "hello: loaded";
static int setup(int x)
{
	return printk("%s %d\n", banner, x);
}
static int INIT hello_init(void)
{
	setup(42);
	return 0;
}
static void EXIT hello_exit(void)
{
	printk("hello: gone\n");
}
int init_module(void) __attribute__((alias("hello_init")));
void cleanup_module(void) __attribute__((alias("hello_exit")));
MODINFO(1, "license=GPL");
MODINFO(2, "author=nobody = at all");
