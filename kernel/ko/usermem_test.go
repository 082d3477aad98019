package ko_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
)

// page is a program's memory of one page.
type page struct {
	base uint64
	b    [4096]byte
}

func (p *page) ReadUser(b []byte, addr uint64) (int, error) {
	if addr-p.base >= uint64(len(p.b)) {
		return 0, kernel.EFAULT
	}
	return copy(b, p.b[addr-p.base:]), nil
}

func (p *page) WriteUser(b []byte, addr uint64) (int, error) {
	if addr-p.base >= uint64(len(p.b)) {
		return 0, kernel.EFAULT
	}
	return copy(p.b[addr-p.base:], b), nil
}

// An ioctl passes the program's own 64-bit pointer, and the driver reads the program's memory
// there.
func TestIoctlOfAProgram(t *testing.T) {
	k := boot(t, ko.Config{})
	require.NoError(t, insmod(t, k, "evdev", ""), k.Log.Text())
	task := k.NewTask()
	fd, err := task.Open("/dev/evdev0", kernel.O_RDWR)
	require.NoError(t, err)
	mem := &page{base: 0x7ffe12345000}
	binary.LittleEndian.PutUint32(mem.b[100:], 5)
	task.SetUserMemory(mem)
	_, err = task.Ioctl(fd, 0x40046501, kernel.Arg{Val: mem.base + 100})
	require.NoError(t, err)
	_, err = task.Ioctl(fd, 0x40046501, kernel.Arg{Val: mem.base + 4096})
	require.ErrorIs(t, err, kernel.EFAULT, "not mapped")
	// A buffer of the call goes before the program's memory, at its address too.
	_, err = task.Ioctl(fd, 0x40046501, kernel.Arg{Val: mem.base + 4096, Buf: []byte{5, 0, 0, 0}})
	require.NoError(t, err)
	task.SetUserMemory(nil)
	_, err = task.Ioctl(fd, 0x40046501, kernel.Arg{Val: mem.base + 100})
	require.ErrorIs(t, err, kernel.EFAULT, "it has no memory any more")
	require.NoError(t, task.Close(fd))
	task.Exit()
	rmmod(t, k, "evdev")
}
