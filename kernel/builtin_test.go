package kernel_test

import (
	"testing"

	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// A built-in driver works, and has no module's life.
func TestBuiltinDriver(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.WithConfig(kernel.Config{Builtin: []*kernel.Module{mem.New()}}))
	root := k.Init()
	h, err := root.OpenFile("/dev/zero", kernel.O_RDONLY)
	require.NoError(t, err)
	defer h.Close()
	buf := []byte{1, 2}
	_, err = h.Read(buf)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0}, buf)

	require.Contains(t, fileText(t, k, "/proc/devices"), "  1 mem\n")
	require.Empty(t, fileText(t, k, "/proc/modules"))
	require.Empty(t, k.Modules())
	_, err = root.Stat("/sys/module/mem")
	require.ErrorIs(t, err, kernel.ENOENT)
	require.Equal(t, kernel.ENOENT, root.DeleteModule("mem", kernel.DeleteForce))
	_, err = k.RegisterChrdev(mem.Major, "other", &kernel.FileOperations{})
	require.Equal(t, kernel.EBUSY, err)
	require.Zero(t, k.Taint())
}

// One that fails is left out, with what it had done undone, and the kernel boots all the same.
func TestBuiltinDriverFails(t *testing.T) {
	undone := false
	bad := &kernel.Module{Name: "bad", Init: func(env *kernel.Env) error {
		env.Defer(func() { undone = true })
		return kernel.ENODEV
	}}
	k := kerneltest.Boot(t, kerneltest.WithConfig(kernel.Config{Builtin: []*kernel.Module{bad, mem.New()}}))
	require.True(t, undone)
	require.Contains(t, k.Log.Text(), "bad: the built-in driver failed: No such device")
	_, err := k.Init().Stat("/dev/null")
	require.NoError(t, err)
}

// Shutdown undoes the built-in drivers, last first.
func TestBuiltinDriversEnd(t *testing.T) {
	var ended []string
	driver := func(name string) *kernel.Module {
		return &kernel.Module{Name: name,
			Init: func(env *kernel.Env) error { env.Defer(func() { ended = append(ended, name) }); return nil },
			Exit: func(*kernel.Env) { ended = append(ended, name+" exit") }}
	}
	k := kernel.Boot(kernel.Config{Builtin: []*kernel.Module{driver("a"), driver("b")}})
	require.NoError(t, k.Shutdown())
	require.Equal(t, []string{"b exit", "b", "a exit", "a"}, ended)
}
