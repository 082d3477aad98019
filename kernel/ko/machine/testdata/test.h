/* What the machine's own tests need; drivers use kernel/include. */
typedef __SIZE_TYPE__ size_t;
typedef long ssize_t;
typedef long long loff_t;
typedef unsigned int u32;
typedef unsigned long long u64;

struct file;
struct file_operations {
	ssize_t (*read)(struct file *, char *, size_t, loff_t *);
	ssize_t (*write)(struct file *, const char *, size_t, loff_t *);
	int (*open)(void *, struct file *);
	int (*release)(void *, struct file *);
};

int printk(const char *fmt, ...);
unsigned long _copy_to_user(void *to, const void *from, unsigned long n);
unsigned long _copy_from_user(void *to, const void *from, unsigned long n);
unsigned long clear_user(void *to, unsigned long n);

#define INIT __attribute__((section(".init.text"), cold))
#define EXIT __attribute__((section(".exit.text"), cold))
#define INITDATA __attribute__((section(".init.data")))
#define NOINLINE __attribute__((noinline))
#define MODINFO(n, s) __attribute__((section(".modinfo"), used, aligned(1))) static const char modinfo##n[] = s
#define EXPORT(sym)                                                                                          \
	static const char str_##sym[] __attribute__((section("__ksymtab_strings"), used, aligned(1))) = #sym; \
	static const struct { const void *v; const char *n, *ns; } ks_##sym                              \
	__attribute__((section("___ksymtab+" #sym), used)) = { (void *)&sym, str_##sym, 0 }
