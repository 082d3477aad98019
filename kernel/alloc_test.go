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

func BenchmarkBoot(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		k := kernel.Boot(kernel.Config{})
		_ = k.Shutdown()
	}
}
