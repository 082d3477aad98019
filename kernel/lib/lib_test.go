package lib_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/include"
	"github.com/kobench/kobench/kernel/kbuild/cc"
	"github.com/kobench/kobench/kernel/ko/machine"
	"github.com/kobench/kobench/kernel/ko/object"
	"github.com/kobench/kobench/kernel/lib"
)

const i32, i64 = object.I32, object.ValType(0x7e)

func toolchain(t *testing.T) cc.Toolchain {
	t.Helper()
	tc, err := cc.Find(os.LookupEnv)
	if err != nil {
		t.Skip(err)
	}
	return tc
}

// host is what the library asks of Go, for one thread that never really sleeps: time runs out at
// once.
func host(t *testing.T, m **machine.Machine) func(string) (machine.HostFunc, bool) {
	var task uint64
	alloc := func(n uint64) uint64 {
		a, err := (*m).Alloc(max(n, 1), 8, nil)
		require.NoError(t, err)
		b, _ := (*m).Bytes(a, n)
		clear(b)
		return a
	}
	free := func(_ *machine.Thread, s []uint64) {
		if a := s[0]; a != 0 {
			require.NoError(t, (*m).Free(a))
		}
	}
	p := func(v ...object.ValType) []object.ValType { return v }
	fns := map[string]machine.HostFunc{
		"__kmalloc":        {Params: p(i64, i32), Results: p(i64), Fn: func(_ *machine.Thread, s []uint64) { s[0] = alloc(s[0]) }},
		"kvmalloc_node":    {Params: p(i64, i32, i32), Results: p(i64), Fn: func(_ *machine.Thread, s []uint64) { s[0] = alloc(s[0]) }},
		"kfree":            {Params: p(i64), Fn: free},
		"kvfree":           {Params: p(i64), Fn: free},
		"_printk":          {Params: p(i64, i64), Results: p(i32), Fn: func(_ *machine.Thread, s []uint64) { s[0] = 0 }},
		"__might_sleep":    {Params: p(i64, i32), Fn: func(*machine.Thread, []uint64) {}},
		"signal_pending":   {Params: p(i64), Results: p(i32), Fn: func(_ *machine.Thread, s []uint64) { s[0] = 0 }},
		"schedule_timeout": {Params: p(i64), Results: p(i64), Fn: func(_ *machine.Thread, s []uint64) { s[0] = 0 }},
		"get_current": {Results: p(i64), Fn: func(_ *machine.Thread, s []uint64) {
			if task == 0 {
				task = alloc(512)
			}
			s[0] = task
		}},
	}
	return func(name string) (machine.HostFunc, bool) {
		f, ok := fns[name]
		f.Name = name
		return f, ok
	}
}

func TestLibrary(t *testing.T) {
	tc := toolchain(t)
	src, err := os.ReadFile("testdata/selftest.c")
	require.NoError(t, err)
	obj, err := tc.Compile(include.FS, "selftest.c", src, "-DMODULE", "-DKBUILD_MODNAME=\"selftest\"", "-Wall", "-Werror")
	require.NoError(t, err)
	this, err := tc.Compile(include.FS, "this.c", []byte("#include <linux/module.h>\nstruct module __this_module = { .name = \"selftest\" };\n"), "-DMODULE")
	require.NoError(t, err)
	o, err := object.Parse(link(t, tc, obj, this))
	require.NoError(t, err)

	var m *machine.Machine
	m, err = machine.New(machine.Config{Host: host(t, &m), RedZones: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	mod, err := m.Load(o, machine.LoadOptions{Name: "selftest"})
	require.NoError(t, err)
	th, err := m.NewThread("selftest")
	require.NoError(t, err)
	ran := 0
	for _, s := range mod.Symbols() {
		name, ok := strings.CutPrefix(s.Name, "test_")
		if !ok || !s.Func {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) {
			line, err := th.Call(s.Addr)
			require.NoError(t, err)
			require.Zero(t, uint32(line), "testdata/selftest.c:%d", uint32(line))
		})
	}
	require.Equal(t, strings.Count(string(src), "\nint test_"), ran)
}

func link(t *testing.T, tc cc.Toolchain, objects ...[]byte) []byte {
	t.Helper()
	dir := t.TempDir()
	args := append(append([]string{}, tc.LD[1:]...), "-r", "-mwasm64", "-o", "out.ko")
	for i, o := range objects {
		name := string(rune('a'+i)) + ".o"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), o, 0o644))
		args = append(args, name)
	}
	cmd := exec.Command(tc.LD[0], args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	ko, err := os.ReadFile(filepath.Join(dir, "out.ko"))
	require.NoError(t, err)
	return ko
}

// The committed object is what the sources give, with the compiler that made it.
func TestObjectIsCurrent(t *testing.T) {
	tc := toolchain(t)
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed: apt-get install make")
	}
	version, err := tc.Version()
	require.NoError(t, err)
	if version != 14 {
		t.Skipf("lib.o was made with clang 14, this is clang %d: other bytes", version)
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "include"), include.FS))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "lib"), os.DirFS(".")))
	cmd := exec.Command("make", "-s", "-B", "-C", filepath.Join(dir, "lib"), "lib.o", "CC="+strings.Join(tc.CC, " "), "LD="+strings.Join(tc.LD, " "))
	cmd.Env = append(os.Environ(), "MAKEFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	fresh, err := os.ReadFile(filepath.Join(dir, "lib/lib.o"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(lib.Object(), fresh), "run go generate ./kernel/lib and commit lib.o")
}
