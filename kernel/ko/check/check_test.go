package check_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel/kbuild"
	"github.com/kobench/kobench/kernel/kbuild/cc"
	"github.com/kobench/kobench/kernel/kbuild/modpost"
	"github.com/kobench/kobench/kernel/ko/check"
	"github.com/kobench/kobench/kernel/scenario"
	"github.com/stretchr/testify/require"
)

// TestMain is also the kobench that the makefiles call.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "modpost" {
		if err := modpost.Run(os.Args[2:], os.Stdout, os.Stderr); err != nil {
			if !errors.Is(err, modpost.ErrFailed) {
				fmt.Fprintln(os.Stderr, err)
			}
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const seeded = "../../../fixtures/check"

// build builds NAME_bad and NAME_clean of every seeded driver, in one go.
func build(t *testing.T, names []string) string {
	t.Helper()
	_, missing := cc.Find(os.LookupEnv)
	if _, err := exec.LookPath("make"); err != nil {
		missing = errors.Join(missing, err)
	}
	if missing != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "in CI nothing may be missing: %v", missing)
		t.Skip(missing)
	}
	sources, err := filepath.Abs(seeded)
	require.NoError(t, err)
	dir := t.TempDir()
	makefile := "ccflags-y := -I" + sources + "\nobj-m :="
	for _, name := range names {
		include := fmt.Sprintf("#include \"%s.c\"\n", name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+"_bad.c"), []byte(include), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+"_clean.c"), []byte("#define CLEAN\n"+include), 0o644))
		makefile += " " + name + "_bad.o " + name + "_clean.o"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Makefile"), []byte(makefile+"\n"), 0o644))
	kdir, err := kbuild.Config{Cache: t.TempDir()}.Extract()
	require.NoError(t, err)
	out, err := exec.Command("make", "-C", kdir, "M="+dir, "modules").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// drivers are the names of the seeded drivers, and the class that each one's first line gives.
func drivers(t *testing.T) (names []string, class map[string]string) {
	t.Helper()
	files, err := filepath.Glob(seeded + "/*.c")
	require.NoError(t, err)
	class = map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".c")
		first, _, ok := strings.Cut(strings.TrimPrefix(string(text), "// "), ":")
		require.True(t, ok, "%s: the first line says the class", file)
		names, class[name] = append(names, name), first
	}
	return names, class
}

func checked(t *testing.T, dir, name, variant string) *check.Report {
	t.Helper()
	cfg := check.Config{Module: name + "_" + variant}
	var err error
	cfg.Image, err = os.ReadFile(filepath.Join(dir, cfg.Module+".ko"))
	require.NoError(t, err)
	if text, err := os.ReadFile(filepath.Join(seeded, name+".txt")); err == nil {
		cfg.Scenario, err = scenario.Parse(string(text))
		require.NoError(t, err)
	}
	r, err := check.Run(t.Context(), cfg)
	require.NoError(t, err)
	return r
}

// Every seeded bug is found by its class, and nothing is found in its clean twin.
func TestSeeded(t *testing.T) {
	names, class := drivers(t)
	dir := build(t, names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			found := checked(t, dir, name, "bad")
			require.NotEmpty(t, found.Findings)
			for _, f := range found.Findings {
				require.Equal(t, class[name], f.Class, "%s", f)
			}
			require.Empty(t, checked(t, dir, name, "clean").Findings)
		})
	}
}

// A token gives the run of its finding again, and only that.
func TestReplay(t *testing.T) {
	dir := build(t, []string{"left_second"})
	cfg := check.Config{Module: "left_second_bad"}
	var err error
	cfg.Image, err = os.ReadFile(filepath.Join(dir, "left_second_bad.ko"))
	require.NoError(t, err)
	r, err := check.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, r.Findings, 1)
	first := r.Findings[0]
	require.Contains(t, first.After, "__kmalloc")
	cfg.Replay = first.Replay
	again, err := check.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, 1, again.Runs)
	require.Len(t, again.Findings, 1)
	require.Equal(t, first.String(), again.Findings[0].String())
	cfg.Replay = "fail-x"
	_, err = check.Run(t.Context(), cfg)
	require.ErrorIs(t, err, check.ErrCannot)
}

// The project's own modules are clean, but for those that are made to fault.
func TestOwnModules(t *testing.T) {
	for _, name := range []string{"chrb", "pipe", "hello", "parm", "evdev"} {
		t.Run(name, func(t *testing.T) {
			r, err := check.Run(t.Context(), check.Config{Module: name, Image: fixtures.MustModule(name)})
			require.NoError(t, err)
			require.Empty(t, r.Findings)
			require.Positive(t, r.Runs)
		})
	}
}

// A module that does not load cannot be checked, and the error says why.
func TestCannot(t *testing.T) {
	_, err := check.Run(t.Context(), check.Config{Module: "unk", Image: fixtures.MustModule("unk")})
	require.ErrorIs(t, err, check.ErrCannot)
	require.ErrorContains(t, err, "Unknown symbol")
	_, err = check.Run(t.Context(), check.Config{Module: "x", Image: []byte("no module")})
	require.ErrorIs(t, err, check.ErrCannot)
}
