package bench

import (
	"fmt"
	"testing"

	"github.com/kobench/kobench/bench/traditional"
	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
)

// The ioctl commands that the drivers are asked; both only compute.
const (
	rndGetEntCnt = 0x80045200 // RNDGETENTCNT of /dev/urandom, which the host has as well
	chrbAddOne   = 0x6b01     // CHRB_ADD_ONE of the C module
)

// driver is what the dispatch cases call: for each operation a device whose driver has it.
type driver struct {
	name            string
	boot            func() (*kernel.Kernel, func() error, error)
	file            string // read, write, lseek, open
	pollable, ioctl string
	cmd             uint32
}

func drivers() []driver {
	return []driver{
		{name: "go", boot: bootGo, file: "/dev/zero", pollable: "/dev/loop0", ioctl: "/dev/urandom", cmd: rndGetEntCnt},
		{name: "c", boot: bootC, file: "/dev/chrb", pollable: "/dev/chrb", ioctl: "/dev/chrb", cmd: chrbAddOne},
	}
}

// bootGo starts a kernel with the memory devices and a loop-back device of 1 MiB.
func bootGo() (*kernel.Kernel, func() error, error) {
	k := kernel.Boot(kernel.Config{})
	err := k.Init().LoadModule(mem.New(), "")
	if err == nil {
		err = k.Init().LoadModule(loopback.New(), "devices=2 size=1048576")
	}
	if err != nil {
		_ = k.Shutdown()
		return nil, nil, fmt.Errorf("bench: load the drivers in Go: %w", err)
	}
	return k, k.Shutdown, nil
}

// bootKO starts a kernel that can load module files.
func bootKO() (*kernel.Kernel, func() error) {
	cache := ko.NewCache()
	k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{ko.New(ko.Config{Cache: cache})}})
	return k, func() (err error) {
		defer closing(&err, cache.Close)
		return k.Shutdown()
	}
}

// bootC starts a kernel with the C module chrb.
func bootC() (*kernel.Kernel, func() error, error) {
	k, shutdown := bootKO()
	if err := k.Init().InitModule(fixtures.MustModule("chrb"), "", 0); err != nil {
		_ = shutdown()
		return nil, nil, fmt.Errorf("bench: load chrb.ko: %w", err)
	}
	return k, shutdown, nil
}

// dispatch compares the ways in which a call gets to a driver.
func dispatch() []Case {
	cases := []Case{{"Dispatch/indirect/read/1", indirectRead}}
	for _, tk := range traditional.Kernels() {
		cases = append(cases, Case{fmt.Sprintf("Dispatch/switch/%d/read/1", tk.Drivers), func(b *testing.B) error {
			major, p := uint32(tk.Drivers/2&^3+1), make([]byte, 1) // a zero device in the middle
			for b.Loop() {
				if _, err := tk.Read(major, p); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	cases = append(cases, Case{"Dispatch/table/read/1", tableRead})
	for _, d := range drivers() {
		add := func(name string, run func(b *testing.B, k *kernel.Kernel, d driver) error) {
			cases = append(cases, Case{"Dispatch/" + d.name + "/" + name, func(b *testing.B) (err error) {
				k, shutdown, err := d.boot()
				if err != nil {
					return err
				}
				defer closing(&err, shutdown)
				return run(b, k, d)
			}})
		}
		add("file/read/1", fileRead)
		add("read/1", taskRead)
		add("file/write/1", fileWrite)
		add("write/1", taskWrite)
		add("ioctl", taskIoctl)
		add("poll", taskPoll)
		add("lseek", taskLseek)
		add("open+close", openClose)
	}
	return cases
}

// indirectRead is the floor: the driver's function through a variable.
func indirectRead(b *testing.B) (err error) {
	k, shutdown, err := bootGo()
	if err != nil {
		return err
	}
	defer closing(&err, shutdown)
	h, err := k.Init().OpenFile("/dev/zero", kernel.O_RDWR)
	if err != nil {
		return err
	}
	defer closing(&err, h.Close)
	read, t, f, p := h.Ops().Read, k.Init(), h.File, make([]byte, 1)
	for b.Loop() {
		if _, err := read(t, f, p); err != nil {
			return err
		}
	}
	return nil
}

// tableRead is dispatch by major as the handout draws it, with nothing around: an array, an entry,
// a call.
func tableRead(b *testing.B) (err error) {
	k, shutdown, err := bootGo()
	if err != nil {
		return err
	}
	defer closing(&err, shutdown)
	h, err := k.Init().OpenFile("/dev/zero", kernel.O_RDWR)
	if err != nil {
		return err
	}
	defer closing(&err, h.Close)
	var table [kernel.MajorMax]*kernel.FileOperations
	table[mem.Major] = h.Ops()
	t, f, p, major := k.Init(), h.File, make([]byte, 1), h.Dev().Major()
	for b.Loop() {
		if err := lookUpAndRead(&table, major, t, f, p); err != nil {
			return err
		}
	}
	return nil
}

// lookUpAndRead is kept out of line so that the look-up happens at every call.
//
//go:noinline
func lookUpAndRead(table *[kernel.MajorMax]*kernel.FileOperations, major uint32, t *kernel.Task, f *kernel.File, p []byte) error {
	if major >= kernel.MajorMax || table[major] == nil {
		return kernel.ENXIO
	}
	_, err := table[major].Read(t, f, p)
	return err
}

func fileRead(b *testing.B, k *kernel.Kernel, d driver) (err error) {
	h, err := k.Init().OpenFile(d.file, kernel.O_RDWR)
	if err != nil {
		return err
	}
	defer closing(&err, h.Close)
	p := make([]byte, 1)
	for b.Loop() {
		if _, err := h.Read(p); err != nil {
			return err
		}
	}
	return nil
}

func fileWrite(b *testing.B, k *kernel.Kernel, d driver) (err error) {
	h, err := k.Init().OpenFile(d.file, kernel.O_RDWR)
	if err != nil {
		return err
	}
	defer closing(&err, h.Close)
	p := make([]byte, 1)
	for b.Loop() {
		if _, err := h.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// opened runs f with a descriptor.
func opened(t *kernel.Task, path string, f func(fd int) error) (err error) {
	fd, err := t.Open(path, kernel.O_RDWR)
	if err != nil {
		return fmt.Errorf("bench: open %s: %w", path, err)
	}
	defer closing(&err, func() error { return t.Close(fd) })
	return f(fd)
}

func taskRead(b *testing.B, k *kernel.Kernel, d driver) error {
	t, p := k.Init(), make([]byte, 1)
	return opened(t, d.file, func(fd int) error {
		for b.Loop() {
			if _, err := t.Read(fd, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func taskWrite(b *testing.B, k *kernel.Kernel, d driver) error {
	t, p := k.Init(), make([]byte, 1)
	return opened(t, d.file, func(fd int) error {
		for b.Loop() {
			if _, err := t.Write(fd, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func taskIoctl(b *testing.B, k *kernel.Kernel, d driver) error {
	t, arg := k.Init(), kernel.Arg{Buf: make([]byte, 4)}
	return opened(t, d.ioctl, func(fd int) error {
		for b.Loop() {
			if _, err := t.Ioctl(fd, d.cmd, arg); err != nil {
				return err
			}
		}
		return nil
	})
}

// taskPoll asks one device that is ready, without a wait.
func taskPoll(b *testing.B, k *kernel.Kernel, d driver) error {
	t, fds := k.Init(), make([]kernel.PollFD, 1)
	return opened(t, d.pollable, func(fd int) error {
		fds[0] = kernel.PollFD{FD: fd, Events: kernel.PollOut}
		for b.Loop() {
			if n, err := t.Poll(fds, 0); n != 1 || err != nil {
				return fmt.Errorf("bench: poll %s: %d files are ready, want 1 (%v)", d.pollable, n, err)
			}
		}
		return nil
	})
}

func taskLseek(b *testing.B, k *kernel.Kernel, d driver) error {
	t := k.Init()
	return opened(t, d.file, func(fd int) error {
		for b.Loop() {
			if _, err := t.Lseek(fd, 0, kernel.SEEK_SET); err != nil {
				return err
			}
		}
		return nil
	})
}

func openClose(b *testing.B, k *kernel.Kernel, d driver) error {
	t := k.Init()
	for b.Loop() {
		fd, err := t.Open(d.file, kernel.O_RDWR)
		if err != nil {
			return err
		}
		if err := t.Close(fd); err != nil {
			return err
		}
	}
	return nil
}
