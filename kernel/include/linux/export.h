/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_EXPORT_H
#define _LINUX_EXPORT_H

#include <linux/compiler.h>
#include <linux/stringify.h>

struct kernel_symbol {
	void *value;
	const char *name;
	const char *namespace;
};

#ifdef MODULE
extern struct module __this_module;
#define THIS_MODULE (&__this_module)
#else
#define THIS_MODULE ((struct module *)0)
#endif

/* One section for each symbol, as in Linux: the loader reads ___ksymtab+NAME and ___ksymtab_gpl+NAME. */
#define ___EXPORT_SYMBOL(sym, sec, ns)                                                         \
	extern typeof(sym) sym;                                                                \
	static const char __kstrtab_##sym[] __used __section("__ksymtab_strings") = #sym;      \
	static const char __kstrtabns_##sym[] __used __section("__ksymtab_strings") = ns;      \
	static const struct kernel_symbol __ksymtab_##sym __used                               \
		__section("___ksymtab" sec "+" #sym) = { (void *)&sym, __kstrtab_##sym,        \
							 __kstrtabns_##sym }
#define __EXPORT_SYMBOL(sym, sec, ns) ___EXPORT_SYMBOL(sym, sec, ns)
#ifdef DEFAULT_SYMBOL_NAMESPACE
#define _EXPORT_SYMBOL(sym, sec) __EXPORT_SYMBOL(sym, sec, __stringify(DEFAULT_SYMBOL_NAMESPACE))
#else
#define _EXPORT_SYMBOL(sym, sec) __EXPORT_SYMBOL(sym, sec, "")
#endif
#define EXPORT_SYMBOL(sym) _EXPORT_SYMBOL(sym, "")
#define EXPORT_SYMBOL_GPL(sym) _EXPORT_SYMBOL(sym, "_gpl")
#define EXPORT_SYMBOL_NS(sym, ns) __EXPORT_SYMBOL(sym, "", __stringify(ns))
#define EXPORT_SYMBOL_NS_GPL(sym, ns) __EXPORT_SYMBOL(sym, "_gpl", __stringify(ns))
#define EXPORT_UNUSED_SYMBOL(sym)
#define EXPORT_SYMBOL_GPL_FUTURE(sym) EXPORT_SYMBOL_GPL(sym)

#endif /* _LINUX_EXPORT_H */
