package parity

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures/oracle"
)

// limit is generous: the script itself takes a few seconds.
const limit = 3 * time.Minute

// ours runs the conformance script against a kobench built from this tree.
func ours(t *testing.T) []Section {
	t.Helper()
	if why := Missing(); why != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	script, err := oracle.Files.ReadFile("conformance.sh")
	require.NoError(t, err)
	dependOnTree(t)
	dir := t.TempDir()
	build(t, filepath.Join(dir, "kobench"), "github.com/kobench/kobench/cmd/kobench")
	build(t, filepath.Join(dir, "helper"), "github.com/kobench/kobench/cmd/internal/parity/guest")
	root, err := os.MkdirTemp("", "kb") // a short name: a socket's path has room for 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(root)) })
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	guest := &Guest{Root: root, Kobench: filepath.Join(dir, "kobench"), Helper: filepath.Join(dir, "helper"), Modules: modules(t), Script: script}
	text, err := guest.Run(ctx)
	keep(t, "ours.txt", text)
	require.NoError(t, err, "it printed:\n%s", text)
	sections, err := Parse(bytes.NewReader(text))
	require.NoError(t, err)
	return sections
}

// dependOnTree makes Go's test cache forget this test's result when any source of the module
// changes: the binaries under test are built by the go command, and of that the cache would know
// nothing.
func dependOnTree(t *testing.T) {
	t.Helper()
	seen := 0
	require.NoError(t, filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && (name == ".git" || name == "bin"):
			return fs.SkipDir
		case slices.Contains([]string{".go", ".c", ".h", ".ko", ".mod"}, filepath.Ext(name)):
			seen++
			_, err = os.Stat(path)
		}
		return err
	}))
	require.NotZero(t, seen)
}

func build(t *testing.T, to, pkg string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "go build %s:\n%s", pkg, text)
}

// keep writes a transcript where KOBENCH_KEEP says, to be looked at.
func keep(t *testing.T, name string, text []byte) {
	t.Helper()
	if dir := os.Getenv("KOBENCH_KEEP"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
}

func agree(t *testing.T, real, ours []Section) {
	t.Helper()
	res := listed(t).Compare(real, ours)
	var report bytes.Buffer
	res.Report(&report)
	t.Logf("kobench beside the real kernel:\n%s", report.Bytes())
	require.Empty(t, len(res.Wrong), "kobench and the real kernel disagree, see above")
}

// kobench answers the conformance script as the real kernel did when it was recorded.
func TestConformance(t *testing.T) {
	agree(t, recorded(t), ours(t))
}

// The same with a real kernel booted now, and the recording is still what it says.
func TestOracleConformance(t *testing.T) {
	oracle.Need(t)
	run, err := filepath.Abs("../../../fixtures/oracle/run")
	require.NoError(t, err)
	script := filepath.Join(filepath.Dir(run), "conformance.sh")
	cmd := exec.Command(run, "-t", "600", "-f", script)
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	keep(t, "real.txt", text)
	require.NoError(t, err, "%s", said.Bytes())
	live, err := Parse(bytes.NewReader(text))
	require.NoError(t, err)
	agree(t, live, ours(t))
}

// modules is the folder of the prebuilt reference modules.
func modules(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../fixtures/ko")
	require.NoError(t, err)
	return dir
}
