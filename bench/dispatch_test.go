package bench_test

import (
	"fmt"
	"testing"

	"github.com/kobench/kobench/bench/traditional"
	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// BenchmarkDispatch compares the ways in which a one-byte read gets to a driver that clears it: a bare indirect call, the
// handout's switch, and the tables of register_chrdev through an open file and through a descriptor.
func BenchmarkDispatch(b *testing.B) {
	k := kerneltest.Boot(b)
	kerneltest.Load(b, k, mem.New(), "")
	t := k.Init()
	p := make([]byte, 1)
	h, err := t.OpenFile("/dev/zero", kernel.O_RDWR)
	require.NoError(b, err)
	defer h.Close()
	fd, err := t.Open("/dev/zero", kernel.O_RDWR)
	require.NoError(b, err)
	defer t.Close(fd)

	b.Run("indirect/read/1", func(b *testing.B) {
		read := h.Ops().Read
		for b.Loop() {
			_, _ = read(t, h.File, p)
		}
	})
	for _, tk := range traditional.Kernels() {
		b.Run(fmt.Sprintf("switch/%d/read/1", tk.Drivers), func(b *testing.B) {
			major := uint32(tk.Drivers/2 + 1) // a zero device
			for b.Loop() {
				_, _ = tk.Read(major, p)
			}
		})
	}
	b.Run("file/read/1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = h.Read(p)
		}
	})
	b.Run("fd/read/1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = t.Read(fd, p)
		}
	})
	b.Run("fd/write/1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = t.Write(fd, p)
		}
	})
	b.Run("fd/open+close", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n, _ := t.Open("/dev/zero", kernel.O_RDWR)
			_ = t.Close(n)
		}
	})
}

// BenchmarkRegister is a register_chrdev of a free major and its unregister_chrdev.
func BenchmarkRegister(b *testing.B) {
	k := kerneltest.Boot(b)
	ops := &kernel.FileOperations{}
	b.ReportAllocs()
	for b.Loop() {
		major, err := k.RegisterChrdev(0, "pair", ops)
		if err != nil {
			b.Fatal(err)
		}
		k.UnregisterChrdev(major, "pair")
	}
}
