package kbuild

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel/include"
	"github.com/kobench/kobench/kernel/kbuild/cc"
	"github.com/kobench/kobench/kernel/kbuild/modpost"
	"github.com/kobench/kobench/kernel/ko/object"
)

// The makefiles call this test binary back, as they call kobench.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "modpost" {
		if err := modpost.Run(os.Args[2:], os.Stdout, os.Stderr); err != nil {
			if !errors.Is(err, modpost.ErrFailed) {
				fmt.Fprintln(os.Stderr, err)
			}
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "depmod" {
		fmt.Println("depmod", strings.Join(os.Args[2:], " "))
		return
	}
	os.Exit(m.Run())
}

// epoch is older than any source.
var epoch = time.Unix(1, 0)

// workshop is a build directory and a folder for a module's sources.
type workshop struct {
	t    *testing.T
	kdir string
	dir  string
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed: apt-get install make")
	}
	if _, err := cc.Find(os.LookupEnv); err != nil {
		t.Skip(err)
	}
	kdir, err := Config{Cache: t.TempDir()}.Extract()
	require.NoError(t, err)
	return &workshop{t: t, kdir: kdir, dir: t.TempDir()}
}

func (w *workshop) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o644))
}

func (w *workshop) module(name, body string) {
	w.t.Helper()
	w.write(name+".c", "#include <linux/module.h>\n"+body+"\nMODULE_LICENSE(\"GPL\");\n")
}

// make runs make in the module's folder and returns what it printed with the two temporary folders
// named KDIR and DIR, and make's own lines left out.
func (w *workshop) make(args ...string) (string, error) {
	w.t.Helper()
	cmd := exec.Command("make", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "MAKEFLAGS=", "MAKELEVEL=")
	out, err := cmd.CombinedOutput()
	var keep []string
	for line := range strings.Lines(strings.NewReplacer(w.dir, "DIR", w.kdir, "KDIR").Replace(string(out))) {
		if !strings.HasPrefix(line, "make") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, ""), err
}

// kbuild is make -C KDIR M=DIR.
func (w *workshop) kbuild(args ...string) (string, error) {
	w.t.Helper()
	return w.make(append([]string{"-C", w.kdir, "M=" + w.dir}, args...)...)
}

func (w *workshop) object(name string) *object.Object {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	require.NoError(w.t, err)
	o, err := object.Parse(b)
	require.NoError(w.t, err)
	return o
}

func (w *workshop) files() []string {
	w.t.Helper()
	list, err := os.ReadDir(w.dir)
	require.NoError(w.t, err)
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

// The handout's session as it is typed, with nothing but KDIR given.
func TestHandoutSession(t *testing.T) {
	w := newWorkshop(t)
	for _, f := range []string{"hello.c", "Makefile"} {
		text, err := fixtures.FS.ReadFile("handout/" + f)
		require.NoError(t, err)
		w.write(f, string(text))
	}
	out, err := w.make("KDIR=" + w.kdir)
	require.NoError(t, err, out)
	require.Equal(t, `  CC [M]  DIR/hello.o
  MODPOST DIR/Module.symvers
WARNING: modpost: missing MODULE_LICENSE() in DIR/hello.o
  CC [M]  DIR/hello.mod.o
  LD [M]  DIR/hello.ko
`, out)
	o := w.object("hello.ko")
	require.Equal(t, []object.KeyValue{
		{Key: "depends", Value: ""}, {Key: "name", Value: "hello"}, {Key: "vermagic", Value: Vermagic},
	}, object.Modinfo(o))
	prebuilt, err := fixtures.Module("handout/hello")
	require.NoError(t, err)
	require.NotEmpty(t, prebuilt)

	out, err = w.make("KDIR="+w.kdir, "clean")
	require.NoError(t, err, out)
	require.Equal(t, "  CLEAN   DIR/Module.symvers\n", out)
	require.Equal(t, []string{"Makefile", "hello.c"}, w.files())
}

func TestStrictLicence(t *testing.T) {
	w := newWorkshop(t)
	w.write("Makefile", "obj-m := nolic.o\n")
	w.write("nolic.c", "#include <linux/module.h>\n")
	out, err := w.kbuild("KBUILD_STRICT=1")
	require.Error(t, err)
	require.Contains(t, out, "ERROR: modpost: missing MODULE_LICENSE() in DIR/nolic.o\n")
	require.NoFileExists(t, filepath.Join(w.dir, "nolic.ko"))
}

func TestRebuildFollowsDependencies(t *testing.T) {
	w := newWorkshop(t)
	w.write("Makefile", "obj-m := one.o two.o\n")
	w.write("shared.h", "#define VALUE 1\n")
	w.module("one", "#include \"shared.h\"\nint one(void) { return VALUE; }")
	w.module("two", "int two(void) { return 2; }")
	out, err := w.kbuild()
	require.NoError(t, err, out)

	out, err = w.kbuild()
	require.NoError(t, err, out)
	require.Empty(t, out, "nothing changed")

	w.write("shared.h", "#define VALUE 3\n")
	require.NoError(t, os.Chtimes(filepath.Join(w.dir, "one.o"), epoch, epoch))
	out, err = w.kbuild()
	require.NoError(t, err, out)
	require.Equal(t, "  CC [M]  DIR/one.o\n  MODPOST DIR/Module.symvers\n  LD [M]  DIR/one.ko\n", out)

	out, err = w.kbuild("KCFLAGS=-DOTHER")
	require.NoError(t, err, out)
	require.Contains(t, out, "CC [M]  DIR/two.o", "another command builds again")
}

func TestMultiFileModule(t *testing.T) {
	w := newWorkshop(t)
	w.write("Makefile", `obj-m := foo.o bar-baz.o sub/
foo-objs := main.o util.o
bar-baz-y := bar.o
ccflags-y := -DFROM_CCFLAGS=1
EXTRA_CFLAGS += -DFROM_EXTRA=2
CFLAGS_util.o := -DFROM_FILE=4
`)
	w.module("main", "int util(void);\nstatic int __init foo_init(void) { pr_info(KBUILD_MODNAME \" %d\\n\", util()); return 0; }\nmodule_init(foo_init);")
	w.write("util.c", "int util(void);\nint util(void) { return FROM_CCFLAGS + FROM_EXTRA + FROM_FILE; }\n")
	w.module("bar", "static const char name[] __used = KBUILD_MODNAME;")
	w.write("sub/Makefile", "obj-m := deep.o\n")
	w.module("sub/deep", "int deep(void) { return 1; }")
	out, err := w.kbuild()
	require.NoError(t, err, out)
	for _, line := range []string{"  LD [M]  DIR/foo.o", "  CC [M]  DIR/util.o", "  LD [M]  DIR/foo.ko", "  LD [M]  DIR/sub/deep.ko"} {
		require.Contains(t, out, line+"\n")
	}
	for ko, name := range map[string]string{"foo.ko": "foo", "bar-baz.ko": "bar_baz", "sub/deep.ko": "deep"} {
		require.Contains(t, object.Modinfo(w.object(ko)), object.KeyValue{Key: "name", Value: name})
	}
	_, ok := w.object("foo.ko").Lookup("util")
	require.True(t, ok)

	out, err = w.kbuild("modules_install", "INSTALL_MOD_PATH="+w.dir+"/root")
	require.NoError(t, err, out)
	require.Contains(t, out, "  INSTALL DIR/root/lib/modules/6.1.0-kobench/extra/foo.ko\n")
	require.Contains(t, out, "  DEPMOD  DIR/root/lib/modules/6.1.0-kobench\ndepmod -b DIR/root 6.1.0-kobench\n")
	require.FileExists(t, filepath.Join(w.dir, "root/lib/modules/6.1.0-kobench/extra/sub/deep.ko"))

	out, err = w.kbuild("clean")
	require.NoError(t, err, out)
	require.Equal(t, []string{"Makefile", "bar.c", "main.c", "root", "sub", "util.c"}, w.files())
}

func TestSymbolsOfAnotherBuild(t *testing.T) {
	w := newWorkshop(t)
	w.write("a/Makefile", "obj-m := a.o\n")
	w.module("a/a", "int shared(void) { return 1; }\nEXPORT_SYMBOL_GPL(shared);")
	w.write("b/Makefile", "obj-m := b.o\n")
	w.module("b/b", "int shared(void);\nint b(void) { return shared(); }")
	out, err := w.make("-C", w.kdir, "M="+w.dir+"/a")
	require.NoError(t, err, out)

	out, err = w.make("-C", w.kdir, "M="+w.dir+"/b")
	require.Error(t, err)
	require.Contains(t, out, "ERROR: modpost: \"shared\" [DIR/b/b.ko] undefined!\n")
	out, err = w.make("-C", w.kdir, "M="+w.dir+"/b", "KBUILD_EXTRA_SYMBOLS="+w.dir+"/a/Module.symvers")
	require.NoError(t, err, out)
	require.Contains(t, object.Modinfo(w.object("b/b.ko")), object.KeyValue{Key: "depends", Value: "a"})

	w.write("b/b.c", "#include <linux/module.h>\nint shared(void);\nint b(void) { return shared(); }\nMODULE_LICENSE(\"Proprietary\");\n")
	require.NoError(t, os.Chtimes(filepath.Join(w.dir, "b/b.o"), epoch, epoch))
	out, err = w.make("-C", w.kdir, "M="+w.dir+"/b", "KBUILD_EXTRA_SYMBOLS="+w.dir+"/a/Module.symvers")
	require.Error(t, err)
	require.Contains(t, out, "ERROR: modpost: GPL-incompatible module b.ko uses GPL-only symbol 'shared'\n")
}

func TestMissingTools(t *testing.T) {
	w := newWorkshop(t)
	w.write("Makefile", "obj-m := a.o\n")
	w.module("a", "")
	out, err := w.kbuild("CC=")
	require.Error(t, err)
	require.Contains(t, out, "clang not found; install it (Debian, Ubuntu: apt-get install clang lld)")
	out, err = w.kbuild("LD=")
	require.Error(t, err)
	require.Contains(t, out, "wasm-ld not found; install it (Debian, Ubuntu: apt-get install lld)")
	out, err = w.kbuild("KOBENCH=/nonexistent/kobench")
	require.Error(t, err)
	require.Contains(t, out, "modpost is part of kobench, and /nonexistent/kobench is not there")
	out, err = w.kbuild("kernelrelease")
	require.NoError(t, err)
	require.Equal(t, Release+"\n", out)
	out, err = w.kbuild("help")
	require.NoError(t, err)
	require.Contains(t, out, "Building external modules.")
}

func TestVerboseAndSilent(t *testing.T) {
	w := newWorkshop(t)
	w.write("Makefile", "obj-m := a.o\n")
	w.module("a", "")
	out, err := w.kbuild("-s")
	require.NoError(t, err, out)
	require.Empty(t, out)
	_, err = w.kbuild("clean")
	require.NoError(t, err)
	out, err = w.kbuild("V=1")
	require.NoError(t, err, out)
	require.Contains(t, out, "--target=wasm64-unknown-unknown")
	require.NotContains(t, out, "CC [M]")
}

func TestExtract(t *testing.T) {
	c := Config{Cache: t.TempDir(), Kobench: "/opt/kobench"}
	dirs := make([]string, 8)
	var wg sync.WaitGroup
	for i := range dirs {
		wg.Go(func() { dirs[i], _ = c.Extract() })
	}
	wg.Wait()
	for _, d := range dirs {
		require.Equal(t, dirs[0], d)
		require.NotEmpty(t, d)
	}
	mk := filepath.Join(dirs[0], "Makefile")
	whole, err := os.ReadFile(mk)
	require.NoError(t, err)

	t.Run("repairs what is damaged", func(t *testing.T) {
		require.NoError(t, os.WriteFile(mk, []byte("broken"), 0o644))
		require.NoError(t, os.RemoveAll(filepath.Join(dirs[0], "include/linux")))
		require.NoError(t, os.Remove(filepath.Join(dirs[0], ".config")))
		require.NoError(t, os.MkdirAll(filepath.Join(dirs[0], ".config/in-the-way"), 0o755))
		again, err := c.Extract()
		require.NoError(t, err)
		require.Equal(t, dirs[0], again)
		now, err := os.ReadFile(mk)
		require.NoError(t, err)
		require.True(t, bytes.Equal(whole, now))
		require.FileExists(t, filepath.Join(dirs[0], "include/linux/module.h"))
		require.FileExists(t, filepath.Join(dirs[0], ".config"))
	})
	t.Run("another kobench, another folder", func(t *testing.T) {
		other, err := Config{Cache: c.Cache, Kobench: "/usr/bin/kobench"}.Extract()
		require.NoError(t, err)
		require.NotEqual(t, dirs[0], other)
	})
	t.Run("the export list", func(t *testing.T) {
		dir, err := Config{Cache: c.Cache, Exports: func() []Symbol { return []Symbol{{"printk", false}, {"secret", true}} }}.Extract()
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(dir, "Module.symvers"))
		require.NoError(t, err)
		require.Equal(t, "0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n0x00000000\tsecret\tvmlinux\tEXPORT_SYMBOL_GPL\t\n", string(text))
	})
	t.Run("nowhere to write", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o644))
		_, err := Config{Cache: file}.Extract()
		require.ErrorContains(t, err, "kernel build directory")
	})
}

// The release is written in two languages.
func TestReleaseIsOne(t *testing.T) {
	uts, err := include.FS.ReadFile("generated/utsrelease.h")
	require.NoError(t, err)
	require.Contains(t, string(uts), "#define UTS_RELEASE \""+Release+"\"\n")
	magic, err := include.FS.ReadFile("linux/vermagic.h")
	require.NoError(t, err)
	require.Contains(t, string(magic), "UTS_RELEASE \""+strings.TrimPrefix(Vermagic, Release)+"\"\n")
	mk, err := templates.ReadFile("template/Makefile")
	require.NoError(t, err)
	require.Contains(t, string(mk), "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION = -kobench\n")
}
