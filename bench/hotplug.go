package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/catalog"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/local"
	"github.com/kobench/kobench/kernel/ko"
)

// hotplug measures the whole chain of a USB serial adapter that is plugged in: enumeration, the
// uevent with MODALIAS, modprobe's search in modules.alias, two module files loaded, probe,
// /dev/ttyUSB0. modprobe is the library in this process; a kerneld adds two processes' talk.
func hotplug(b *testing.B) (err error) {
	root, err := os.MkdirTemp("", "kobench-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	tree, err := moduleTree(root)
	if err != nil {
		return err
	}
	desk, err := board.Parse("hotplug.yaml", []byte("speed: max\n"))
	if err != nil {
		return err
	}
	cache := ko.NewCache()
	defer cache.Close()
	m := desk.Power(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{ko.New(ko.Config{Cache: cache})}, Catalog: catalog.All()})
	defer func() { err = errors.Join(err, m.Close()) }()
	k := m.Kernel
	k.SetModprobe(func(_ context.Context, alias string) error { return modprobe(k, tree, alias) })
	if err := k.Init().LoadByName("usbcore", ""); err != nil {
		return err
	}
	device := board.USBDevice{Port: "1", Kind: "ftdi", Speed: hw.FullSpeed, Line: board.Loopback{}}
	taken := make(samples, 0, b.N)
	for range b.N {
		start := time.Now()
		if _, err := m.Plug(device); err != nil {
			return err
		}
		m.Settle()
		if _, err := k.Init().Stat("/dev/ttyUSB0"); err != nil {
			return fmt.Errorf("after it was plugged in: %w", err)
		}
		taken = append(taken, time.Since(start))
		if err := m.Unplug("1"); err != nil {
			return err
		}
		m.Settle()
		for _, name := range []string{"ftdi_sio", "usbserial"} {
			if err := k.Init().DeleteModule(name, kernel.O_NONBLOCK); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	taken.report(b)
	return nil
}

// moduleTree writes the files of all drivers and their indexes, and returns the directory of
// modules.dep.
func moduleTree(root string) (string, error) {
	tree := filepath.Join(root, "lib", "modules", kernel.Release)
	if err := os.MkdirAll(filepath.Join(tree, "kernel"), 0o755); err != nil {
		return "", err
	}
	for name, build := range catalog.All() {
		if err := os.WriteFile(filepath.Join(tree, "kernel", name+".ko"), ko.Stub(build()), 0o644); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		if err := os.WriteFile(filepath.Join(tree, name), nil, 0o644); err != nil {
			return "", err
		}
	}
	d := kmod.NewDepmod(tree, kmod.DepmodOptions{})
	if err := d.Search(); err != nil {
		return "", err
	}
	if err := d.Load(); err != nil {
		return "", err
	}
	return tree, d.Write()
}

// modprobe loads what an alias stands for.
func modprobe(k *kernel.Kernel, tree, alias string) error {
	t := k.NewTask(kernel.WithComm("modprobe"))
	defer t.Exit()
	c := kmod.NewContext(tree, nil, local.System{Task: t}, nil)
	found, err := c.Lookup(alias)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return kernel.ENOENT
	}
	for _, m := range found {
		if err := m.Probe(kmod.ProbeOptions{}); err != nil {
			return err
		}
	}
	return nil
}
