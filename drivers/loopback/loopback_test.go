package loopback_test

import (
	"io"
	"io/fs"
	"testing"

	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func boot(t testing.TB, args string) *kernel.Kernel {
	k := kerneltest.Boot(t)
	kerneltest.Load(t, k, loopback.New(), args)
	return k
}

func TestParameters(t *testing.T) {
	k := kerneltest.Boot(t)
	for _, args := range []string{"devices=0", "devices=257", "size=0", "size=9999999"} {
		require.Equal(t, kernel.EINVAL, k.Init().LoadModule(loopback.New(), args), args)
	}
	kerneltest.Load(t, k, loopback.New(), "devices=3 size=1")
	list, err := k.Init().ReadDir("/dev")
	require.NoError(t, err)
	require.Len(t, list, 3)
}

func TestFasync(t *testing.T) {
	k := boot(t, "")
	task := k.Init()
	fd, err := task.Open("/dev/loop0", kernel.O_RDWR)
	require.NoError(t, err)
	defer task.Close(fd)
	_, err = task.Fcntl(fd, kernel.F_SETFL, kernel.FASYNC)
	require.NoError(t, err)
	_, err = task.Write(fd, []byte("x"))
	require.NoError(t, err)
	sig, ok := task.TakeSignal()
	require.True(t, ok)
	require.Equal(t, kernel.SIGIO, sig)
}

func TestLoopbackIoctl(t *testing.T) {
	k := boot(t, "")
	h, err := k.Init().OpenFile("/dev/loop0", kernel.O_RDWR)
	require.NoError(t, err)
	defer h.Close()
	_, err = h.Write([]byte("12345"))
	require.NoError(t, err)
	var buf [4]byte
	_, err = h.Ioctl(loopback.FIONREAD, kernel.Arg{Buf: buf[:]})
	require.NoError(t, err)
	require.EqualValues(t, 5, buf[0])
	_, err = h.Ioctl(loopback.FIONREAD, kernel.Arg{})
	require.ErrorIs(t, err, kernel.EFAULT)
	_, err = h.Ioctl(loopback.IoctlReset, kernel.Arg{})
	require.NoError(t, err)
	h.SetNonblock(true)
	_, err = h.Read(buf[:])
	var pe *fs.PathError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, fs.PathError{Op: "read", Path: "/dev/loop0", Err: kernel.EAGAIN}, *pe)
	_, err = h.Seek(0, io.SeekStart)
	require.ErrorIs(t, err, kernel.ESPIPE)
}
