package modtools_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/cmd/internal/modtools"
)

// Every tool is found by its name below any path, says what it does, and names itself when it is
// called wrongly.
func TestEveryTool(t *testing.T) {
	seen := map[string]bool{}
	for _, tool := range modtools.Tools() {
		t.Run(tool.Name, func(t *testing.T) {
			require.False(t, seen[tool.Name])
			seen[tool.Name] = true
			require.NotEmpty(t, tool.Short)
			found, ok := modtools.ByName("/sbin/" + tool.Name)
			require.True(t, ok)
			require.Equal(t, tool.Name, found.Name)
			require.False(t, tool.NeedsBench([]string{"--help"}))
			require.Equal(t, tool.Need != modtools.NeedsNone, tool.NeedsBench([]string{"x"}))
			require.Equal(t, tool.Need == modtools.NeedsKernel, tool.NeedsBench(nil))

			var out, errs bytes.Buffer
			env := &modtools.Env{Argv0: tool.Name, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
			require.NotZero(t, tool.Run(env, []string{"--nosuch", "--nosuch"}))
			require.Contains(t, errs.String(), tool.Name)
			if !tool.Classic || tool.Name == "lsmod" { // kmod's lsmod has no options
				return
			}
			for _, option := range []string{"--help", "--version"} {
				out.Reset()
				require.Zero(t, tool.Run(env, []string{option}))
				require.NotEmpty(t, out.String())
			}
		})
	}
}
