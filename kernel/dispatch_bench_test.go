package kernel_test

import (
	"testing"

	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func bootMem(tb testing.TB) *kernel.Kernel {
	k := kerneltest.Boot(tb)
	kerneltest.Load(tb, k, mem.New(), "")
	return k
}

func BenchmarkRead(b *testing.B) {
	k := bootMem(b)
	t := k.Init()
	p := make([]byte, 1)
	fd, err := t.Open("/dev/zero", kernel.O_RDONLY)
	require.NoError(b, err)
	defer t.Close(fd)
	h, err := t.OpenFile("/dev/zero", kernel.O_RDONLY)
	require.NoError(b, err)
	defer h.Close()
	b.Run("indirect", func(b *testing.B) {
		fn := h.Ops().Read
		for b.Loop() {
			_, _ = fn(t, h.File, p)
		}
	})
	b.Run("handle", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = h.Read(p)
		}
	})
	b.Run("fd", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = t.Read(fd, p)
		}
	})
}

func BenchmarkOpenClose(b *testing.B) {
	k := bootMem(b)
	t := k.Init()
	b.ReportAllocs()
	for b.Loop() {
		fd, err := t.Open("/dev/null", kernel.O_RDWR)
		if err != nil {
			b.Fatal(err)
		}
		_ = t.Close(fd)
	}
}

func BenchmarkRegisterChrdev(b *testing.B) {
	k := kerneltest.Boot(b)
	ops := &kernel.FileOperations{}
	b.ReportAllocs()
	for b.Loop() {
		m, err := k.RegisterChrdev(0, "pair", ops)
		if err != nil {
			b.Fatal(err)
		}
		k.UnregisterChrdev(m, "pair")
	}
}

func BenchmarkBoot(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		k := kernel.Boot(kernel.Config{})
		_ = k.Shutdown()
	}
}

func TestReadPathAllocatesNothing(t *testing.T) {
	k := bootMem(t)
	task := k.Init()
	fd, err := task.Open("/dev/zero", kernel.O_RDWR)
	require.NoError(t, err)
	defer task.Close(fd)
	p := make([]byte, 64)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_, _ = task.Read(fd, p)
		_, _ = task.Write(fd, p)
		_, _ = task.Lseek(fd, 0, kernel.SEEK_SET)
	}))
}
