package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	commands := make(map[string]func())
	for _, name := range linkNames() {
		commands[name] = main
	}
	commands["sudo"] = main // in the PATH of kobench run
	testscript.Main(m, commands)
}

// TestScripts runs the sessions of testdata, each with a socket and a module build cache of its
// own. The reference modules lie in $MODULES, the handout in $HANDOUT.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "kb") // a socket's path must be short
			if err != nil {
				return err
			}
			env.Defer(func() {
				// where a script failed half-way
				down := exec.Command(filepath.Join(firstPath(env.Getenv("PATH")), "kobench"), "down")
				down.Env = []string{"KOBENCH_SOCKET=" + filepath.Join(dir, "sock")}
				_ = down.Run()
				_ = os.RemoveAll(dir)
			})
			env.Setenv("KOBENCH_SOCKET", filepath.Join(dir, "sock"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
			env.Setenv("TMPDIR", dir)
			if err := os.CopyFS(filepath.Join(env.WorkDir, "fixtures"), fixtures.FS); err != nil {
				return err
			}
			env.Setenv("MODULES", filepath.Join(env.WorkDir, "fixtures", "ko"))
			env.Setenv("HANDOUT", filepath.Join(env.WorkDir, "fixtures", "handout"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
			if err == nil {
				f.Close()
			}
			return err == nil && os.Getuid() == 0, nil // [fuse]
		},
	})
}

func firstPath(list string) string { return filepath.SplitList(list)[0] }
