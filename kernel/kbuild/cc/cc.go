// Package cc finds the C toolchain that modules are built with and names the flags of the module
// ABI.
//
// One list of flags serves the Makefile of the kernel build directory, the offsets generator, the
// prebuilt fixtures and the C part of the kernel itself, so that all of them agree on layouts.
//
// References:
//   - [clang] Clang command line reference (--target=wasm64-unknown-unknown)
//   - [Kbuild] Documentation/kbuild/kbuild.rst (CC, LD)
package cc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing says that a tool of the C toolchain is not installed.
var ErrMissing = errors.New("install clang and lld (Debian, Ubuntu: apt-get install clang lld), or set CC and LD")

// Flags is the module ABI: target and language. They come before everything else on the command
// line.
func Flags() []string {
	return []string{
		"--target=wasm64-unknown-unknown", "-std=gnu11", "-O2",
		"-nostdinc", "-ffreestanding", "-fno-builtin", "-fno-common", "-fvisibility=hidden",
		"-mmutable-globals", "-msign-ext", "-mbulk-memory",
		"-fno-delete-null-pointer-checks",
		"-fno-strict-aliasing", "-fwrapv", "-fno-ident",
	}
}

// Warnings is what a module's author is told, as Linux 6.1 tells it.
func Warnings() []string {
	return []string{
		"-Wall", "-Wundef", "-Wno-gnu", "-Wno-pointer-sign", "-Wno-unused-const-variable",
		"-Wno-initializer-overrides", "-Wno-address-of-packed-member", "-Wno-format-security",
		"-Wno-sign-compare", "-Wno-unused-command-line-argument", "-Wno-trigraphs",
		"-Wno-unused-but-set-variable", "-Wno-unknown-warning-option",
		"-Werror=implicit-function-declaration", "-Werror=implicit-int", "-Werror=return-type",
		"-Werror=strict-prototypes",
	}
}

// Defines is what Kbuild defines for a module's source; -DKBUILD_MODNAME and -DKBUILD_BASENAME come
// on top.
func Defines() []string {
	return []string{
		"-D__KERNEL__", "-DMODULE",
		"-include", "linux/kconfig.h", "-include", "linux/compiler_types.h",
	}
}

// Toolchain is a compiler and a linker, each a command with leading arguments.
type Toolchain struct {
	CC []string
	LD []string
}

// Find looks for the toolchain: $CC and $LD when lookup gives them, else clang and wasm-ld, else
// clang-20 down to clang-14 with the linker of the same number. lookup is os.LookupEnv in programs.
//
// Errors:
//   - ErrMissing: there is none; the text says which tool was looked for.
func Find(lookup func(string) (string, bool)) (Toolchain, error) {
	ccs, err := find(lookup, "CC", "clang")
	if err != nil {
		return Toolchain{}, err
	}
	ld, err := find(lookup, "LD", "wasm-ld")
	if err != nil {
		return Toolchain{}, err
	}
	return Toolchain{CC: ccs, LD: ld}, nil
}

func find(lookup func(string) (string, bool), env, tool string) ([]string, error) {
	if v, ok := lookup(env); ok && strings.TrimSpace(v) != "" {
		words := strings.Fields(v)
		if _, err := exec.LookPath(words[0]); err != nil {
			return nil, fmt.Errorf("%s=%s: no such program; %w", env, v, ErrMissing)
		}
		return words, nil
	}
	for _, name := range Names(tool) {
		if _, err := exec.LookPath(name); err == nil {
			return []string{name}, nil
		}
	}
	return nil, fmt.Errorf("%s not found; %w", tool, ErrMissing)
}

// Names lists the names under which distributions install a tool of LLVM, the plain one first.
func Names(tool string) []string {
	names := []string{tool}
	for v := 20; v >= 14; v-- {
		names = append(names, fmt.Sprintf("%s-%d", tool, v))
	}
	return names
}

// Version is the compiler's major version, 14 for instance.
func (t Toolchain) Version() (int, error) {
	out, err := exec.Command(t.CC[0], append(t.CC[1:], "-dumpversion")...).Output()
	if err != nil {
		return 0, fmt.Errorf("%s -dumpversion: %w", t.CC[0], err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "%d", &major); err != nil {
		return 0, fmt.Errorf("%s -dumpversion said %q: %w", t.CC[0], out, err)
	}
	return major, nil
}

// Compile compiles one C file against headers (a tree with linux/, asm/, uapi/) and returns the
// object. name is what __FILE__ and diagnostics say; extra flags come last. It writes to a
// temporary folder and removes it.
//
// Errors:
//   - the compiler's diagnostics, when it refuses the source.
func (t Toolchain) Compile(headers fs.FS, name string, src []byte, extra ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "kobench-cc-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(filepath.Join(dir, "include"), headers); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, src, 0o644); err != nil {
		return nil, err
	}
	args := append([]string{}, t.CC[1:]...)
	args = append(args, Flags()...)
	args = append(args, "-Iinclude", "-Iinclude/uapi", "-D__KERNEL__",
		"-include", "linux/kconfig.h", "-include", "linux/compiler_types.h")
	args = append(args, extra...)
	args = append(args, "-c", name, "-o", "out.o")
	cmd := exec.Command(t.CC[0], args...)
	cmd.Dir = dir
	var diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &diag, &diag
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, diag.Bytes())
	}
	return os.ReadFile(filepath.Join(dir, "out.o"))
}
