/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MODULE_H
#define _LINUX_MODULE_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/stringify.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/export.h>
#include <linux/moduleparam.h>
#include <linux/kobject.h>
#include <linux/mod_devicetable.h>
#include <linux/cache.h>
#include <linux/string.h>

#define MODULE_NAME_LEN (64 - sizeof(unsigned long))

enum module_state {
	MODULE_STATE_LIVE, /* normal state */
	MODULE_STATE_COMING, /* init runs */
	MODULE_STATE_GOING, /* exit runs */
	MODULE_STATE_UNFORMED /* being set up */
};

/* What modpost's .mod.c fills is name, init, exit; the rest belongs to the loader. */
struct module {
	enum module_state state;
	struct list_head list;
	char name[MODULE_NAME_LEN];
	const char *version;
	const char *srcversion;
	struct kernel_param *kp;
	unsigned int num_kp;
	int (*init)(void);
	void (*exit)(void);
	unsigned int taints;
	atomic_t refcnt;
	char *args;
	struct kobject *holders_dir;
};

#define MODULE_ARCH_INIT {}

/* The compiler gives a static function that is only known by its alias the alias's name; this keeps the other. */
#define __symbol_name(alias, fn) \
	static const char __UNIQUE_ID(symname)[] __used __section("__symbol_names") __aligned(1) = #alias "=" #fn

/* As in Linux, both end in a semicolon of their own: module_init(f) without one compiles too. */
#ifdef MODULE
#define module_init(initfn)                                                              \
	__symbol_name(init_module, initfn);                                              \
	static inline initcall_t __maybe_unused __inittest(void) { return initfn; }      \
	int init_module(void) __attribute__((alias(#initfn)));
#define module_exit(exitfn)                                                              \
	__symbol_name(cleanup_module, exitfn);                                           \
	static inline exitcall_t __maybe_unused __exittest(void) { return exitfn; }      \
	void cleanup_module(void) __attribute__((alias(#exitfn)));
#define MODULE_DEVICE_TABLE(type, name)                                    \
	extern typeof(name) __mod_##type##__##name##_device_table          \
		__attribute__((unused, alias(__stringify(name))))
#else
#define module_init(initfn) static initcall_t __maybe_unused __initcall_##initfn = initfn;
#define module_exit(exitfn) static exitcall_t __maybe_unused __exitcall_##exitfn = exitfn;
#define MODULE_DEVICE_TABLE(type, name)
#endif
#define early_initcall(fn) module_init(fn)
#define core_initcall(fn) module_init(fn)
#define postcore_initcall(fn) module_init(fn)
#define arch_initcall(fn) module_init(fn)
#define subsys_initcall(fn) module_init(fn)
#define fs_initcall(fn) module_init(fn)
#define device_initcall(fn) module_init(fn)
#define late_initcall(fn) module_init(fn)
#define __initcall(fn) module_init(fn)
#define __exitcall(fn) module_exit(fn)

#define MODULE_INFO(tag, info) __MODULE_INFO(tag, tag, info)
#define MODULE_ALIAS(_alias) MODULE_INFO(alias, _alias)
#define MODULE_SOFTDEP(_softdep) MODULE_INFO(softdep, _softdep)
#define MODULE_LICENSE(_license) MODULE_INFO(license, _license)
#define MODULE_AUTHOR(_author) MODULE_INFO(author, _author)
#define MODULE_DESCRIPTION(_description) MODULE_INFO(description, _description)
#define MODULE_VERSION(_version) MODULE_INFO(version, _version)
#define MODULE_FIRMWARE(_firmware) MODULE_INFO(firmware, _firmware)
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, __stringify(ns))
#define MODULE_SUPPORTED_DEVICE(name)
#define MODULE_ALIAS_CHARDEV(major, minor) \
	MODULE_ALIAS("char-major-" __stringify(major) "-" __stringify(minor))
#define MODULE_ALIAS_CHARDEV_MAJOR(major) MODULE_ALIAS("char-major-" __stringify(major) "-*")
#define MODULE_ALIAS_MISCDEV(minor) MODULE_ALIAS("char-major-10-" __stringify(minor))
#define __MODULE_STRING(x) __stringify(x)

extern bool try_module_get(struct module *module);
extern void __module_get(struct module *module);
extern void module_put(struct module *module);
extern int module_refcount(struct module *mod);
extern void __noreturn __module_put_and_kthread_exit(struct module *mod, long code);
extern void *__symbol_get(const char *symbol);
extern void __symbol_put(const char *symbol);
extern __printf(2, 3) int __request_module(bool wait, const char *name, ...);

#define module_put_and_kthread_exit(code) __module_put_and_kthread_exit(THIS_MODULE, code)
#define symbol_get(x) ((typeof(&x))(__symbol_get(__stringify(x))))
#define symbol_put(x) __symbol_put(__stringify(x))
#define symbol_request(x) symbol_get(x)
#define request_module(mod...) __request_module(true, mod)
#define request_module_nowait(mod...) __request_module(false, mod)
#define try_then_request_module(x, mod...) ((x) ?: (__request_module(true, mod), (x)))
#define module_name(mod)                                  \
	({                                                \
		struct module *__mod = (mod);             \
		__mod ? __mod->name : "kernel";           \
	})
static inline bool module_is_live(struct module *mod) { return mod->state != MODULE_STATE_GOING; }

/* For drivers that do nothing in init and exit but register. */
#define module_driver(__driver, __register, __unregister, ...)            \
	static int __init __driver##_init(void)                           \
	{                                                                 \
		return __register(&(__driver), ##__VA_ARGS__);            \
	}                                                                 \
	module_init(__driver##_init);                                     \
	static void __exit __driver##_exit(void)                          \
	{                                                                 \
		__unregister(&(__driver), ##__VA_ARGS__);                 \
	}                                                                 \
	module_exit(__driver##_exit);
#define builtin_driver(__driver, __register, ...) module_driver(__driver, __register, ##__VA_ARGS__)

/* What Linux's module.h brings along (srcu.h, kmod.h, percpu.h), and modules count on. */
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/stat.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#endif /* _LINUX_MODULE_H */
