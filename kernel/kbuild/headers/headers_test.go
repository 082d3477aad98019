package headers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/include"
	"github.com/kobench/kobench/kernel/kbuild/cc"
)

func toolchain(t *testing.T) cc.Toolchain {
	t.Helper()
	tc, err := cc.Find(os.LookupEnv)
	if err != nil {
		t.Skip(err)
	}
	return tc
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	tc := toolchain(t)
	exports, err := Exports(tc, include.FS)
	require.NoError(t, err)
	kept, err := include.FS.ReadFile("EXPORTS")
	require.NoError(t, err)
	require.Equal(t, string(kept), string(FormatExports(exports)), "go run ./kernel/kbuild/gen")

	offsets, err := Offsets(tc, include.FS)
	require.NoError(t, err)
	kept, err = os.ReadFile("../../ko/capi/offsets_gen.go")
	require.NoError(t, err)
	require.Equal(t, string(kept), string(offsets), "go run ./kernel/kbuild/gen")
}

// Every header compiles as the first and only one, without a warning.
func TestHeadersStandAlone(t *testing.T) {
	tc := toolchain(t)
	var c bytes.Buffer
	n := 0
	for _, dir := range []string{"linux", "linux/sched", "linux/device", "asm"} {
		list, err := include.FS.ReadDir(dir)
		require.NoError(t, err)
		for _, f := range list {
			if path.Ext(f.Name()) == ".h" {
				fmt.Fprintf(&c, "#include <%s/%s>\n", dir, f.Name())
				n++
			}
		}
	}
	require.Greater(t, n, 150)
	flags := append(cc.Warnings(), "-Werror", "-DMODULE", "-DKBUILD_MODNAME=\"all\"")
	_, err := tc.Compile(include.FS, "all.c", c.Bytes(), flags...)
	require.NoError(t, err, "all together")

	// Alone: one compiler run over a file for each header; one header in four, for the time it
	// takes.
	tree := t.TempDir()
	require.NoError(t, os.CopyFS(tree, include.FS))
	args := append(append(tc.CC[1:], cc.Flags()...), cc.Defines()...)
	args = append(args, flags...)
	args = append(args, "-I.", "-Iuapi", "-fsyntax-only")
	i := 0
	for line := range strings.Lines(c.String()) {
		if i++; i%4 != 0 {
			continue
		}
		name := strings.NewReplacer("#include <", "one-", "/", "-", ">\n", ".c").Replace(line)
		require.NoError(t, os.WriteFile(filepath.Join(tree, name), []byte(line), 0o644))
		args = append(args, name)
	}
	cmd := exec.Command(tc.CC[0], args...)
	cmd.Dir = tree
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// What several kernel versions took.
func TestVersionsOfTheAPI(t *testing.T) {
	tc := toolchain(t)
	for name, body := range map[string]string{
		"class_create":  "void *f(void) { return class_create(THIS_MODULE, \"a\") == class_create(\"b\") ? NULL : ERR_PTR(-1); }",
		"access_ok":     "int f(char __user *p) { return access_ok(VERIFY_READ, p, 1) && access_ok(p, 1); }",
		"tasklet":       "static void o(unsigned long d) {} static void n(struct tasklet_struct *t) {}\nDECLARE_TASKLET(a, o, 1); DECLARE_TASKLET(b, n);",
		"timer":         "static void o(unsigned long d) {} static void n(struct timer_list *t) {}\nstruct timer_list a, b; void f(void) { setup_timer(&a, o, 1); timer_setup(&b, n, 0); }",
		"proc":          "static const struct file_operations a; static const struct proc_ops b;\nvoid f(void) { proc_create(\"a\", 0, NULL, &a); proc_create(\"b\", 0, NULL, &b); }",
		"semaphore":     "DEFINE_SEMAPHORE(a); DEFINE_SEMAPHORE(b, 2);",
		"get_user":      "int f(const u64 __user *p, char __user *q, void *__user *r) { u64 a; char b; void *c; return get_user(a, p) | get_user(b, q) | get_user(c, r) | put_user('x', q); }",
		"min and max":   "int f(int a, int b, int c) { return min(a, max(b, c)) + min3(a, b, c) + clamp(a, b, c) + min_t(u8, a, b); }",
		"params":        "static bool b; static char s[8]; static int a[3]; static unsigned int n; module_param(b, bool, 0644); module_param_string(s, s, sizeof(s), 0); module_param_array(a, int, &n, 0444); module_param_named(x, n, uint, 0400);",
		"kfifo":         "static DEFINE_KFIFO(f, int, 16); static DECLARE_KFIFO_PTR(p, u8);\nint g(void) { int v = 1; if (kfifo_alloc(&p, 64, GFP_KERNEL)) return 0; kfifo_in(&p, \"ab\", 2); kfifo_put(&f, v); return kfifo_get(&f, &v) + kfifo_len(&p); }",
		"wait_event":    "static DECLARE_WAIT_QUEUE_HEAD(q); static int c;\nlong f(void) { wait_event(q, c); return wait_event_interruptible(q, c) + wait_event_interruptible_timeout(q, c, HZ) + wait_event_timeout(q, c, 1); }",
		"list and hash": "struct n { struct list_head l; struct hlist_node h; int k; }; static LIST_HEAD(l); static DEFINE_HASHTABLE(t, 4);\nint f(void) { struct n *n, *m; int b, s = 0; list_for_each_entry_safe(n, m, &l, l) s += n->k; hash_for_each(t, b, n, h) s++; return s; }",
	} {
		t.Run(name, func(t *testing.T) {
			src := "#include <linux/module.h>\n#include <linux/device.h>\n#include <linux/uaccess.h>\n#include <linux/interrupt.h>\n" +
				"#include <linux/timer.h>\n#include <linux/proc_fs.h>\n#include <linux/semaphore.h>\n#include <linux/kfifo.h>\n#include <linux/hashtable.h>\n" + body + "\n"
			_, err := tc.Compile(include.FS, "api.c", []byte(src), append(cc.Warnings(), "-Werror", "-Wno-unused", "-DMODULE", "-DKBUILD_MODNAME=\"api\"")...)
			require.NoError(t, err)
		})
	}
}

func TestParseExports(t *testing.T) {
	list := []Export{{"a", "(i32) -> i32", "linux/a.h"}, {"b", "data", "linux/b.h"}}
	got, err := ParseExports(FormatExports(list))
	require.NoError(t, err)
	require.Equal(t, list, got)
	_, err = ParseExports([]byte("a b\n"))
	require.ErrorContains(t, err, "EXPORTS line 1: 1 fields")
}
