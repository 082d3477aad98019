package kernel_test

import (
	"testing"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func names(t *testing.T, k *kernel.Kernel, dir string) (list []string) {
	t.Helper()
	all, err := k.Init().ReadDir(dir)
	require.NoError(t, err)
	for _, s := range all {
		list = append(list, s.Name)
	}
	return list
}

// A class has one owner of its name, and goes with all that it made.
func TestClass(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.Expect("cannot create duplicate filename '/class/mine'"))
	c, err := k.ClassCreate("mine", nil)
	require.NoError(t, err)
	_, err = k.ClassCreate("mine", nil)
	require.Equal(t, kernel.EEXIST, err)
	require.Contains(t, k.Log.Text(), "kobject_add_internal failed for mine with -EEXIST")
	require.Same(t, c, k.Class("mine", nil), "found, not made")
	for _, bad := range []string{"", "a/b"} {
		_, err = k.ClassCreate(bad, nil)
		require.Equal(t, kernel.EINVAL, err, "%q", bad)
	}
	d, err := k.DeviceCreate(c, kernel.DeviceInfo{Name: "one"})
	require.NoError(t, err)
	require.Equal(t, []string{"one"}, names(t, k, "/sys/class/mine"))
	k.DeviceDestroy(d)
	require.NotContains(t, names(t, k, "/sys/devices/virtual"), "mine", "the glue directory goes with its last device")
	k.ClassDestroy(c)
	k.ClassDestroy(c) // is left alone
	require.NotContains(t, names(t, k, "/sys/class"), "mine")
	again, err := k.ClassCreate("mine", nil)
	require.NoError(t, err)
	k.ClassDestroy(c) // of the one that has gone: the new one stays
	require.Contains(t, names(t, k, "/sys/class"), "mine")
	k.ClassDestroy(again)
}

// A device's name is taken in its parent, and in its class; who comes second leaves nothing behind.
func TestDeviceNames(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.Expect("duplicate filename '/devices/virtual/mine/one'"), kerneltest.Expect("duplicate filename '/class/mine/one'"))
	c, err := k.ClassCreate("mine", nil)
	require.NoError(t, err)
	one, err := k.DeviceCreate(c, kernel.DeviceInfo{Name: "one", Dev: kernel.MkDev(240, 1)})
	require.NoError(t, err)
	_, err = k.DeviceCreate(c, kernel.DeviceInfo{Name: "one", Dev: kernel.MkDev(240, 2)})
	require.Equal(t, kernel.EEXIST, err)
	two, err := k.DeviceCreate(c, kernel.DeviceInfo{Name: "two"})
	require.NoError(t, err)
	_, err = k.DeviceCreate(c, kernel.DeviceInfo{Name: "one", Parent: two})
	require.Equal(t, kernel.EEXIST, err, "elsewhere, but the class knows the name")
	require.Equal(t, []string{"one", "two"}, names(t, k, "/sys/class/mine"))
	st, err := k.Init().Stat("/dev/one")
	require.NoError(t, err)
	require.Equal(t, kernel.MkDev(240, 1), st.Rdev)
	k.DeviceDestroy(two)
	k.DeviceDestroy(one)
	k.DeviceDestroy(nil)
	k.ClassDestroy(c)
}

// A driver that has a device lets go of it when the device goes.
func TestBoundDeviceGoes(t *testing.T) {
	k := kerneltest.Boot(t)
	var seen []string
	stop := k.OnUevent(func(u kernel.Uevent) { seen = append(seen, u.Action+" "+u.Var("DRIVER")) })
	defer stop()
	d, err := k.DeviceCreate(nil, kernel.DeviceInfo{Name: "part", Bus: "platform"})
	require.NoError(t, err)
	k.DeviceBind(d, "mine")
	require.Equal(t, []string{"part"}, names(t, k, "/sys/bus/platform/drivers/mine"))
	k.DeviceDestroy(d)
	require.Empty(t, names(t, k, "/sys/bus/platform/drivers/mine"))
	require.Empty(t, names(t, k, "/sys/bus/platform/devices"))
	require.Equal(t, []string{"add ", "bind mine", "unbind ", "remove "}, seen)
	k.DeviceBind(nil, "mine") // is left alone
	k.SysRemove("bus/platform/drivers/mine")
}
