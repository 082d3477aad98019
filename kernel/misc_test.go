package kernel_test

import (
	"fmt"
	"testing"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func nothing() *kernel.FileOperations { return &kernel.FileOperations{} }

// Minors are given back: any number of devices may come and go, and the highest free minor is taken
// first.
func TestMiscMinors(t *testing.T) {
	k := kerneltest.Boot(t)
	for i := range 300 {
		m := &kernel.Miscdevice{Minor: kernel.MiscDynamicMinor, Name: fmt.Sprint("m", i), Ops: nothing()}
		require.NoError(t, k.MiscRegister(m), "%d", i)
		require.EqualValues(t, 127, m.Minor, "%d", i)
		require.Equal(t, "127 m"+fmt.Sprint(i)+"\n", fileText(t, k, "/proc/misc"))
		k.MiscDeregister(m)
		require.EqualValues(t, kernel.MiscDynamicMinor, m.Minor, "it may be registered again")
		require.Nil(t, m.Device())
	}
	require.Empty(t, fileText(t, k, "/proc/misc"))
	k.MiscDeregister(&kernel.Miscdevice{Name: "stranger"}) // is left alone
}

func TestMiscErrors(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.Expect("cannot create duplicate filename '/devices/virtual/misc/one'"))
	one := &kernel.Miscdevice{Minor: 7, Name: "one", Ops: nothing()}
	require.NoError(t, k.MiscRegister(one))
	for _, tt := range []struct {
		name string
		m    kernel.Miscdevice
		want kernel.Errno
	}{
		{"minor taken", kernel.Miscdevice{Minor: 7, Name: "two", Ops: nothing()}, kernel.EBUSY},
		{"name taken", kernel.Miscdevice{Minor: 8, Name: "one", Ops: nothing()}, kernel.EEXIST},
		{"no name", kernel.Miscdevice{Minor: 8, Ops: nothing()}, kernel.EINVAL},
		{"no operations", kernel.Miscdevice{Minor: 8, Name: "two"}, kernel.EINVAL},
	} {
		require.Equal(t, tt.want, k.MiscRegister(&tt.m), tt.name)
		require.Equal(t, "  7 one\n", fileText(t, k, "/proc/misc"), tt.name)
	}
	var all []*kernel.Miscdevice
	for i := range 128 - 1 { // minor 7 is one of them
		m := &kernel.Miscdevice{Minor: kernel.MiscDynamicMinor, Name: fmt.Sprint("m", i), Ops: nothing()}
		require.NoError(t, k.MiscRegister(m))
		all = append(all, m)
	}
	require.Equal(t, kernel.EBUSY, k.MiscRegister(&kernel.Miscdevice{Minor: kernel.MiscDynamicMinor, Name: "full", Ops: nothing()}))
	for _, m := range append(all, one) {
		k.MiscDeregister(m)
	}
}
