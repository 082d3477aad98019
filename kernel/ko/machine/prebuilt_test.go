package machine

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:generate make -s -C testdata

// The test modules are what their sources say, where the compiler is the one
// that built them: another version may write other bytes.
func TestPrebuiltModules(t *testing.T) {
	out, err := exec.Command("clang", "--version").Output()
	if _, lld := exec.LookPath("wasm-ld"); err != nil || lld != nil || !strings.Contains(string(out), "version 14.0") {
		t.Skip("needs clang 14 and wasm-ld 14")
	}
	dir := t.TempDir()
	list, err := filepath.Glob("testdata/*")
	require.NoError(t, err)
	for _, name := range list {
		if strings.HasSuffix(name, ".ko") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			continue // a folder
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o644))
	}
	out, err = exec.Command("make", "-s", "-C", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	list, err = filepath.Glob("testdata/*.ko")
	require.NoError(t, err)
	require.NotEmpty(t, list)
	for _, name := range list {
		have, err := os.ReadFile(name)
		require.NoError(t, err)
		want, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, have), "%s is not what its source compiles to; go generate ./kernel/ko/machine", name)
	}
}
