// Command gen writes the files that follow from the C headers: kernel/ko/capi/offsets_gen.go
// (layouts that Go must know) and kernel/include/EXPORTS (the functions and variables that the
// kernel supplies, with their WebAssembly signatures). It needs clang.
//
//	go run ./kernel/kbuild/gen          # in the module's root
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kobench/kobench/kernel/kbuild/cc"
	"github.com/kobench/kobench/kernel/kbuild/headers"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	tc, err := cc.Find(os.LookupEnv)
	if err != nil {
		return err
	}
	tree := os.DirFS(filepath.Join(root, "kernel/include"))
	exports, err := headers.Exports(tc, tree)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "kernel/include/EXPORTS"), headers.FormatExports(exports), 0o644); err != nil {
		return err
	}
	offsets, err := headers.Offsets(tc, tree)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "kernel/ko/capi/offsets_gen.go"), offsets, 0o644)
}
