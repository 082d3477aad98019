package bench_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkHost makes the same calls of the kernel that the program runs on.
func BenchmarkHost(b *testing.B) {
	fd, err := unix.Open("/dev/zero", unix.O_RDWR, 0)
	require.NoError(b, err)
	defer unix.Close(fd)
	p := make([]byte, 1)
	b.Run("read/1", func(b *testing.B) {
		for b.Loop() {
			_, _ = unix.Read(fd, p)
		}
	})
	b.Run("write/1", func(b *testing.B) {
		for b.Loop() {
			_, _ = unix.Write(fd, p)
		}
	})
	b.Run("open+close", func(b *testing.B) {
		for b.Loop() {
			n, _ := unix.Open("/dev/zero", unix.O_RDWR, 0)
			_ = unix.Close(n)
		}
	})
}
