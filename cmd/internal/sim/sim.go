// Package sim puts a simulated machine together for a command: a board, the .ko format, the drivers
// of the catalog, and the directory that stands for its "/": module files, their indexes,
// modprobe's configuration.
package sim

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/cmd/internal/private"
	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/local"
	"github.com/kobench/kobench/kernel/ko"
)

// Options say what to boot.
type Options struct {
	Board string // a name or a path; "" is default
	// the host directory that stands for the machine's "/"; "" makes a temporary one
	Root    string
	Console io.Writer // gets the kernel's log as it is written; nil: nothing does
}

// Sim is a running machine.
type Sim struct {
	*board.Machine
	Root string

	clean func() // removes Root if it is temporary
	cache *ko.Cache
	once  sync.Once
	err   error
}

// Start boots the machine and loads its board's modules, as an init script would, with modprobe.
//
// Errors: those of the board; a module that cannot be loaded, with what modprobe said.
func Start(o Options) (*Sim, error) {
	if o.Board == "" {
		o.Board = "default"
	}
	b, err := board.Load(o.Board)
	if err != nil {
		return nil, err
	}
	s := &Sim{Root: o.Root, cache: ko.NewCache(), clean: func() {}}
	if s.Root == "" {
		if s.Root, s.clean, err = private.TempDir("", "kobench-root"); err != nil {
			return nil, err
		}
	}
	if err := WriteRoot(s.Root); err != nil {
		s.clean()
		return nil, fmt.Errorf("the machine's root directory %s: %w", s.Root, err)
	}
	s.Machine = b.Power(kernel.Config{
		Formats: []func(*kernel.Kernel) kernel.Format{ko.New(ko.Config{Cache: s.cache})},
		Catalog: catalog.All(), Console: o.Console, Cmdline: strings.TrimSpace("board=" + b.Name + " " + b.Cmdline),
	})
	// what the boot finds, as an initial RAM disk's udev does; from then on it is kerneld's matter
	s.AutoModprobe()
	for _, m := range b.Modules {
		if err := s.Modprobe(m.Name, m.Params); err != nil {
			err = fmt.Errorf("board %s: %w", b.Name, err)
			s.Discard()
			_ = s.Close()
			return nil, err
		}
	}
	s.Settle()
	s.Kernel.SetModprobe(nil)
	return s, nil
}

// Modprobe loads a module of the machine's root by name, with what it depends on.
//
// Errors: what modprobe printed.
func (s *Sim) Modprobe(name, params string) error {
	var said safeBuffer
	// the kernel asks for modules in tasks of its own
	t := s.Kernel.NewTask(kernel.WithComm("modprobe"))
	defer t.Exit()
	env := &modtools.Env{Argv0: "modprobe", Stdout: &said, Stderr: &said, System: local.System{Task: t}, Root: s.Root, Release: kernel.Release}
	args := []string{name}
	if params != "" {
		args = append(args, params)
	}
	if modtools.Modprobe(env, args) != 0 {
		return fmt.Errorf("%s", said.text())
	}
	return nil
}

// AutoModprobe answers the kernel's requests for modules inside of this program, for machines
// without a kerneld.
func (s *Sim) AutoModprobe() {
	s.Kernel.SetModprobe(func(_ context.Context, name string) error {
		if s.Modprobe(name, "") != nil {
			return kernel.ENOENT
		}
		return nil
	})
}

// Close ends the machine. A second call gives the first one's error. Errors: what was stuck.
func (s *Sim) Close() error {
	s.once.Do(func() {
		s.err = s.Machine.Close()
		if err := s.cache.Close(); err != nil && s.err == nil {
			s.err = err
		}
		s.clean()
	})
	return s.err
}

// WriteRoot fills a root directory: a .ko file for every driver of the catalog, the C modules that
// come with the program, and their indexes. Files of the user's own stay; what the program brought
// is written anew.
//
// Errors: those of the file system.
func WriteRoot(root string) error {
	tree := filepath.Join(root, "lib", "modules", kernel.Release)
	for _, dir := range []string{filepath.Join(tree, "kernel", "drivers"), filepath.Join(tree, "kernel", "samples"), filepath.Join(root, "etc", "modprobe.d")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for name, build := range catalog.All() {
		if err := os.WriteFile(filepath.Join(tree, "kernel", "drivers", name+".ko"), ko.Stub(build()), 0o644); err != nil {
			return err
		}
	}
	for _, name := range []string{"pipe", "evdev"} { // samples in C
		image, err := fixtures.Module(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tree, "kernel", "samples", name+".ko"), image, 0o644); err != nil {
			return err
		}
	}
	for _, name := range []string{"modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		f, err := os.OpenFile(filepath.Join(tree, name), os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		f.Close()
	}
	d := kmod.NewDepmod(tree, kmod.DepmodOptions{})
	if err := d.Search(); err != nil {
		return err
	}
	if err := d.Load(); err != nil {
		return err
	}
	return d.Write()
}
