package modtools_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

const debian = "6.1.0-56-amd64"

// playground is one tiny module for each relation.
func playground() map[string]kmodtest.Module {
	return map[string]kmodtest.Module{
		"hello": {Name: "hello", Info: []string{"version=1.0", "description=A hello world module", "author=Rig", "license=GPL",
			"srcversion=75BE5F72E275DC764142C35", "depends=", "retpoline=Y", "name=hello", "vermagic=6.1.0-56-amd64 SMP preempt mod_unload modversions "}, Versions: []string{"module_layout"}},
		"depa":     {Name: "depa", Exports: []string{"depa_add", "depa_gpl", "depa_counter"}},
		"depb":     {Name: "depb", Needs: []string{"depa_counter", "depa_add", "printk"}, Info: []string{"softdep=post: hello"}},
		"depgpl":   {Name: "depgpl", Needs: []string{"depa_gpl"}},
		"unk":      {Name: "unk", Needs: []string{"no_such_symbol", "other_missing"}},
		"chrb":     {Name: "chrb"},
		"initfail": {Name: "initfail"},
		"noexit":   {Name: "noexit"},
		"parm": {Name: "parm", Info: []string{"parm=arr:an array", "parmtype=arr:array of int", "parmtype=us:ushort", "parmtype=flag:bool",
			"parm=whom:whom to greet", "parmtype=whom:charp", "parmtype=count:int", "parm=count:how many times",
			"alias=char-major-240-*", "alias=parm-alias", "license=Dual BSD/GPL", "depends=", "retpoline=Y", "name=parm", "vermagic=6.1.0-56-amd64 SMP preempt mod_unload modversions "}},
	}
}

// playgroundInit does what the modules' inits would.
func playgroundInit(name, params string) error {
	switch {
	case name == "initfail":
		n, err := strconv.Atoi(strings.TrimPrefix(params, "rc="))
		if err != nil {
			return kernel.EINVAL
		}
		return kernel.Errno(-n)
	case params == "fixed=1":
		return kernel.EBUSY
	}
	return nil
}

// TestSession replays a session that was recorded on Debian's 6.1 kernel with kmod 30: after "# "
// a command line, then its output, then [rc=N] unless that is 0. Lines with "!" change the world.
func TestSession(t *testing.T) {
	root, cwd := t.TempDir(), t.TempDir()
	sys := &kmodtest.System{Init: playgroundInit, Kallsyms: "ffffffff8100 r __ksymtab_printk\nffffffff8200 T main\nffffffff8104 r __ksymtab_module_layout\n"}
	for name, m := range playground() {
		image := m.ELF()
		kmodtest.WriteFile(t, filepath.Join(cwd, name+".ko"), image)
		kmodtest.WriteFile(t, filepath.Join(root, "lib/modules", debian, "extra", name+".ko"), image)
	}
	hello := playground()["hello"].ELF()
	kmodtest.WriteFile(t, cwd+"/junk.ko", []byte("junk\n"))
	kmodtest.WriteFile(t, cwd+"/empty.ko", nil)
	kmodtest.WriteFile(t, cwd+"/trunc.ko", hello[:len(hello)/2])
	for _, f := range []string{"modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		kmodtest.WriteFile(t, filepath.Join(root, "lib/modules", debian, f), nil)
	}
	session, err := os.ReadFile("testdata/session.txt")
	require.NoError(t, err)
	t.Chdir(cwd)

	for i, step := range strings.Split("\n"+string(session), "\n# ")[1:] {
		step, control, _ := strings.Cut("# "+step, "\n!")
		line, want, _ := strings.Cut(strings.TrimPrefix(step, "# ")+"\n", "\n")
		want = strings.TrimSuffix(want, "\n")
		status := 0
		if before, after, ok := strings.Cut(want, "[rc="); ok {
			want = before
			_, err := fmt.Sscanf(after, "%d", &status)
			require.NoError(t, err)
		}
		t.Run(fmt.Sprintf("%03d_%s", i, strings.ReplaceAll(line, "/", "|")), func(t *testing.T) {
			args := strings.Fields(line)
			var out bytes.Buffer
			tool, ok := modtools.ByName(args[0])
			require.True(t, ok, line)
			got := tool.Run(&modtools.Env{Argv0: args[0], Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
				System: sys, Root: root, Release: debian}, args[1:])
			text := strings.ReplaceAll(strings.ReplaceAll(out.String(), root, ""), cwd, "/root")
			require.Equal(t, strings.TrimSuffix(want, "\n"), strings.TrimSuffix(text, "\n"))
			require.Equal(t, status, got)
		})
		switch control, _, _ = strings.Cut(control, "\n"); control {
		case "":
		case "permanent noexit":
			sys.Module("noexit", func(m *kmodtest.Loaded) { m.Permanent = true })
		case "open chrb":
			sys.Module("chrb", func(m *kmodtest.Loaded) { m.Refs = 2 })
		case "close chrb":
			sys.Module("chrb", func(m *kmodtest.Loaded) { m.Refs = 0 })
		case "conf":
			kmodtest.WriteFile(t, root+"/etc/modprobe.d/p.conf", []byte(
				"options parm count=3 whom=conf\nblacklist hello\nalias hi hello\ninstall depgpl /bin/echo installing\n"))
		default:
			t.Fatalf("unknown control line %q", control)
		}
	}
}
