package ko_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// Modules with a few wrong bytes: refused, or an oops, or nothing; the kernel always comes down in
// order.
func TestCorrupt(t *testing.T) {
	cache := ko.NewCache()
	defer cache.Close()
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"hello", "parm", "chrb", "pipe"}
	for i := range 200 {
		file := append([]byte(nil), fixtures.MustModule(names[i%len(names)])...)
		for range 1 + r.IntN(3) {
			file[r.IntN(len(file))] = byte(r.Uint32())
		}
		if i%10 == 0 {
			file = file[:r.IntN(len(file))]
		}
		k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{
			ko.New(ko.Config{Cache: cache, Machine: machine.Config{MemoryLimit: 4 << 20, Watchdog: 100 * time.Millisecond}})}})
		task := k.NewTask()
		if err := task.InitModule(file, "", 0); err != nil {
			require.NotEmpty(t, err.Error())
		}
		_ = k.Shutdown()
	}
}

func TestSoftLockup(t *testing.T) {
	k := boot(t, ko.Config{Machine: machine.Config{Watchdog: 50 * time.Millisecond}})
	task := k.NewTask(kernel.WithComm("insmod"))
	require.ErrorIs(t, task.InitModule(fixtures.MustModule("oopsloop"), "", 0), kernel.ErrKilled)
	require.Contains(t, strings.Join(logged(k), "\n"), "watchdog: BUG: soft lockup - CPU#0 stuck for ")
	require.True(t, k.Tainted(kernel.TaintSoftlockup))
	require.NoError(t, insmod(t, k, "hello", ""), "the kernel goes on")
	rmmod(t, k, "hello")
}

// A driver with read_iter and write_iter, reached by a node of our own.
func TestReadIter(t *testing.T) {
	k := boot(t, ko.Config{})
	require.NoError(t, insmod(t, k, "chrk", "ms=1"), k.Log.Text())
	m, _ := k.Module("chrk")
	var major string
	for i := range m.Params {
		if m.Params[i].Name == "major" {
			major = m.Params[i].Value.Get()
		}
	}
	require.Equal(t, "254", major)
	task := k.NewTask()
	require.NoError(t, task.Mknod("/tmp/chrk0", kernel.S_IFCHR|0o666, kernel.MkDev(254, 0)))
	fd, err := task.Open("/tmp/chrk0", kernel.O_RDWR)
	require.NoError(t, err)
	p := []byte("abc")
	n, err := task.Read(fd, p)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, []byte{0, 0, 0}, p)
	require.NoError(t, task.Close(fd))
	task.Exit()
	rmmod(t, k, "chrk")
}

// The module opens its own device and measures it from inside; the figures are in the log.
func BenchmarkInKernel(b *testing.B) {
	k := boot(b, ko.Config{})
	require.NoError(b, insmod(b, k, "chrk", "ms=1"))
	require.NoError(b, k.Init().Mknod("/tmp/chrk0", kernel.S_IFCHR|0o666, kernel.MkDev(254, 0)))
	m, _ := k.Module("chrk")
	for i := range m.Params {
		if m.Params[i].Name == "go" {
			require.Equal(b, "done", m.Params[i].Value.Get())
		}
	}
	for range b.N {
	}
	text := strings.Join(logged(k), "\n")
	require.Contains(b, text, "chrk: kernel_write 4096")
	b.Log(text)
	rmmodQuick(b, k, "chrk")
}
