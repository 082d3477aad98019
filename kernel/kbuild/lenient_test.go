package kbuild

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Flags of gcc's are left out with a note, and -Werror does not turn clang's taste into an error.
func TestForeignFlags(t *testing.T) {
	w := newWorkshop(t)
	w.write("Makefile", "obj-m := foo.o bar.o\nccflags-y := -fvar-tracking-assignments -Werror -Wno-such-warning -DVALUE=1\nCFLAGS_foo.o := -fanalyzer\n")
	w.module("foo", "int foo(void) { int unread = VALUE; return *(int *)0 + VALUE; }")
	w.module("bar", "int bar(void) { return VALUE; }")
	out, err := w.kbuild()
	require.NoError(t, err, out)
	require.Contains(t, out, "  NOTE    DIR: clang has no -fanalyzer -fvar-tracking-assignments: left out\n")
	require.Contains(t, out, "-Werror is left out")
	require.Equal(t, 1, strings.Count(out, "has no"), "once for a folder")

	w.write("Makefile", "obj-m := bar.o\nccflags-y := -fno-inline -DVALUE=1\n")
	out, err = w.kbuild()
	require.NoError(t, err, out)
	require.NotContains(t, out, "NOTE", "clang has -fno-inline")
}

// What compiles on Linux compiles here: no semicolon behind module_init, and headers that come
// along.
func TestLinuxHabits(t *testing.T) {
	w := newWorkshop(t)
	w.write("Makefile", "obj-m := habits.o key.o scope.o\n")
	w.write("habits.c", `#include <linux/module.h>
#include <linux/fs.h>

struct habits {
	struct timer_list timer;
	struct delayed_work work;
	struct rb_node node;
};

static struct rb_root root = RB_ROOT;

static ssize_t habits_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct habits *h, *next;

	rbtree_postorder_for_each_entry_safe(h, next, &root, node)
		kfree(h);
	pr_info("%s\n", file->f_path.dentry->d_iname);
	return copy_to_user(buf, &root, 1) ? -EFAULT : 1;
}

static const struct file_operations fops = { .read = habits_read };

static int __init habits_init(void) { return register_chrdev(0, "habits", &fops) < 0; }
static void __exit habits_exit(void) { }
module_init(habits_init)
module_exit(habits_exit)
MODULE_LICENSE("GPL");
`)
	w.write("key.c", `#include <linux/module.h>
static DEFINE_STATIC_KEY_FALSE(key);
static int __init key_init(void)
{
	static_branch_enable(&key);
	return static_branch_unlikely(&key) && static_key_enabled(&key) ? 0 : -EINVAL;
}
module_init(key_init);
MODULE_LICENSE("GPL");
`)
	w.write("scope.c", "#include <linux/module.h>\n#include <linux/netdevice.h>\n")
	out, err := w.kbuild("-k")
	require.Error(t, err)
	require.Contains(t, out, "CC [M]  DIR/habits.o")
	require.Contains(t, out, "linux/netdevice.h: network is out of kobench's scope")
	require.Equal(t, 1, strings.Count(out, "error: "), out)
}
