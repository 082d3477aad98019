/* SPDX-License-Identifier: Apache-2.0 */
/* Module parameters: Linux's kernel/params.c by contract. */
#include "lib.h"
#include <linux/list.h>
#include <linux/moduleparam.h>

#define INTEGER(name, type, format, parse)                                            \
	int param_set_##name(const char *val, const struct kernel_param *kp)          \
	{                                                                             \
		return parse(val, 0, (type *)kp->arg);                                \
	}                                                                             \
	int param_get_##name(char *buffer, const struct kernel_param *kp)             \
	{                                                                             \
		return scnprintf(buffer, PAGE_SIZE, format "\n", *(type *)kp->arg);   \
	}                                                                             \
	const struct kernel_param_ops param_ops_##name = { .set = param_set_##name, .get = param_get_##name }

INTEGER(byte, unsigned char, "%hhu", kstrtou8);
INTEGER(short, short, "%hi", kstrtos16);
INTEGER(ushort, unsigned short, "%hu", kstrtou16);
INTEGER(int, int, "%i", kstrtoint);
INTEGER(uint, unsigned int, "%u", kstrtouint);
INTEGER(long, long, "%li", kstrtol);
INTEGER(ulong, unsigned long, "%lu", kstrtoul);
INTEGER(ullong, unsigned long long, "%llu", kstrtoull);
INTEGER(hexint, unsigned int, "%#08x", kstrtouint);

int param_set_uint_minmax(const char *val, const struct kernel_param *kp, unsigned int min, unsigned int max)
{
	unsigned int num;
	int err;

	if (!val)
		return -EINVAL;
	err = kstrtouint(val, 0, &num);
	if (err)
		return err;
	if (num < min || num > max)
		return -EINVAL;
	*(unsigned int *)kp->arg = num;
	return 0;
}

/* The strings that a charp parameter was given; the one it was born with is not ours to free. */
struct owned {
	struct list_head list;
	char text[];
};
static LIST_HEAD(owned_strings);

static void free_owned(const char *text)
{
	struct owned *o;

	list_for_each_entry(o, &owned_strings, list) {
		if (o->text == text) {
			list_del(&o->list);
			kfree(o);
			return;
		}
	}
}

int param_set_charp(const char *val, const struct kernel_param *kp)
{
	size_t n = strlen(val);
	struct owned *o;

	if (n > 1024) {
		pr_err("%s: string parameter too long\n", kp->name);
		return -ENOSPC;
	}
	o = kmalloc(sizeof(*o) + n + 1, GFP_KERNEL);
	if (!o)
		return -ENOMEM;
	strcpy(o->text, val);
	free_owned(*(char **)kp->arg);
	list_add(&o->list, &owned_strings);
	*(char **)kp->arg = o->text;
	return 0;
}

int param_get_charp(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%s\n", *(char **)kp->arg);
}

void param_free_charp(void *arg)
{
	free_owned(*(char **)arg);
}

const struct kernel_param_ops param_ops_charp = {
	.set = param_set_charp,
	.get = param_get_charp,
	.free = param_free_charp,
};

int param_set_bool(const char *val, const struct kernel_param *kp)
{
	return kstrtobool(val ? val : "1", kp->arg);
}

int param_get_bool(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%c\n", *(bool *)kp->arg ? 'Y' : 'N');
}

const struct kernel_param_ops param_ops_bool = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = param_set_bool,
	.get = param_get_bool,
};

int param_set_bool_enable_only(const char *val, const struct kernel_param *kp)
{
	bool new;
	int err = kstrtobool(val ? val : "1", &new);

	if (err)
		return err;
	if (!new && *(bool *)kp->arg)
		return -EROFS;
	if (new)
		*(bool *)kp->arg = true;
	return 0;
}

const struct kernel_param_ops param_ops_bool_enable_only = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = param_set_bool_enable_only,
	.get = param_get_bool,
};

int param_set_invbool(const char *val, const struct kernel_param *kp)
{
	bool value;
	int err = kstrtobool(val, &value);

	if (!err)
		*(bool *)kp->arg = !value;
	return err;
}

int param_get_invbool(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%c\n", *(bool *)kp->arg ? 'N' : 'Y');
}

const struct kernel_param_ops param_ops_invbool = { .set = param_set_invbool, .get = param_get_invbool };

int param_set_bint(const char *val, const struct kernel_param *kp)
{
	bool value;
	int err = kstrtobool(val ? val : "1", &value);

	if (!err)
		*(int *)kp->arg = value;
	return err;
}

const struct kernel_param_ops param_ops_bint = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = param_set_bint,
	.get = param_get_int,
};

int param_set_copystring(const char *val, const struct kernel_param *kp)
{
	const struct kparam_string *s = kp->str;

	if (strnlen(val, s->maxlen) == s->maxlen) {
		pr_err("%s: string doesn't fit in %u chars.\n", kp->name, s->maxlen - 1);
		return -ENOSPC;
	}
	strcpy(s->string, val);
	return 0;
}

int param_get_string(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%s\n", kp->str->string);
}

const struct kernel_param_ops param_ops_string = { .set = param_set_copystring, .get = param_get_string };

static struct kernel_param element(const struct kernel_param *kp, unsigned int i)
{
	struct kernel_param one = {
		.name = kp->name,
		.mod = kp->mod,
		.perm = kp->perm,
		.level = kp->level,
		.ops = kp->arr->ops,
		.arg = (char *)kp->arr->elem + i * kp->arr->elemsize,
	};

	return one;
}

/* val is cut at its commas for a moment, so it must be writable. */
static int array_set(const char *val, const struct kernel_param *kp)
{
	const struct kparam_array *arr = kp->arr;
	unsigned int dummy, *num = arr->num ? arr->num : &dummy;
	char *at = (char *)val, cut;

	*num = 0;
	do {
		struct kernel_param one = element(kp, *num);
		size_t n;
		int err;

		if (*num == arr->max) {
			pr_err("%s: can only take %i arguments\n", kp->name, arr->max);
			return -EINVAL;
		}
		n = strcspn(at, ",");
		cut = at[n];
		at[n] = '\0';
		err = one.ops->set(at, &one);
		at[n] = cut;
		if (err)
			return err;
		at += n + 1;
		(*num)++;
	} while (cut == ',');
	return 0;
}

static int array_get(char *buffer, const struct kernel_param *kp)
{
	unsigned int i, n = kp->arr->num ? *kp->arr->num : kp->arr->max;
	int len = 0;

	for (i = 0; i < n; i++) {
		struct kernel_param one = element(kp, i);
		int ret;

		if (i) /* the newline after the one before */
			buffer[len - 1] = ',';
		ret = one.ops->get(buffer + len, &one);
		if (ret < 0)
			return ret;
		len += ret;
	}
	buffer[len] = '\0';
	return len;
}

static void array_free(void *arg)
{
	const struct kparam_array *arr = arg;
	unsigned int i, n = arr->num ? *arr->num : arr->max;

	if (arr->ops->free)
		for (i = 0; i < n; i++)
			arr->ops->free((char *)arr->elem + i * arr->elemsize);
}

const struct kernel_param_ops param_array_ops = { .set = array_set, .get = array_get, .free = array_free };

void kernel_param_lock(struct module *mod) {}
void kernel_param_unlock(struct module *mod) {}
