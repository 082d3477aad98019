package kmod

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

// debianTree finds the whole module tree of Debian's kernel that the oracle's set-up unpacks.
func debianTree(t testing.TB) (root, release string) {
	t.Helper()
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	root = filepath.Join(home, ".cache/kobench-oracle/kernel")
	dirs, _ := filepath.Glob(root + "/lib/modules/*")
	if len(dirs) == 0 {
		t.Skip("no Debian module tree: the oracle is not set up")
	}
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

func runDepmod(t testing.TB, dir string, opt DepmodOptions) {
	t.Helper()
	d := NewDepmod(dir, opt)
	require.NoError(t, d.Search())
	require.NoError(t, d.Load())
	require.NoError(t, d.Write())
}

func TestDepmodDebian(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 4,000 modules")
	}
	depmod := realTool(t, "depmod")
	root, release := debianTree(t)
	want, got := shadowTree(t, root, release), shadowTree(t, root, release)

	start := time.Now()
	out, err := exec.CommandContext(t.Context(), depmod, "-b", want, release).CombinedOutput()
	theirs := time.Since(start)
	require.NoError(t, err, string(out))
	start = time.Now()
	runDepmod(t, filepath.Join(got, "lib/modules", release), DepmodOptions{})
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
