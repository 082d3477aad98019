package cc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	env := func(kv map[string]string) func(string) (string, bool) {
		return func(k string) (string, bool) { v, ok := kv[k]; return v, ok }
	}
	_, err := Find(env(map[string]string{"CC": "no-such-compiler-here -m32"}))
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "CC=no-such-compiler-here -m32: no such program; install clang and lld")

	tc, err := Find(env(map[string]string{"CC": "go  tool", "LD": "go"}))
	require.NoError(t, err)
	require.Equal(t, Toolchain{CC: []string{"go", "tool"}, LD: []string{"go"}}, tc)

	t.Setenv("PATH", t.TempDir())
	_, err = Find(env(nil))
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "clang not found")
	require.Equal(t, []string{"clang", "clang-20", "clang-19"}, Names("clang")[:3])
}
