package kerneltest_test

import (
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/stretchr/testify/require"
)

// TestChrb loads a driver written in C, opens its device and reads.
func TestChrb(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})))
	task := k.Init()
	require.NoError(t, task.InitModule(fixtures.MustModule("chrb"), "", 0)) // insmod chrb.ko

	f, err := task.OpenFile("/dev/chrb", kernel.O_RDONLY)
	require.NoError(t, err)
	buf := []byte{1, 2, 3}
	n, err := f.Read(buf)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0}, buf[:n])
	require.ErrorIs(t, task.DeleteModule("chrb", 0), kernel.EAGAIN) // in use: the file is open
	require.NoError(t, f.Close())
	require.NoError(t, task.DeleteModule("chrb", 0)) // rmmod chrb
}
