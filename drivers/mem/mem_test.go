package mem_test

import (
	"testing"

	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func TestMemoryDevices(t *testing.T) {
	k := kerneltest.Boot(t)
	kerneltest.Load(t, k, mem.New(), "")
	task := k.Init()
	open := func(name string, flags uint32) int {
		fd, err := task.Open("/dev/"+name, flags)
		require.NoError(t, err)
		t.Cleanup(func() { _ = task.Close(fd) })
		return fd
	}
	p := []byte{1, 2, 3}
	null, zero, full, random := open("null", 2), open("zero", 2), open("full", 2), open("random", 2)
	n, err := task.Read(null, p)
	require.Zero(t, n)
	require.NoError(t, err)
	n, err = task.Read(zero, p)
	require.Equal(t, 3, n)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0}, p)
	_, err = task.Write(full, p)
	require.Equal(t, kernel.ENOSPC, err)
	big := make([]byte, 4096)
	n, err = task.Read(random, big)
	require.Equal(t, 4096, n)
	require.NoError(t, err)
	require.NotEqual(t, make([]byte, 4096), big)
	_, err = task.Ioctl(zero, 1, kernel.Arg{})
	require.Equal(t, kernel.ENOTTY, err)
	rdonly := open("zero", kernel.O_RDONLY)
	_, err = task.Write(rdonly, p)
	require.Equal(t, kernel.EBADF, err)

	kmsg := open("kmsg", 2)
	_, err = task.Write(kmsg, []byte("<3>from user space\n"))
	require.NoError(t, err)
	pos, err := task.Lseek(kmsg, 0, kernel.SEEK_SET)
	require.NoError(t, err)
	require.Zero(t, pos)
	last := ""
	_, err = task.Fcntl(kmsg, kernel.F_SETFL, kernel.O_NONBLOCK)
	require.NoError(t, err)
	for {
		n, err := task.Read(kmsg, big)
		if err == kernel.EAGAIN {
			break
		}
		require.NoError(t, err)
		last = string(big[:n])
	}
	require.Regexp(t, `^11,\d+,\d+,-;from user space\n$`, last)
	_, err = task.Lseek(kmsg, 0, kernel.SEEK_SET)
	require.NoError(t, err)
	_, err = task.Read(kmsg, p)
	require.Equal(t, kernel.EINVAL, err, "too small for a record")
}
