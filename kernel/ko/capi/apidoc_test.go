package capi_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/capi"
)

var update = flag.Bool("update", false, "write API.md anew")

// API.md lists what the package binds: go test ./kernel/ko/capi -run TestAPIDoc -update
func TestAPIDoc(t *testing.T) {
	text, err := os.ReadFile("../../include/EXPORTS")
	require.NoError(t, err)
	header := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
			header[f[0]] = f[2]
		}
	}
	var b strings.Builder
	b.WriteString("# The kernel functions that are written in Go\n\nGenerated (`go generate ./kernel/ko/capi`). The others are in `kernel/lib`; `kernel/include/EXPORTS` lists all.\n\n| function | area | header |\n|---|---|---|\n")
	for _, a := range capi.Areas() {
		var names []string
		for _, f := range a.Funcs {
			if header[f.Name] != "" {
				names = append(names, f.Name)
			}
		}
		slices.Sort(names)
		for _, n := range names {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", n, a.Name, header[n])
		}
	}
	if *update {
		require.NoError(t, os.WriteFile("API.md", []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile("API.md")
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "run go generate ./kernel/ko/capi")
}
