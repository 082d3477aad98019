package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	long := strings.Repeat("word ", 20)
	for _, tt := range []struct{ name, text, want string }{
		{"short", "// Short.\npackage a\n", ""},
		{"as wide as it may be", "package a\n\n// " + strings.Repeat("x", 97) + "\n", ""},
		{"too wide", "package a\n\n// " + strings.Repeat("x", 98) + "\n", "a.go:3: a comment of 101 columns; at most 100"},
		{"a tab is four", "package a\n\nfunc f() {\n\t// " + strings.Repeat("x", 94) + "\n}\n", "a.go:4: a comment of 101 columns"},
		{"behind code", "package a\n\nvar x = 1 // " + long + "\n", "a.go:3: "},
		{"letters, not bytes", "package a\n\n// " + strings.Repeat("ü", 97) + "\n", ""},
		{"several lines", "package a\n\n/*\nshort\n" + long + long + "\n*/\n", "a.go:5: "},
		{"a directive", "package a\n\n//nolint:x " + long + long + "\n", ""},
		{"a drawing", "package a\n\n// A ──► B " + long + long + "\n", ""},
		{"an example's output", "package a\n\nfunc f() {\n\t// Output:\n\t// " + long + long + "\n}\n", ""},
		{"a string", "package a\n\nvar x = `// " + long + long + "`\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := texts(words(house(t, map[string]string{"a.go": tt.text})))
			if tt.want == "" {
				require.Empty(t, got)
			} else {
				require.Contains(t, got, tt.want)
			}
		})
	}
}
