package modtools_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

// realTool finds one of kmod 30's tools on this machine, or skips the test.
func realTool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		path := filepath.Join(dir, name)
		out, err := exec.CommandContext(context.Background(), path, "--version").Output()
		if name == "lsmod" && err != nil {
			out, err = exec.CommandContext(context.Background(), filepath.Join(dir, "kmod"), "--version").Output()
		}
		if err == nil && bytes.HasPrefix(out, []byte("kmod version 30\n")) {
			return path
		}
	}
	t.Skipf("no %s of kmod 30 on this machine to compare with", name)
	return ""
}

func hostRelease(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(context.Background(), "uname", "-r").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// tree is the fixture that kmod 30 and we look at.
func tree() map[string]kmodtest.Module {
	return map[string]kmodtest.Module{
		"kernel/core.ko":       {Name: "core", Exports: []string{"core_a", "core_b"}, Info: []string{"license=GPL", "author=A. Thor", "description=the core", "version=1.0", "parm=count:how many", "parmtype=count:int", "parmtype=bare:bool", "parm=textonly:no type", "alongkeythatislong=value", "novalue"}},
		"kernel/mid-dle.ko":    {Name: "mid_dle", Exports: []string{"mid_x"}, Needs: []string{"core_a", "printk"}, Versions: []string{"module_layout", "core_a", ".dotted"}},
		"kernel/top.ko.xz":     {Name: "top", Needs: []string{"mid_x", "core_b"}, Info: []string{"alias=pci:v0000[0-9]d*", "alias=top-alias"}},
		"kernel/top2.ko":       {Name: "top2", Needs: []string{"mid_x"}, Info: []string{"alias=pci:v00001d*"}},
		"kernel/zs.ko.zst":     {Name: "zs", Needs: []string{"mid_x"}, Weak: []string{"nowhere"}, Info: []string{"softdep=pre: top2 post: top"}},
		"kernel/dev.ko":        {Name: "dev", Info: []string{"alias=char-major-10-200", "alias=devname:net/tun"}},
		"extra/old.ko":         {Name: "old", Is32: true, BigEndian: true, Needs: []string{"core_b"}, Exports: []string{"old_sym"}, AbsoluteCRC: true},
		"extra/stringsonly.ko": {Name: "stringsonly", NoSymtab: true, Exports: []string{"so_1", "so_2"}},
		"extra/inst.ko":        {Name: "inst", Needs: []string{"core_a"}},
		"extra/gz.ko.gz":       {Name: "gz"}, // -ZLIB: no module
		"extra/soft.ko":        {Name: "soft"},
		"extra/bl.ko":          {Name: "bl", Info: []string{"alias=bl-alias"}},
	}
}

const modprobeConf = `# a comment
alias my-alias mid-dle
alias glob[0-9]* top
alias two core
alias two dev
options core count=3  bare=1
options my_alias via=alias
options top	tab=1 \
   joined=yes
blacklist bl
install inst /bin/echo installing $CMDLINE_OPTS; modprobe -i inst
remove inst echo removing
softdep soft pre: core nosuch post: dev
softdep soft pre: top
softdep old pre: bl
softdep bl pre: old post: stringsonly
softdep string* post: zs nosuch
install virtual echo virt
remove onlyremove echo gone
include other
bad line
alias
softdep
options
alias b[ad x
quoted\ te\st
`

// world writes the fixture tree and its configuration below root and runs kmod 30's depmod.
func world(t testing.TB) (root, conf string) {
	t.Helper()
	depmod := realTool(t, "depmod")
	root = t.TempDir()
	dir := filepath.Join(root, "lib/modules/6.1.0-t")
	kmodtest.WriteTree(t, dir, tree())
	kmodtest.WriteFile(t, dir+"/extra/notelf.ko", []byte("this is no module at all"))
	kmodtest.WriteFile(t, dir+"/extra/tiny.ko", []byte("abc"))
	kmodtest.WriteFile(t, dir+"/modules.builtin", []byte("kernel/fs/ext4.ko\nkernel/drivers/tty/n-null.ko\n"))
	kmodtest.WriteFile(t, dir+"/modules.builtin.modinfo", []byte("ext4.license=GPL\x00ext4.file=fs/ext4\x00ext4.alias=fs-ext4\x00ext4.alias=fs-ext2\x00n_null.alias=tty-ldisc-[2-7]\x00n_null.license=GPL\x00"))
	_ = exec.CommandContext(t.Context(), depmod, "-b", root, "6.1.0-t").Run()
	conf = filepath.Join(root, "conf")
	kmodtest.WriteFile(t, conf+"/m.conf", []byte(modprobeConf))
	kmodtest.WriteFile(t, conf+"/a.alias", []byte("alias fromalias dev\n"))
	kmodtest.WriteFile(t, conf+"/ignored.txt", []byte("alias never dev\n"))
	return root, conf
}

type outcome struct {
	Status         int
	Stdout, Stderr string
}

// TestLikeKmod runs each command line through kmod 30's tool and ours on one tree. Left out is
// "kmod help", whose usage line calls kmod "help" there.
func TestLikeKmod(t *testing.T) {
	root, conf := world(t)
	release := hostRelease(t)
	dir := filepath.Join(root, "lib/modules/6.1.0-t")
	p := func(args ...string) []string {
		return append([]string{"modprobe", "-d", root, "-S", "6.1.0-t", "-C", conf}, args...)
	}
	i := func(args ...string) []string {
		return append([]string{"modinfo", "-b", root, "-k", "6.1.0-t"}, args...)
	}
	d := func(args ...string) []string {
		return append(append([]string{"depmod", "-n", "-b", root}, args...), "6.1.0-t")
	}
	for _, line := range [][]string{
		p("-n", "-v", "top"), p("-D", "top"), p("-D", "zs"), p("-D", "mid-dle", "x=1", "y=two words"), p("-D", "my-alias"), p("-D", "glob7"),
		p("-D", "two"), p("-D", "-a", "core", "top"), p("-D", "inst"), p("-D", "-i", "inst"), p("-D", "bl"), p("-D", "-b", "bl"),
		p("-D", "bl-alias"), p("-D", "soft"), p("-D", "pci:v00001d5"), p("-D", "pci:v00007d5"), p("-D", "symbol:mid_x"),
		p("-D", "char-major-10-200"), p("-D", "ext4"), p("-D", "fs-ext2"), p("-D", "virtual"), p("-D", "tty-ldisc-3"),
		p("-D", "old"), p("-D", "bl-alias"), p("-D", "stringsonly"), p("-R", "my-alias"), p("-R", "pci:v00001d5"), p("-R", "two"), p("-R", "nosuch"), p("-R", "fs-ext4"), p("-R", "bad]"), p("-R", "fromalias"),
		p("-c"), p("nosuch"), p("-q", "nosuch"), p("-a", "nosuch", "nosuch2"), p("-n", "-v", "-r", "core"), p("-r", "nosuch"), p("-r", "ext4"),
		p("-r", "--first-time", "core"), p("-D", "-r", "core"), p("-D", "-r", "soft"), p("-D", "-r", "inst"), p("-r", "-a", "nosuch", "core"), p(),
		p("--show-modversions", dir+"/kernel/mid-dle.ko"), p("--show-exports", dir+"/kernel/core.ko"), p("--show-exports", dir+"/extra/old.ko"),
		p("--show-exports", dir+"/extra/stringsonly.ko"), p("--dump-modversions", dir+"/kernel/core.ko"), p("--show-exports", "nosuch.ko"),
		p("--show-exports", dir+"/extra/notelf.ko"), p("--show-exports", dir+"/extra/tiny.ko"),
		p("--a", "-n", "-v", "core"), p("--show", "core"), p("--sho", "core"), p("--nosuch"), p("-x"), p("-w"), p("-w", "abc", "core"), p("--first-time=1", "core"), p("--conf"),
		p("--show-conf"), p("-n", "core", "-v"), p("-nv", "--", "core"), p("-n", "core", "nosuch"),
		{"modprobe", "--version"}, {"modprobe", "--help"}, {"modprobe"}, {"modprobe", "-V", "--nosuch"},
		i("core"), i("mid_dle"), i("top-alias"), i("two"), i("-F", "alias", "top"), i("-p", "core"), i("-n", "core", "top"), i("-0", "core"),
		i("-F", "parm", "core"), i("-a", "-d", "core"), i("-l", "core"), i("-m", "core"), i("-m", "top-alias"), i("ext4"), i("-F", "name", "ext4"),
		i("-n", "ext4"), i("fs-ext4"), i("nosuch"), i(dir + "/kernel/core.ko"), i(dir + "/kernel/zs.ko.zst"), i(dir + "/extra/notelf.ko"), i(dir + "/extra/tiny.ko"),
		i(dir + "/extra/old.ko"), i("bad]alias"), i(dir + "/extra/gz.ko.gz"), i("gz"), p("-D", "gz"), p("--show-exports", dir+"/extra/gz.ko.gz"), i(), i("-F"), i("--zz"), i("pci:v00001d5"), i("-F", "nosuch", "core"), i("-0", "-F", "alias", "top"),
		{"modinfo", "--help"}, {"modinfo", "-V"},
		d(), d("-w"), d("-v"), d("-e"), d("-u"), d("--quiet"), d("-P", "xy"), d("-F", "/nonexistent"), d("-F", dir+"/modules.order"), d("--nosuch"), d("-A"),
		{"depmod", "-b", root, "abc"}, {"depmod", "-b", root + "/none", "1.0"}, {"depmod", "--help"}, {"depmod", "-V"}, {"depmod", "-b", root, "6.1.0-t", "relative.ko"},
		{"depmod", "-n", "-b", root, "6.1.0-t", dir + "/kernel/core.ko", dir + "/kernel/mid-dle.ko"}, {"depmod", "-n", "-b", root, "6.1.0-t", dir + "/nosuch.ko"},
		{"insmod"}, {"insmod", "-"}, {"insmod", "--help"}, {"insmod", "-V"}, {"insmod", "-x"}, {"insmod", "--foo"}, {"insmod", "./nosuch.ko"}, {"insmod", "/tmp"}, {"insmod", dir + "/extra/tiny.ko"}, {"insmod", dir + "/extra/gz.ko.gz"},
		{"rmmod"}, {"rmmod", "-w", "x"}, {"rmmod", "--help"}, {"rmmod", "-V"}, {"rmmod", "nosuch", "no-such2.ko"}, {"rmmod", "--he"},
		{"lsmod", "x"}, {"lsmod", "-V"},
		{"kmod"}, {"kmod", "nosuch"}, {"kmod", "-V"}, {"kmod", "list", "x"}, {"kmod", "static-nodes", "-f", "x"}, {"kmod", "static-nodes", "--help"}, {"kmod", "static-nodes"}, {"kmod", "-x"},
	} {
		name := strings.ReplaceAll(strings.Join(line, " "), root, "ROOT")
		t.Run(strings.ReplaceAll(name, "/", "|"), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), realTool(t, line[0]), line[1:]...)
			cmd.Args[0] = line[0]
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			var exit *exec.ExitError
			require.True(t, err == nil || errors.As(err, &exit), "%v", err)
			want := outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}

			var gotOut, gotErr bytes.Buffer
			env := &modtools.Env{Argv0: line[0], Stdin: strings.NewReader(""), Stdout: &gotOut, Stderr: &gotErr,
				System: kmodtest.Host{}, Release: release, Environ: os.Environ()}
			tool, ok := modtools.ByName(line[0])
			require.True(t, ok)
			status := tool.Run(env, line[1:])
			require.Equal(t, want, outcome{status, gotOut.String(), gotErr.String()})
		})
	}
}
