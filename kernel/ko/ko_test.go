package ko_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
)

// boot starts a kernel for .ko files; at the end nothing may be left in it.
func boot(t testing.TB, cfg ko.Config) *kernel.Kernel {
	t.Helper()
	var f kernel.Format
	k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{func(k *kernel.Kernel) kernel.Format {
		f = ko.New(cfg)(k)
		return f
	}}})
	t.Cleanup(func() {
		stuck := len(k.Modules())
		err := k.Shutdown()
		if stuck == 0 {
			require.NoError(t, err)
		}
		if t.Failed() {
			t.Logf("kernel log:\n%s", k.Log.Text())
		}
	})
	return k
}

// logged are the texts of the log from a record on.
func logged(k *kernel.Kernel) []string {
	var all []string
	for _, r := range k.Log.All() {
		all = append(all, r.Text)
	}
	return all
}

func insmod(t testing.TB, k *kernel.Kernel, name, args string) error {
	t.Helper()
	task := k.NewTask(kernel.WithComm("insmod"))
	defer task.Exit()
	return task.InitModule(fixtures.MustModule(name), args, 0)
}

func rmmod(t testing.TB, k *kernel.Kernel, name string) {
	t.Helper()
	task := k.NewTask(kernel.WithComm("rmmod"))
	defer task.Exit()
	require.NoError(t, task.DeleteModule(name, 0), "rmmod %s\n%s", name, k.Log.Text())
	require.False(t, slices.ContainsFunc(logged(k), func(s string) bool { return strings.Contains(s, "left behind") }), k.Log.Text())
}

func TestHello(t *testing.T) {
	k := boot(t, ko.Config{})
	require.NoError(t, insmod(t, k, "hello", ""), k.Log.Text())
	m, ok := k.Module("hello")
	require.True(t, ok)
	require.Equal(t, kernel.ModuleLive, m.State())
	require.Equal(t, "1.0", m.Version)
	require.Contains(t, logged(k), "Hello world!")
	require.ErrorIs(t, insmod(t, k, "hello", ""), kernel.EEXIST)
	rmmod(t, k, "hello")
	require.Contains(t, logged(k), "Goodbye cruel world!")
}
