package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/kobench/kobench/drivers/board"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write README's lists anew")

// README's lists are those of the rows: each stands between a comment that names it and the next
// comment.
func TestReadme(t *testing.T) {
	const name = "../../README.md"
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	text := string(b)
	for _, c := range []struct{ title, list string }{
		{"kobench --help", commandHelp()},
		{"kobench help lines", code(board.LineHelp())},
		{"kobench plug --help", code(board.USBHelp())},
	} {
		head, end := "<!-- list: "+c.title+" -->\n\n", "\n<!-- end of list -->\n"
		before, rest, ok := strings.Cut(text, head)
		require.True(t, ok, c.title)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok, c.title)
		text = before + head + strings.TrimRight(c.list, "\n") + "\n" + end + after
	}
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		return
	}
	require.Equal(t, text, string(b), "README's lists are not those of the program: go test ./cmd/kobench -run TestReadme -update")
}

// code is a list as Markdown's code.
func code(list string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(list, "\n"), "\n", "\n    ") + "\n"
}
