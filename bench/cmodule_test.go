package bench_test

import (
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/stretchr/testify/require"
)

func bootKO(b *testing.B) *kernel.Kernel {
	cache := ko.NewCache()
	b.Cleanup(func() { _ = cache.Close() })
	return kerneltest.Boot(b, kerneltest.WithFormat(ko.New(ko.Config{Cache: cache})))
}

// BenchmarkDispatchC is BenchmarkDispatch's read through a driver in C.
func BenchmarkDispatchC(b *testing.B) {
	k := bootKO(b)
	t := k.Init()
	require.NoError(b, t.InitModule(fixtures.MustModule("chrb"), "", 0))
	defer func() { require.NoError(b, t.DeleteModule("chrb", 0)) }()
	fd, err := t.Open("/dev/chrb", kernel.O_RDWR)
	require.NoError(b, err)
	defer t.Close(fd)
	p := make([]byte, 1)
	b.Run("fd/read/1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = t.Read(fd, p)
		}
	})
	b.Run("fd/ioctl", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = t.Ioctl(fd, 0x6b01, kernel.Arg{Val: 41})
		}
	})
	b.Run("fd/open+close", func(b *testing.B) {
		for b.Loop() {
			n, _ := t.Open("/dev/chrb", kernel.O_RDWR)
			_ = t.Close(n)
		}
	})
}

// BenchmarkModule is insmod and rmmod of the hello module: the same bytes again, and the first time in a fresh kernel.
func BenchmarkModule(b *testing.B) {
	image := fixtures.MustModule("hello")
	b.Run("insmod+rmmod/again", func(b *testing.B) {
		k := bootKO(b)
		t := k.Init()
		for b.Loop() {
			if err := t.InitModule(image, "", 0); err != nil {
				b.Fatal(err)
			}
			if err := t.DeleteModule("hello", 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("insmod+rmmod/first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			cache := ko.NewCache()
			k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{ko.New(ko.Config{Cache: cache})}})
			t := k.Init()
			require.NoError(b, t.InitModule(fixtures.MustModule("noexit"), "", 0)) // the machine itself is there
			b.StartTimer()
			if err := t.InitModule(image, "", 0); err != nil {
				b.Fatal(err)
			}
			if err := t.DeleteModule("hello", 0); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = k.Shutdown()
			_ = cache.Close()
			b.StartTimer()
		}
	})
}
