package modtools_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

// depmodSays runs our depmod on a tree whose modules need others, "b: a c", and gives what it
// complains of.
func depmodSays(t *testing.T, needs ...string) (root, said string) {
	t.Helper()
	root = t.TempDir()
	tree := map[string]kmodtest.Module{}
	for _, line := range needs {
		name, rest, _ := strings.Cut(line, ":")
		m := kmodtest.Module{Name: "mod_loop_" + name, Exports: []string{"print_" + name}}
		for _, n := range strings.Fields(rest) {
			m.Needs = append(m.Needs, "print_"+n)
		}
		tree["kernel/mod-loop-"+name+".ko"] = m
	}
	kmodtest.WriteTree(t, filepath.Join(root, "lib/modules/4.4.4"), tree)
	for _, list := range []string{"modules.order", "modules.builtin"} {
		kmodtest.WriteFile(t, filepath.Join(root, "lib/modules/4.4.4", list), nil)
	}
	var out, errs bytes.Buffer
	tool, _ := modtools.ByName("depmod")
	tool.Run(&modtools.Env{Argv0: "depmod", Stdout: &out, Stderr: &errs, System: kmodtest.Host{}}, []string{"-b", root, "4.4.4"})
	return root, errs.String()
}

// depmod of kmod 30 says the same of the same tree: cycles that share modules, several of them,
// modules beside.
func TestCyclesLikeKmod(t *testing.T) {
	depmod := realTool(t, "depmod")
	compare := func(t *testing.T, needs ...string) {
		t.Helper()
		root, ours := depmodSays(t, needs...)
		var errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), depmod, "-b", root, "4.4.4")
		cmd.Args[0], cmd.Stderr = "depmod", &errs
		_ = cmd.Run()
		require.Equal(t, errs.String(), ours, "%s", strings.Join(needs, "\n"))
	}
	compare(t, "a: b", "b: c", "c: a", "d: e", "e: d", "f: g", "g: f", "h: i", "i: j k", "j: h", "k: j")
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		graph := make([][]int, 2+r.IntN(10))
		for i := range graph {
			for range r.IntN(3) {
				if to := r.IntN(len(graph)); to != i && !slices.Contains(graph[i], to) {
					graph[i] = append(graph[i], to)
				}
			}
		}
		if !ends(graph) {
			continue
		}
		var needs []string
		for i, to := range graph {
			line := fmt.Sprintf("%c:", 'a'+i)
			for _, n := range to {
				line += fmt.Sprintf(" %c", 'a'+n)
			}
			needs = append(needs, line)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { compare(t, needs...) })
	}
}

// ends reports whether there is a cycle, and kmod 30 comes to an end over them: no way from one
// module leads into a cycle without it.
func ends(graph [][]int) bool {
	cyclic := false
	for root := range graph {
		state := make([]int, len(graph)) // 1: on the way, 2: done
		var walk func(at int) bool
		walk = func(at int) bool {
			state[at] = 1
			for _, to := range graph[at] {
				if to == root {
					cyclic = true
				} else if state[to] == 1 || state[to] == 0 && !walk(to) {
					return false
				}
			}
			state[at] = 2
			return true
		}
		if !walk(root) {
			return false
		}
	}
	return cyclic
}
