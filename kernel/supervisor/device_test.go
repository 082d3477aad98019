//go:build linux

package supervisor_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/kernel/supervisor"
	"github.com/stretchr/testify/require"
)

// need finds a tool of the host's, or skips the test.
func need(t testing.TB, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("%s is not installed", tool)
	}
	require.NoError(t, err)
	return path
}

// compiled builds the C program that a real kernel and ours run.
func compiled(t testing.TB, dir string) {
	t.Helper()
	out, err := exec.Command(need(t, "gcc"), "-static", "-O1", "-w", "-pthread", "-o", filepath.Join(dir, "device"), "../../fixtures/programs/device.c").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// device runs the program here.
func device(t *testing.T) string {
	dir := t.TempDir()
	compiled(t, dir)
	for _, name := range []string{"pipe", "chrb"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".ko"), fixtures.MustModule(name), 0o644))
	}
	out, status := boot(t, supervisor.Config{}).program(filepath.Join(dir, "device"), dir)
	require.Zero(t, status, out)
	return out
}

// TestDevice: a C program gets the answers that Linux 6.1 gave, line by line: files, transfers,
// control, readiness, signals, descriptors, threads, uevents.
func TestDevice(t *testing.T) {
	real, err := oracle.Files.ReadFile("transcripts/programs-device.txt")
	require.NoError(t, err)
	require.Equal(t, string(real), device(t))
}

// The same beside a real kernel that is booted now.
func TestOracleDevice(t *testing.T) {
	oracle.Need(t)
	layer := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(layer, "root"), 0o755))
	compiled(t, filepath.Join(layer, "root"))
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	real, err := exec.CommandContext(ctx, "../../fixtures/oracle/run", "-t", "100", "-o", layer, "--", "cd /root; ./device /root").Output()
	require.NoError(t, err, "%s", real)
	require.Equal(t, string(real), device(t))
}
