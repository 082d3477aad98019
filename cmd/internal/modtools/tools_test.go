package modtools_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

// bench is a machine with the fixture tree, its indexes and a kernel.
type bench struct {
	t    *testing.T
	root string
	sys  *kmodtest.System
	env  []string
}

func newBench(t *testing.T, conf string) *bench {
	t.Helper()
	b := &bench{t: t, root: t.TempDir(), sys: &kmodtest.System{Exports: []string{".dotted"}}, env: os.Environ()}
	kmodtest.WriteTree(t, filepath.Join(b.root, "lib/modules", debian), tree())
	kmodtest.WriteFile(t, filepath.Join(b.root, "lib/modules", debian, "modules.builtin"), []byte("kernel/fs/ext4.ko\n"))
	kmodtest.WriteFile(t, b.root+"/etc/modprobe.d/t.conf", []byte(conf))
	_, out, _ := b.run("depmod")
	require.Empty(t, out)
	return b
}

func (b *bench) run(line string) (status int, stdout, stderr string) {
	b.t.Helper()
	args := strings.Fields(line)
	tool, ok := modtools.ByName(args[0])
	require.True(b.t, ok, line)
	var out, errs bytes.Buffer
	status = tool.Run(&modtools.Env{Argv0: args[0], Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		System: b.sys, Root: b.root, Release: debian, Environ: b.env}, args[1:])
	return status, strings.ReplaceAll(out.String(), b.root, ""), strings.ReplaceAll(errs.String(), b.root, "")
}

// want runs a tool that must succeed without a message.
func (b *bench) want(line, stdout string) {
	b.t.Helper()
	status, out, errs := b.run(line)
	require.Equal(b.t, stdout, out, line)
	require.Empty(b.t, errs, line)
	require.Equal(b.t, 0, status, line)
}

// wantError runs a tool that must fail with a message.
func (b *bench) wantError(line, stderr string) {
	b.t.Helper()
	status, _, errs := b.run(line)
	require.Equal(b.t, stderr, errs, line)
	require.Equal(b.t, 1, status, line)
}

func TestModprobeSoftdeps(t *testing.T) {
	b := newBench(t, "softdep core pre: dev post: old\noptions core a=1\n")
	b.want("modprobe top x=y", "")
	require.Equal(t, []string{"init dev flags=0", "init core a=1  flags=0", "init old flags=0", "init mid_dle flags=0", "init top x=y flags=0"}, stripDouble(b.sys.Calls()))
	b.want("modprobe -r top", "")
	require.Equal(t, []string{"old", "core", "dev"}, b.sys.Names(), "core is in use by old")
	// old takes core, which it needs, along; core itself is gone then. Debian's kernel and kmod 30
	// do the same.
	status, out, errs := b.run("modprobe -rv core")
	require.Equal(t, "rmmod old\nrmmod core\nrmmod core\n", out)
	require.Equal(t, goneText("core"), errs)
	require.Equal(t, 1, status)
	require.Equal(t, []string{"dev"}, b.sys.Names())
}

func goneText(name string) string {
	return "modprobe: ERROR: ../libkmod/libkmod-module.c:856 kmod_module_remove_module() could not remove '" + name + "': No such file or directory\n"
}

func TestModprobeSoftdepLoop(t *testing.T) {
	b := newBench(t, "softdep dev pre: soft\nsoftdep soft pre: dev post: bl\nsoftdep bl post: dev\n")
	b.want("modprobe dev", "")
	require.ElementsMatch(t, []string{"dev", "soft", "bl"}, b.sys.Names())
	b.want("modprobe -D -r dev", "rmmod dev\nrmmod bl\nrmmod soft\n")
	b.want("modprobe -r dev", "")
	require.Empty(t, b.sys.Names())
}

func stripDouble(calls []string) []string {
	return strings.Split(strings.ReplaceAll(strings.Join(calls, "\n"), "a=1 flags", "a=1  flags"), "\n")
}

func TestModprobeHolders(t *testing.T) {
	b := newBench(t, "")
	b.want("modprobe -a top top2", "")
	b.wantError("modprobe -r mid-dle", "modprobe: FATAL: Module mid_dle is in use.\n")
	status, out, errs := b.run("modprobe -r -v --remove-holders mid_dle")
	require.Equal(t, "rmmod top2\nrmmod top\nrmmod mid_dle\nrmmod mid_dle\n", out)
	require.Equal(t, goneText("mid_dle"), errs, "the last holder took it along, as on Debian")
	require.Equal(t, 1, status)
	require.Equal(t, []string{"core"}, b.sys.Names())
	b.wantError("modprobe -r ext4", "modprobe: FATAL: Module ext4 is builtin.\n")
	b.wantError("rmmod ext4", "rmmod: ERROR: Module ext4 is builtin.\n")
	b.want("modprobe ext4", "")
	b.want("modprobe -D ext4", "builtin ext4\n")
}

func TestModprobeCommands(t *testing.T) {
	b := newBench(t, `install inst echo "opts=$CMDLINE_OPTS mod=$MODPROBE_MODULE env=$MODPROBE_OPTIONS"
options inst o=1
remove core echo removing $MODPROBE_MODULE
install top exit 3
`)
	b.want("modprobe -q inst p=2", "opts=o=1 p=2 mod=inst env=-q\n")
	b.want("modprobe -i inst p=2", "")
	require.Equal(t, []string{"init core flags=0", "init inst o=1 p=2 flags=0"}, b.sys.Calls())
	b.want("modprobe -r core", "removing core\n")
	status, _, errs := b.run("modprobe top")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "command_do() Error running install command 'exit 3' for module top: retcode 3\n")
	require.Contains(t, errs, "modprobe: ERROR: could not insert 'top': Invalid argument\n")
}

func TestModprobeEnvironment(t *testing.T) {
	b := newBench(t, "")
	b.env = append(b.env, `MODPROBE_OPTIONS=-n  "-v"`)
	b.want("modprobe core", "insmod /lib/modules/"+debian+"/kernel/core.ko \n")
	require.Empty(t, b.sys.Calls())
}

func TestModprobeForce(t *testing.T) {
	b := newBench(t, "")
	b.want("modprobe -f core", "")
	b.want("modprobe --force-vermagic dev", "")
	b.want("insmod -f "+b.root+"/lib/modules/"+debian+"/extra/soft.ko a b=c", "")
	b.want("rmmod -f soft", "")
	require.Equal(t, []string{"init core flags=3", "init dev flags=2", "init soft a b=c flags=3", "delete soft flags=05000"}, b.sys.Calls())
}

func TestModprobeWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "")
		b.want("modprobe core", "")
		b.sys.Module("core", func(m *kmodtest.Loaded) { m.Refs = 1 })
		start := time.Now()
		b.wantError("modprobe -r -w 500 core", "modprobe: ERROR: could not remove 'core': Resource temporarily unavailable\n")
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		go func() {
			time.Sleep(100 * time.Millisecond)
			b.sys.Module("core", func(m *kmodtest.Loaded) { m.Refs = 0 })
		}()
		b.want("modprobe -r -w 500 core", "")
		require.Empty(t, b.sys.Names())
		b.wantError("modprobe -r -w soon core", "modprobe: ERROR: unexpected wait value 'soon'.\n")
	})
}

func TestModprobeAutoclean(t *testing.T) {
	b := newBench(t, "")
	b.want("modprobe core", "")
	var marked []string
	env := &modtools.Env{Argv0: "modprobe", Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, System: b.sys, Root: b.root, Release: debian,
		Inserted: func(name string) { marked = append(marked, name) }}
	require.Equal(t, 0, modtools.Modprobe(env, []string{"-k", "top"}))
	require.Equal(t, []string{"mid_dle", "top"}, marked, "core was there before")
	require.Equal(t, 0, modtools.Modprobe(env, []string{"dev"}))
	require.Len(t, marked, 2, "without -k")
}

func TestModprobeList(t *testing.T) {
	b := newBench(t, "")
	b.want("modprobe -l mid-* top", "kernel/mid-dle.ko\nkernel/top.ko.xz\n")
	_, all, _ := b.run("modprobe -l")
	require.Len(t, strings.Fields(all), len(tree())-1, "all but the .ko.gz")
	b.wantError("modprobe -l -S none", "modprobe: ERROR: could not open /lib/modules/none/modules.dep: No such file or directory\n")
}

func TestModprobeInitFails(t *testing.T) {
	b := newBench(t, "softdep top post: dev\n")
	b.sys.Init = func(name, _ string) error {
		if name == "dev" {
			return kernel.ENODEV
		}
		return nil
	}
	b.want("modprobe top", "")
	b.wantError("modprobe dev", "modprobe: ERROR: could not insert 'dev': No such device\n")
	require.Equal(t, []string{"top", "mid_dle", "core"}, b.sys.Names())
}

func TestSyslog(t *testing.T) {
	b := newBench(t, "")
	var got []string
	env := &modtools.Env{Argv0: "/sbin/rmmod", Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, System: b.sys, Release: debian,
		Syslog: func(p kmod.Priority, text string) { got = append(got, text) }}
	require.Equal(t, 1, modtools.Rmmod(env, []string{"-s", "nosuch"}))
	require.Equal(t, []string{"ERROR: Module nosuch is not currently loaded"}, got)
}

func TestModinfoWasm(t *testing.T) {
	b := newBench(t, "")
	b.want("modinfo ../../../kernel/kmod/testdata/depw.ko", `filename:       `+wd(t)+`/../../../kernel/kmod/testdata/depw.ko
license:        GPL
alias:          char-major-42-*
name:           depw
depends:        depa
vermagic:       6.1.0-kobench SMP preempt mod_unload wasm64 
parm:           count:how many (int)
`)
}

func wd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}

func TestKsyms(t *testing.T) {
	b := newBench(t, "")
	b.want("modprobe mid_dle", "")
	b.sys.Kallsyms = `00000000c0100000 T printk
00000000c0100010 T main
00000000c0200000 r __ksymtab_printk
00000000c0201008 t helper	[core]
00000000c0201000 T core_a	[core]
00000000c0201100 r __ksymtab_core_a	[core]
00000000c0202000 T mid_x	[mid_dle]
00000000c0202004 D mid_data	[mid_dle]
00000000c0202100 r __ksymtab_mid_x	[mid_dle]
`
	b.want("ksyms", "Address          Symbol    \tDefined by\n00000000c0202000 mid_x\t[mid_dle]\n00000000c0201000 core_a\t[core]\n")
	b.want("ksyms -a -h", "00000000c0202000 mid_x\t[mid_dle]\n00000000c0201000 core_a\t[core]\n00000000c0100000 printk\n")
	b.want("ksyms -hm", "ffffffffc0200000 --- (16k) ---\t[mid_dle]\n00000000c0202000 mid_x\t[mid_dle]\nffffffffc0201000 --- (16k) ---\t[core]\n00000000c0201000 core_a\t[core]\n")
	status, _, errs := b.run("ksyms x")
	require.Equal(t, 2, status)
	require.Equal(t, "Usage: ksyms [-a] [-h]\n", errs)
	status, _, errs = b.run("ksyms -z")
	require.Equal(t, 2, status)
	require.Equal(t, "ksyms: invalid option -- 'z'\nUsage: ksyms [-a] [-h]\n", errs)
}

func TestStaticNodes(t *testing.T) {
	b := newBench(t, "")
	b.want("kmod static-nodes", "Module: dev\n\tDevice node: /dev/net/tun\n\t\tType: character device\n\t\tMajor: 10\n\t\tMinor: 200\n")
	b.want("kmod static-nodes --format=tmpfiles", "d /dev/net 0755 - - -\nc! /dev/net/tun 0600 - - - 10:200\n")
	out := filepath.Join(b.root, "new/dir/nodes")
	b.want("kmod static-nodes -f devname -o "+out, "")
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "dev net/tun c10:200\n", string(data))
	b.want("kmod list", "Module                  Size  Used by\n")
}

func TestDepmodQuick(t *testing.T) {
	b := newBench(t, "")
	dir := filepath.Join(b.root, "lib/modules", debian)
	require.NoError(t, os.WriteFile(dir+"/modules.dep", []byte("mine"), 0o644))
	b.want("depmod -A", "")
	data, err := os.ReadFile(dir + "/modules.dep")
	require.NoError(t, err)
	require.Equal(t, "mine", string(data), "nothing is newer")
	later := time.Now().Add(time.Minute)
	require.NoError(t, os.Chtimes(dir+"/kernel/dev.ko", later, later))
	status, _, _ := b.run("depmod -A")
	require.Equal(t, 0, status)
	data, err = os.ReadFile(dir + "/modules.dep")
	require.NoError(t, err)
	require.Contains(t, string(data), "kernel/core.ko:")
}

func TestNoSystem(t *testing.T) {
	var out, errs bytes.Buffer
	env := &modtools.Env{Argv0: "lsmod", Stdout: &out, Stderr: &errs}
	require.Equal(t, 1, modtools.Lsmod(env, nil))
	require.Contains(t, errs.String(), "Error: could not get list of modules: No such file or directory\n")
}

// Without a kernel of ours the host's command line holds, if there is one to read.
func TestHostCmdline(t *testing.T) {
	b := newBench(t, "")
	file := filepath.Join(t.TempDir(), "cmdline")
	require.NoError(t, os.WriteFile(file, []byte("root=/dev/sda1 core.count=3 quiet modprobe.blacklist=soft\n"), 0o600))
	for _, c := range []struct{ cmdline, want string }{{file, "options core count=3\n"}, {"", ""}, {file + ".missing", ""}} {
		var out, errs bytes.Buffer
		env := &modtools.Env{Argv0: "modprobe", Stdout: &out, Stderr: &errs, Root: b.root, Release: debian, HostCmdline: c.cmdline}
		require.Zero(t, modtools.Modprobe(env, []string{"-c"}))
		require.Empty(t, errs.String())
		var options string
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "options ") {
				options += line
			}
		}
		require.Equal(t, c.want, options)
		require.Equal(t, c.want != "", strings.Contains(out.String(), "blacklist soft\n"))
	}
}
