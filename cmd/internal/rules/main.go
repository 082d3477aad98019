package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	os.Exit(run(os.DirFS(dir), os.Stdout))
}

// run checks the module in root and returns the exit status: 1 when a rule is broken, 2 when the
// tree cannot be read.
func run(root fs.FS, out io.Writer) int {
	tree, err := load(root)
	if err != nil {
		fmt.Fprintf(out, "rules: %v\n", err)
		return 2
	}
	var broken, warned int
	for _, check := range []func(*module) []finding{imports, core, state, locks, size, places, words} {
		for _, f := range check(tree) {
			if f.warning {
				warned++
				fmt.Fprintf(out, "%s: warning: %s\n", f.at, f.text)
				continue
			}
			broken++
			fmt.Fprintf(out, "%s: %s\n", f.at, f.text)
		}
	}
	fmt.Fprintf(out, "   %d packages, %d files: %d broken rules, %d warnings\n", len(tree.packages), len(tree.files), broken, warned)
	if broken > 0 {
		return 1
	}
	return 0
}
