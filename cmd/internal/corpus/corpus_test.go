package corpus

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kobench/kobench/kernel/kbuild"
	"github.com/stretchr/testify/require"
)

// TestMain is also the program that exercises: kobench corpus --one; and modpost for the makefiles.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "corpus" {
		if err := One(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// kdir is a build directory whose makefiles call a kobench built for the test.
func kdir(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"make", "clang", "wasm-ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				require.NoError(t, err)
			}
			t.Skipf("%s is not installed (Debian: apt-get install make clang lld)", tool)
		}
	}
	program := filepath.Join(t.TempDir(), "kobench")
	out, err := exec.Command("go", "build", "-o", program, "github.com/kobench/kobench/cmd/kobench").CombinedOutput()
	require.NoError(t, err, "%s", out)
	dir, err := kbuild.Config{Kobench: program, Cache: t.TempDir()}.Extract()
	require.NoError(t, err)
	return dir
}

// Every kind of ending is told from the others, a module finds the one that it needs, and a second
// run goes on from the results of the first.
func TestRun(t *testing.T) {
	o := Options{Dir: "testdata/small", KDir: kdir(t), Self: os.Args[0], Results: filepath.Join(t.TempDir(), "results.jsonl")}
	all, err := Run(t.Context(), o)
	require.NoError(t, err)
	got := map[string]Result{}
	var paths []string
	for _, x := range all {
		got[x.Path] = x
		paths = append(paths, x.Path)
	}
	require.Equal(t, []string{"top/broken", "top/chosen", "top/faulty", "top/giver", "top/leaker", "top/netted", "top/pair-of-two", "top/taker"}, paths)

	require.False(t, got["top/broken"].Built)
	require.Empty(t, got["top/broken"].Scope)
	require.False(t, got["top/netted"].Built)
	require.Equal(t, "network", got["top/netted"].Scope)
	require.Equal(t, "top/broken.c:2:10: fatal error: 'linux/no_such_header.h' file not found", got["top/broken"].First)
	require.True(t, got["top/chosen"].Built)
	require.False(t, got["top/chosen"].Loaded)
	require.Contains(t, got["top/chosen"].Init, "No such device")
	for _, name := range []string{"top/giver", "top/taker", "top/pair-of-two"} {
		require.True(t, got[name].Clean(), "%+v", got[name])
	}
	require.Contains(t, got["top/taker"].Files, "/sys/module/taker/parameters/level")
	require.Equal(t, "pair_of_two", got["top/pair-of-two"].Name)

	faulty := got["top/faulty"]
	require.True(t, faulty.Loaded)
	require.Len(t, faulty.Nodes, 1, "a node for the major that has none")
	require.NotEmpty(t, faulty.Oops)
	require.False(t, faulty.Clean())
	require.NotEmpty(t, got["top/leaker"].Left)
	require.False(t, got["top/leaker"].Clean())

	kept, err := os.ReadFile(o.Results)
	require.NoError(t, err)
	require.Equal(t, len(all), bytes.Count(kept, []byte("\n")))
	again, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, again, len(all))
	after, err := os.ReadFile(o.Results)
	require.NoError(t, err)
	require.Equal(t, kept, after, "nothing was tried twice")

	var table strings.Builder
	require.NoError(t, Table(&table, all))
	require.Contains(t, table.String(), "8 modules, 1 out of scope: 6 built, 5 loaded, 5 unloaded, 3 clean\n")
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Run(t.Context(), Options{Dir: dir})
	require.ErrorIs(t, err, ErrNone)
	_, err = Run(t.Context(), Options{Dir: filepath.Join(dir, "absent")})
	require.ErrorContains(t, err, "not a folder")

	results := filepath.Join(dir, "results")
	require.NoError(t, os.WriteFile(results, []byte("{}\n"), 0o644))
	_, err = openBook(results)
	require.ErrorContains(t, err, "results:1: not a result of kobench corpus")
}

// What a killed run left half written is passed over, and the next line begins anew.
func TestHalfALine(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results")
	require.NoError(t, os.WriteFile(results, []byte(`{"path":"a"}`+"\n"+`{"path":"b","na`), 0o644))
	b, err := openBook(results)
	require.NoError(t, err)
	require.NoError(t, b.add(Result{Path: "c"}))
	b.close()
	b, err = openBook(results)
	require.NoError(t, err)
	defer b.close()
	_, ok := b.has(Result{Path: "c"})
	require.True(t, ok)
	require.Len(t, b.known, 2)
}
