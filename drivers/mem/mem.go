// Package mem is the driver of major 1, the memory devices: null, zero, full, random, urandom and
// kmsg, with Linux's minors, permission bits and errors. (mem, kmem and port reach for memory that
// a simulated machine does not have; nobody drives them here.)
//
// References:
//   - [mem] Linux drivers/char/mem.c, devlist
//   - [random] Linux drivers/char/random.c
//   - [dev-kmsg] Linux Documentation/ABI/testing/dev-kmsg
package mem

import (
	"crypto/rand"
	"maps"
	"slices"

	"github.com/kobench/kobench/kernel"
)

// Major is the major number of the memory devices.
const Major = 1

// New builds the module.
func New() *kernel.Module {
	return &kernel.Module{
		Name:        "mem",
		License:     "GPL",
		Description: "memory devices: null, zero, full, random, urandom, kmsg",
		Aliases:     []string{"char-major-1-*"},
		Init:        initModule,
	}
}

// A family is the devices of one major, by minor.
type family map[uint32]device

// devlist is the family: one row a minor ([mem] devlist).
func devlist() family {
	return family{
		3:  {"null", 0o666, &kernel.FileOperations{Read: readNull, Write: writeNull, Llseek: seekNull}},
		5:  {"zero", 0o666, &kernel.FileOperations{Read: readZero, Write: writeNull, Llseek: seekNull}},
		7:  {"full", 0o666, &kernel.FileOperations{Read: readZero, Write: writeFull, Llseek: seekNull}},
		8:  {"random", 0o666, &kernel.FileOperations{Read: readRandom, Write: writeRandom, Ioctl: ioctlRandom, Llseek: seekNone}},
		9:  {"urandom", 0o666, &kernel.FileOperations{Read: readRandom, Write: writeRandom, Ioctl: ioctlRandom, Llseek: seekNone}},
		11: {"kmsg", 0o644, kmsgOps()},
	}
}

type device struct {
	name string
	mode uint32
	ops  *kernel.FileOperations
}

func initModule(env *kernel.Env) error {
	devs := devlist()
	for _, d := range devs {
		d.ops.Owner = env.Module()
	}
	if _, err := env.RegisterChrdev(Major, "mem", &kernel.FileOperations{Open: devs.open, Llseek: seekNone}); err != nil {
		return err
	}
	class := env.Class("mem")
	for _, minor := range slices.Sorted(maps.Keys(devs)) {
		d := devs[minor]
		if _, err := env.DeviceCreate(class, kernel.DeviceInfo{Name: d.name, Dev: kernel.MkDev(Major, minor), Mode: d.mode}); err != nil {
			return err
		}
	}
	return nil
}

// open finds the minor's own operations: the table of the major has no others ([mem] memory_open).
func (devs family) open(t *kernel.Task, f *kernel.File) error {
	d, ok := devs[f.Minor()]
	if !ok {
		return kernel.ENXIO
	}
	if err := f.ReplaceOps(d.ops); err != nil {
		return err
	}
	if d.ops.Open != nil {
		return d.ops.Open(t, f)
	}
	return nil
}

func readNull(*kernel.Task, *kernel.File, []byte) (int, error) { return 0, nil }

func writeNull(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) { return len(p), nil }

func readZero(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func writeFull(*kernel.Task, *kernel.File, []byte) (int, error) { return 0, kernel.ENOSPC }

// seekNull leaves the position at 0 wherever one wants to go ([mem] null_lseek).
func seekNull(_ *kernel.Task, f *kernel.File, _ int64, _ int) (int64, error) {
	f.SetPos(0)
	return 0, nil
}

// seekNone succeeds and does nothing (noop_llseek).
func seekNone(_ *kernel.Task, f *kernel.File, _ int64, _ int) (int64, error) { return f.Pos(), nil }

func readRandom(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	_, _ = rand.Read(p) // never fails
	return len(p), nil
}

// writeRandom takes what is written as entropy, of which the host has enough.
func writeRandom(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) { return len(p), nil }

// rndGetEntCnt is RNDGETENTCNT, _IOR('R', 0, int): the bits of entropy in the pool.
const rndGetEntCnt = 0x80045200

func ioctlRandom(_ *kernel.Task, _ *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
	if cmd != rndGetEntCnt {
		return 0, kernel.EINVAL
	}
	if len(arg.Buf) < 4 {
		return 0, kernel.EFAULT
	}
	arg.Buf[0], arg.Buf[1], arg.Buf[2], arg.Buf[3] = 0, 1, 0, 0 // 256, little-endian
	return 0, nil
}
