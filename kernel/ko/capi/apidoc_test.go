package capi_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/capi"
	"github.com/kobench/kobench/kernel/ko/object"
	"github.com/kobench/kobench/kernel/lib"
)

var update = flag.Bool("update", false, "write API.md anew")

// headers are the headers' promises by header: names, sorted.
func headers(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../include/EXPORTS")
	require.NoError(t, err)
	by := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
			by[f[2]] = append(by[f[2]], f[0])
		}
	}
	return by
}

// whose says where each name is made: an area of this package, kernel/lib, or the kernel's data.
func whose(t *testing.T) map[string]string {
	t.Helper()
	where := map[string]string{}
	o, err := object.Parse(lib.Object())
	require.NoError(t, err)
	for _, s := range capi.Symbols(o) {
		where[s.Name] = "data"
	}
	for i := range o.Symbols {
		if s := &o.Symbols[i]; s.Defined() && !s.Local() {
			where[s.Name] = "kernel/lib"
		}
	}
	for _, a := range capi.Areas() {
		for _, f := range a.Funcs {
			where[f.Name] = a.Name
			if f.GPL {
				where[f.Name] += ", GPL"
			}
		}
	}
	return where
}

// API.md lists what a module can call: go test ./kernel/ko/capi -run TestAPIDoc -update
func TestAPIDoc(t *testing.T) {
	by, where := headers(t), whose(t)
	var b strings.Builder
	n, missing := 0, []string(nil)
	for _, h := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(&b, "\n## %s\n\n", h)
		for _, name := range by[h] {
			if where[name] == "" {
				missing = append(missing, name)
				continue
			}
			n++
			fmt.Fprintf(&b, "- `%s` (%s)\n", name, where[name])
		}
	}
	head := fmt.Sprintf("# What a module can call\n\nGenerated (`go generate ./kernel/ko/capi`): the %d functions and variables that the headers declare and the "+
		"kernel has, by header. In brackets the area of `kernel/ko/capi` that has it, written in Go, or `kernel/lib`, written in C. Inline functions and macros are in the headers "+
		"themselves (`kernel/include`).\n", n)
	slices.Sort(missing)
	tail := "\n## Declared, and not there yet\n\n" + strings.Join(missing, ", ") + ".\n"
	want := head + b.String() + tail
	if *update {
		require.NoError(t, os.WriteFile("API.md", []byte(want), 0o644))
	}
	have, err := os.ReadFile("API.md")
	require.NoError(t, err)
	require.Equal(t, want, string(have), "run go generate ./kernel/ko/capi")
}

// An area's files are named after it, and its functions are bound once.
func TestAreas(t *testing.T) {
	bound := map[string]string{}
	for _, a := range capi.Areas() {
		_, err := os.Stat(a.Name + ".go")
		require.NoError(t, err, "area %s has no file of its name", a.Name)
		require.NotEmpty(t, a.Funcs, a.Name)
		for _, f := range a.Funcs {
			require.Empty(t, bound[f.Name], "%s is bound twice", f.Name)
			bound[f.Name] = a.Name
		}
	}
}
