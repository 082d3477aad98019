package kmod_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
	"github.com/kobench/kobench/kernel/uapi"
)

// depFiles are the files that depmod writes.
func depFiles() []string {
	return []string{
		"modules.dep", "modules.dep.bin", "modules.alias", "modules.alias.bin", "modules.softdep",
		"modules.symbols", "modules.symbols.bin", "modules.builtin.bin", "modules.builtin.alias.bin", "modules.devname",
	}
}

// realTool finds one of kmod 30's tools on this machine, or skips the test.
func realTool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		path := filepath.Join(dir, name)
		out, err := exec.CommandContext(context.Background(), path, "--version").Output()
		if err == nil && bytes.HasPrefix(out, []byte("kmod version 30\n")) {
			return path
		}
	}
	t.Skipf("no %s of kmod 30 on this machine to compare with", name)
	return ""
}

// debianTree is the whole module tree of Debian's kernel that the oracle's set-up unpacks.
func debianTree(t testing.TB) (root, release string) {
	t.Helper()
	root = filepath.Join(oracle.Need(t), "kernel")
	dirs, err := filepath.Glob(root + "/lib/modules/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	return root, filepath.Base(dirs[0])
}

// shadowTree makes a tree whose modules are symbolic links to another one's, so that index files
// can be written without touching that.
func shadowTree(t testing.TB, root, release string) string {
	t.Helper()
	shadow := t.TempDir()
	from, to := filepath.Join(root, "lib/modules", release), filepath.Join(shadow, "lib/modules", release)
	require.NoError(t, os.MkdirAll(to, 0o755))
	for _, name := range []string{"kernel", "modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		require.NoError(t, os.Symlink(filepath.Join(from, name), filepath.Join(to, name)))
	}
	return shadow
}

func runDepmod(t testing.TB, dir string, opt kmod.DepmodOptions) {
	t.Helper()
	d := kmod.NewDepmod(dir, opt)
	require.NoError(t, d.Search())
	require.NoError(t, d.Load())
	require.NoError(t, d.Write())
}

func TestOracleDepmod(t *testing.T) {
	depmod := realTool(t, "depmod")
	root, release := debianTree(t)
	want, got := shadowTree(t, root, release), shadowTree(t, root, release)

	start := time.Now()
	out, err := exec.CommandContext(t.Context(), depmod, "-b", want, release).CombinedOutput()
	theirs := time.Since(start)
	require.NoError(t, err, string(out))
	start = time.Now()
	runDepmod(t, filepath.Join(got, "lib/modules", release), kmod.DepmodOptions{})
	ours := time.Since(start)
	t.Logf("kmod 30: %v, ours: %v, ratio %.2f", theirs, ours, float64(theirs)/float64(ours))

	for _, name := range depFiles() {
		w, err := os.ReadFile(filepath.Join(want, "lib/modules", release, name))
		require.NoError(t, err)
		g, err := os.ReadFile(filepath.Join(got, "lib/modules", release, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(w, g), "%s differs from kmod 30's", name)
	}
}

// smallTree is a tree with a bit of everything.
func smallTree() map[string]kmodtest.Module {
	return map[string]kmodtest.Module{
		"kernel/core.ko":       {Name: "core", Exports: []string{"core_a", "core_b"}, Info: []string{"license=GPL"}},
		"kernel/mid-dle.ko":    {Name: "mid_dle", Exports: []string{"mid_x"}, Needs: []string{"core_a", "printk"}},
		"kernel/top.ko.xz":     {Name: "top", Needs: []string{"mid_x", "core_b"}, Info: []string{"alias=pci:v0000[0-9]d*", "alias=top-alias"}},
		"kernel/zs.ko.zst":     {Name: "zs", Needs: []string{"mid_x"}, Weak: []string{"nowhere"}, Info: []string{"softdep=pre: core post: top"}},
		"kernel/dev.ko":        {Name: "dev", Info: []string{"alias=char-major-10-200", "alias=devname:net/tun", "alias=bad[bracket"}},
		"updates/core.ko":      {Name: "core", Exports: []string{"core_a", "core_b", "core_new"}},
		"extra/old.ko":         {Name: "old", Is32: true, BigEndian: true, Needs: []string{"core_b"}, Exports: []string{"old_sym"}, AbsoluteCRC: true},
		"extra/stringsonly.ko": {Name: "stringsonly", NoSymtab: true, Exports: []string{"so_1", "so_2"}},
		"extra/versioned.ko":   {Name: "versioned", Needs: []string{"core_a"}, Versions: []string{"module_layout", "core_a", "old_sym"}},
	}
}

func writeSmallTree(t testing.TB, root string) (dir string) {
	dir = filepath.Join(root, "lib/modules/6.1.0-t")
	kmodtest.WriteTree(t, dir, smallTree())
	kmodtest.WriteFile(t, dir+"/extra/notelf.ko", []byte("this is no module at all"))
	kmodtest.WriteFile(t, dir+"/extra/tiny.ko", []byte("abc"))
	kmodtest.WriteFile(t, dir+"/modules.builtin", []byte("kernel/fs/ext4.ko\nkernel/drivers/tty/n-null.ko\n"))
	kmodtest.WriteFile(t, dir+"/modules.builtin.modinfo", []byte("ext4.license=GPL\x00ext4.alias=fs-ext4\x00ext4.alias=fs-ext2\x00n_null.alias=tty-ldisc-[2-7]\x00n_null.license=GPL\x00"))
	return dir
}

func readDepFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range depFiles() {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		out[name] = string(data)
	}
	return out
}

func TestDepmodSmallTree(t *testing.T) {
	dir := writeSmallTree(t, t.TempDir())
	var log []string
	runDepmod(t, dir, kmod.DepmodOptions{Log: logInto(&log)})
	got := readDepFiles(t, dir)
	require.Equal(t, `extra/old.ko: updates/core.ko
extra/stringsonly.ko:
extra/versioned.ko: extra/old.ko updates/core.ko
kernel/dev.ko:
kernel/mid-dle.ko: updates/core.ko
kernel/top.ko.xz: kernel/mid-dle.ko updates/core.ko
kernel/zs.ko.zst: kernel/mid-dle.ko updates/core.ko
updates/core.ko:
extra/notelf.ko:
extra/tiny.ko:
`, got["modules.dep"])
	require.Equal(t, "# Device nodes to trigger on-demand module loading.\ndev net/tun c10:200\n", got["modules.devname"])
	require.Equal(t, "# Soft dependencies extracted from modules themselves.\nsoftdep zs pre: core post: top\n", got["modules.softdep"])
	require.ElementsMatch(t, []string{
		"ERROR failed to load symbols from " + dir + "/extra/notelf.ko: Exec format error",
		"ERROR failed to load symbols from " + dir + "/extra/tiny.ko: Invalid argument",
		"WARNING Unmatched bracket in bad[bracket",
	}, log)

	for _, index := range []struct{ file, key, value string }{
		{"modules.dep.bin", "zs", "kernel/zs.ko.zst: kernel/mid-dle.ko updates/core.ko"},
		{"modules.symbols.bin", "symbol:core_new", "core"},
		{"modules.builtin.bin", "n_null", ""},
		{"modules.builtin.alias.bin", "fs_ext2", "ext4"},
		{"modules.alias.bin", "top_alias", "top"},
	} {
		x, err := kmod.OpenIndex(filepath.Join(dir, index.file))
		require.NoError(t, err)
		value, ok := x.Search(index.key)
		require.True(t, ok, index.key)
		require.Equal(t, index.value, value)
	}
}

// TestDepmodLikeKmod compares every file and message on the small tree with kmod 30's.
func TestDepmodLikeKmod(t *testing.T) {
	depmod := realTool(t, "depmod")
	want, got := t.TempDir(), t.TempDir()
	wantDir, gotDir := writeSmallTree(t, want), writeSmallTree(t, got)
	// Which of two equals depmod takes depends on the directory's order: leave none to chance.
	out, err := exec.CommandContext(t.Context(), depmod, "-b", want, "6.1.0-t").CombinedOutput()
	require.NoError(t, err)
	var log []string
	runDepmod(t, gotDir, kmod.DepmodOptions{Log: logInto(&log)})
	require.Equal(t, readDepFiles(t, wantDir), readDepFiles(t, gotDir))
	for _, line := range log {
		_, text, _ := strings.Cut(strings.ReplaceAll(line, got, want), " ")
		require.Contains(t, string(out), text)
	}
}

// TestDepmodKeepsOldFiles: when one file cannot be written, all stay as they were.
func TestDepmodKeepsOldFiles(t *testing.T) {
	dir := writeSmallTree(t, t.TempDir())
	runDepmod(t, dir, kmod.DepmodOptions{})
	before := readDepFiles(t, dir)
	kmodtest.WriteFile(t, dir+"/extra/umlaut.ko", kmodtest.Module{Name: "umlaut", Info: []string{"alias=m\xc3\xbcll"}}.ELF())
	d := kmod.NewDepmod(dir, kmod.DepmodOptions{})
	require.NoError(t, d.Search())
	require.NoError(t, d.Load())
	require.ErrorContains(t, d.Write(), "only 7-bit ASCII is supported")
	require.Equal(t, before, readDepFiles(t, dir))
	left, err := filepath.Glob(dir + "/modules.*.*.*.*")
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestDepmodFullDisk(t *testing.T) {
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("needs root on Linux to mount a small file system")
	}
	small := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=256k", "none", small).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small file system here: %s", out)
	}
	t.Cleanup(func() { _ = exec.CommandContext(context.Background(), "umount", small).Run() })
	dir := writeSmallTree(t, small)
	runDepmod(t, dir, kmod.DepmodOptions{})
	before := readDepFiles(t, dir)
	f, err := os.Create(small + "/filler")
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 1<<20))
	require.ErrorContains(t, err, "no space")
	require.NoError(t, f.Close())

	d := kmod.NewDepmod(dir, kmod.DepmodOptions{})
	require.NoError(t, d.Search())
	require.NoError(t, d.Load())
	require.Equal(t, uapi.ENOSPC, uapi.ErrnoOf(d.Write()))
	require.Equal(t, before, readDepFiles(t, dir))
}

func TestDepmodCycles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lib/modules/1.0")
	kmodtest.WriteTree(t, dir, map[string]kmodtest.Module{
		"a.ko": {Name: "a", Exports: []string{"sa"}, Needs: []string{"sb"}},
		"b.ko": {Name: "b", Exports: []string{"sb"}, Needs: []string{"sc"}},
		"c.ko": {Name: "c", Exports: []string{"sc"}, Needs: []string{"sa"}},
		"d.ko": {Name: "d", Needs: []string{"sa"}},
	})
	var log []string
	d := kmod.NewDepmod(dir, kmod.DepmodOptions{Log: logInto(&log)})
	require.NoError(t, d.Search())
	require.ErrorIs(t, d.Load(), kmod.ErrCycle)
	require.Equal(t, []string{
		"ERROR Cycle detected: a -> b -> c -> a",
		"ERROR Found 3 modules in dependency cycles!",
	}, log)
}

func TestDepmodConfig(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lib/modules/6.1.0")
	mod := func(sym string) kmodtest.Module { return kmodtest.Module{Name: "m", Exports: []string{sym}} }
	external := t.TempDir()
	kmodtest.WriteTree(t, dir, map[string]kmodtest.Module{
		"kernel/m.ko": mod("in_kernel"), "updates/m.ko": mod("in_updates"), "extra/m.ko": mod("in_extra"),
	})
	kmodtest.WriteFile(t, external+"/m.ko", mod("in_external").ELF())
	for _, c := range []struct{ name, conf, want string }{
		{"updates by default", "", "updates/m.ko"},
		{"search order", "search extra updates built-in", "extra/m.ko"},
		{"built-in first", "search built-in extra updates", "kernel/m.ko"},
		{"override", "override m 6.1.* kernel", "kernel/m.ko"},
		{"override of another release", "override m ^5 kernel", "updates/m.ko"},
		{"external", "search external built-in\nexternal * " + external, external + "/m.ko"},
		{"exclude", "exclude updates", "kernel/m.ko"},
		{"bad line", "nonsense\noverride m", "updates/m.ko"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "exclude" {
				require.NoError(t, os.RemoveAll(dir+"/extra"))
			}
			conf := t.TempDir()
			kmodtest.WriteFile(t, conf+"/x.conf", []byte(c.conf+"\n"))
			cfg := kmod.ReadDepmodConfig([]string{conf}, "6.1.0", nil)
			d := kmod.NewDepmod(dir, kmod.DepmodOptions{Config: cfg})
			require.NoError(t, d.Search())
			require.NoError(t, d.Load())
			var out bytes.Buffer
			require.NoError(t, d.Show(&out))
			require.Equal(t, c.want+":", strings.SplitN(out.String(), "\n", 2)[0])
		})
	}
}

func TestDepmodSymvers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lib/modules/1.0")
	kmodtest.WriteTree(t, dir, map[string]kmodtest.Module{
		"v.ko": {Name: "v", Needs: []string{"printk", "gone"}, Weak: []string{"weakly"}, Versions: []string{"printk", "__this_module"}},
	})
	load := func(f func(d *kmod.Depmod), check bool) (log []string) {
		d := kmod.NewDepmod(dir, kmod.DepmodOptions{Log: logInto(&log), PrintUnknown: true, CheckSymvers: check})
		f(d)
		require.NoError(t, d.Search())
		require.NoError(t, d.Load())
		return log
	}
	gone := "WARNING " + dir + "/v.ko needs unknown symbol gone"
	require.Equal(t, []string{gone}, load(func(d *kmod.Depmod) {
		d.LoadSystemMap([]byte("c0000000 R __ksymtab_printk\nc0000001 T main\n"), "map")
	}, false))
	require.Equal(t, []string{"WARNING " + dir + "/v.ko disagrees about version of symbol printk", gone,
		"WARNING " + dir + "/v.ko disagrees about version of symbol __this_module"},
		load(func(d *kmod.Depmod) {
			d.LoadSymvers([]byte("0x00000999\tprintk\tvmlinux\tEXPORT_SYMBOL\n0x1\tgone\tdrivers/x\tEXPORT_SYMBOL\n"), "symvers")
		}, true))
}

// logInto collects messages as "LEVEL text".
func logInto(log *[]string) kmod.Logger {
	return func(p kmod.Priority, _ kmod.Origin, text string) {
		if p <= kmod.PrioWarning {
			*log = append(*log, p.String()+" "+text)
		}
	}
}

// BenchmarkDepmodDebian runs kmod 30's depmod and ours on Debian's whole tree in turn.
func BenchmarkDepmodDebian(b *testing.B) {
	depmod := realTool(b, "depmod")
	root, release := debianTree(b)
	shadow := shadowTree(b, root, release)
	var theirs, ours time.Duration
	for b.Loop() {
		start := time.Now()
		require.NoError(b, exec.CommandContext(b.Context(), depmod, "-b", shadow, release).Run())
		theirs += time.Since(start)
		start = time.Now()
		runDepmod(b, filepath.Join(shadow, "lib/modules", release), kmod.DepmodOptions{})
		ours += time.Since(start)
	}
	b.ReportMetric(float64(theirs)/float64(b.N)/1e6, "kmod30-ms/op")
	b.ReportMetric(float64(ours)/float64(b.N)/1e6, "ours-ms/op")
	b.ReportMetric(float64(theirs)/float64(ours), "ratio")
}
