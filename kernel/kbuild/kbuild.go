// Package kbuild is the kernel build directory: what `make -C $(kobench kdir) M=$PWD modules` runs
// in.
//
// Extract writes Makefile, scripts, headers and the kernel's export list below the user's cache
// folder. The makefiles speak Kbuild's language (obj-m, foo-objs, ccflags-y, KBUILD_EXTRA_SYMBOLS,
// V=1, …) and print its messages; modpost, the step that checks symbols and writes foo.mod.c, is
// package modpost, called back through the kobench binary.
//
// References:
//   - [Kbuild] Linux 6.1, Documentation/kbuild/modules.rst, makefiles.rst
//   - [modpost] Linux 6.1, scripts/Makefile.build, scripts/Makefile.modpost,
//     scripts/Makefile.modfinal
package kbuild

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/kobench/kobench/kernel/include"
	"github.com/kobench/kobench/kernel/kbuild/cc"
	"github.com/kobench/kobench/kernel/uapi"
)

// Release is what uname -r says in the simulated kernel, and the name of its module folder.
const Release = uapi.Release

// Vermagic is the string that a module must carry to be loaded.
const Vermagic = uapi.Vermagic

//go:embed template
var templates embed.FS

// Config says what is written into a build directory.
type Config struct {
	// Kobench is the command that the makefiles call for modpost and depmod; "" is this program.
	Kobench string
	// Exports lists what the kernel supplies; nil is HeaderExports.
	Exports func() []Symbol
	// Cache is the folder to write below; "" is kobench in the user's cache folder.
	Cache string
}

// Extract makes sure that the build directory exists and is whole, below dir ("" is the user's
// cache folder), and returns its path. It is Config{Cache: dir}.Extract.
func Extract(dir string) (string, error) { return Config{Cache: dir}.Extract() }

// Extract makes sure that the build directory exists and is whole, and returns its path. The path
// contains a hash of everything in it, so that different kobench versions do not disturb each
// other. A damaged directory is repaired file by file. Several processes may run it at once.
//
// Errors:
//   - the cache folder cannot be found ($HOME unset) or written.
func (c Config) Extract() (string, error) {
	files, err := c.files()
	if err != nil {
		return "", err
	}
	root := c.Cache
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("kernel build directory: no cache folder (%w); set HOME or XDG_CACHE_HOME", err)
		}
		root = filepath.Join(user, "kobench")
	}
	names := make([]string, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	sort.Strings(names)
	sum := sha256.New()
	for _, n := range names {
		fmt.Fprintf(sum, "%s %d\n", n, len(files[n]))
		sum.Write(files[n])
	}
	dir := filepath.Join(root, "kdir-"+Release+"-"+hex.EncodeToString(sum.Sum(nil))[:16])
	for _, n := range names {
		if err := ensure(filepath.Join(dir, filepath.FromSlash(n)), files[n]); err != nil {
			return "", fmt.Errorf("kernel build directory: %w", err)
		}
	}
	return dir, nil
}

// ensure makes path hold data. It writes to a temporary name and renames, so that a reader sees the
// old or the new file, never half of one.
func ensure(path string, data []byte) error {
	have, err := os.ReadFile(path)
	if err == nil && bytes.Equal(have, data) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// A folder or an unreadable thing where a file belongs.
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// files is the whole directory: path below it, contents.
func (c Config) files() (map[string][]byte, error) {
	kobench := c.Kobench
	if kobench == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("kernel build directory: %w", err)
		}
		kobench = exe
	}
	exports := c.Exports
	if exports == nil {
		exports = HeaderExports
	}
	files := map[string][]byte{
		"Module.symvers":                symvers(exports()),
		"include/config/kernel.release": []byte(Release + "\n"),
		"include/config/auto.conf":      []byte("CONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\n"),
		".config":                       []byte("CONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\n"),
		"scripts/settings.mk":           settings(kobench),
	}
	maps.Copy(files, scopeHeaders())
	if err := collect(files, templates, "template", ""); err != nil {
		return nil, err
	}
	if err := collect(files, include.FS, ".", "include"); err != nil {
		return nil, err
	}
	return files, nil
}

func collect(files map[string][]byte, tree fs.FS, from, to string) error {
	return fs.WalkDir(tree, from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, p)
		rel := strings.TrimPrefix(p, from+"/")
		if from == "." {
			rel = p
		}
		if to != "" {
			rel = to + "/" + rel
		}
		files[rel] = data
		return err
	})
}

// settings is what the makefiles take from Go: one list of flags for all.
func settings(kobench string) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by kobench kdir.\n")
	fmt.Fprintf(&b, "KERNELRELEASE := %s\n", Release)
	fmt.Fprintf(&b, "KOBENCH ?= %s\n", strings.ReplaceAll(kobench, "$", "$$"))
	fmt.Fprintf(&b, "KBUILD_CFLAGS := %s\n", strings.Join(cc.Flags(), " "))
	fmt.Fprintf(&b, "KBUILD_CPPFLAGS := %s\n", strings.Join(cc.Defines(), " "))
	fmt.Fprintf(&b, "KBUILD_WARNINGS := %s\n", strings.Join(cc.Warnings(), " "))
	return b.Bytes()
}
