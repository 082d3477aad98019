#include <linux/module.h>

int corpus_given(void)
{
	return 42;
}
EXPORT_SYMBOL_GPL(corpus_given);
MODULE_LICENSE("GPL");
