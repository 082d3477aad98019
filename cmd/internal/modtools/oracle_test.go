package modtools_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

// TestOracleTree compares modprobe and modinfo with kmod 30's on Debian's whole module tree,
// indexed by our depmod.
func TestOracleTree(t *testing.T) {
	modprobe, modinfo := realTool(t, "modprobe"), realTool(t, "modinfo")
	dirs, err := filepath.Glob(filepath.Join(oracle.Need(t), "kernel/lib/modules/*"))
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	release, root := filepath.Base(dirs[0]), t.TempDir()
	tree := filepath.Join(root, "lib/modules", release)
	require.NoError(t, os.MkdirAll(tree, 0o755))
	for _, name := range []string{"kernel", "modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		require.NoError(t, os.Symlink(filepath.Join(dirs[0], name), filepath.Join(tree, name)))
	}
	ours := func(line ...string) string {
		var out bytes.Buffer
		tool, _ := modtools.ByName(line[0])
		tool.Run(&modtools.Env{Argv0: line[0], Stdout: &out, Stderr: &out, System: kmodtest.Host{}, Release: release, Environ: os.Environ()}, line[1:])
		return out.String()
	}
	require.Empty(t, ours("depmod", "-b", root, release))

	order, err := os.ReadFile(tree + "/modules.order")
	require.NoError(t, err)
	lines := strings.Fields(string(order))
	conf := t.TempDir()
	kmodtest.WriteFile(t, conf+"/t.conf", []byte("softdep ext4 post: crc32c\nblacklist e1000\noptions usbcore autosuspend=5\n"))
	where := []string{"-d", root, "-S", release, "-C", conf}
	names := []string{"usb:v0403p6001d0600dc00dsc00dp00icFFiscFFipFFin00", "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00", "fs-ext4", "char-major-10-200", "symbol:usb_register_driver", "crypto-sha256"}
	for i := 0; i < len(lines); i += 97 {
		names = append(names, strings.TrimSuffix(filepath.Base(lines[i]), ".ko"))
	}
	for _, name := range names {
		for _, opt := range []string{"-D", "-R"} {
			args := append(append([]string{}, where...), opt, name)
			want, _ := exec.CommandContext(t.Context(), modprobe, args...).CombinedOutput()
			require.Equal(t, string(want), ours(append([]string{"modprobe"}, args...)...), "%s %s", opt, name)
		}
		args := []string{"-b", root, "-k", release, name}
		want, _ := exec.CommandContext(t.Context(), modinfo, args...).CombinedOutput()
		require.Equal(t, string(want), ours(append([]string{"modinfo"}, args...)...), name)
	}
}
