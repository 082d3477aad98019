package usbtmc_test

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/drivers/usb/usbtmc"
	"github.com/kobench/kobench/hw/scpi"
	hw "github.com/kobench/kobench/hw/usb"
	emulated "github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

const node = "/dev/usbtmc0"

// rig is a kernel with a bus, the core and the driver.
type rig struct {
	testing.TB
	k    *kernel.Kernel
	bus  *hw.Bus
	core *usb.Core
}

func start(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t, k: kerneltest.Boot(t), bus: hw.NewBus(1, 4)}
	m := usb.New(r.bus)
	r.core = m.Exports[0].Value.(*usb.Core)
	for _, m := range []*kernel.Module{m, usbtmc.New()} {
		require.NoError(t, r.k.Init().LoadModule(m, ""))
		t.Cleanup(func() {
			if err := r.k.Init().DeleteModule(m.Name, kernel.O_NONBLOCK); err != nil {
				require.ErrorIs(t, err, kernel.ENOENT, "the test has removed it")
			}
		})
	}
	t.Cleanup(func() {
		for _, s := range r.bus.Devices() {
			_ = r.bus.Unplug(s.Path())
		}
		r.core.Settle()
	})
	return r
}

func (r *rig) plug(fn hw.Function, speed hw.Speed) {
	r.Helper()
	_, err := r.bus.Plug("", hw.MustNew(fn, speed))
	require.NoError(r, err)
	r.core.Settle()
}

// instrument is an open file of the node.
type instrument struct {
	*rig
	task *kernel.Task
	fd   int
}

// open opens the node in a task of its own, which ends with the test.
func (r *rig) open() *instrument {
	r.Helper()
	i := &instrument{rig: r, task: r.k.NewTask()}
	r.Cleanup(i.task.Exit)
	var err error
	i.fd, err = i.task.Open(node, kernel.O_RDWR)
	require.NoError(r, err)
	return i
}

func (i *instrument) write(s string) {
	i.Helper()
	n, err := i.task.Write(i.fd, []byte(s))
	require.NoError(i, err)
	require.Equal(i, len(s), n)
}

func (i *instrument) read(room int) string {
	i.Helper()
	b := make([]byte, room)
	n, err := i.task.Read(i.fd, b)
	require.NoError(i, err)
	return string(b[:n])
}

func (i *instrument) ioctl(cmd uint32, b ...byte) (int, []byte, error) {
	n, err := i.task.Ioctl(i.fd, cmd, kernel.Arg{Buf: b})
	return n, b, err
}

// do is an ioctl that works.
func (i *instrument) do(cmd uint32, b ...byte) []byte {
	i.Helper()
	_, b, err := i.ioctl(cmd, b...)
	require.NoError(i, err)
	return b
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// A query to a power supply by the system calls that a program makes.
func TestQuery(t *testing.T) {
	for _, speed := range []hw.Speed{hw.FullSpeed, hw.HighSpeed} {
		t.Run(speed.String(), func(t *testing.T) {
			r := start(t)
			r.plug(emulated.New(&scpi.Supply{}), speed)
			s, err := r.k.Init().Stat(node)
			require.NoError(t, err)
			require.Equal(t, kernel.MkDev(usb.Major, usbtmc.MinorBase), s.Rdev)
			i := r.open()
			i.write("*IDN?")
			require.Equal(t, "KOBENCH,PSU1,0,1.0\n", i.read(100))
			i.write("*RST;:VOLT 5;:OUTP ON;:MEAS:VOLT?")
			require.Equal(t, "5.0", i.read(3), "the rest of an answer stays in the instrument")
			require.Equal(t, "000\n", i.read(100))
			require.Equal(t, []byte{1}, i.do(usbtmc.USBTMC_IOCTL_MSG_IN_ATTR, 0))
			_, err = i.task.Lseek(i.fd, 0, kernel.SEEK_CUR)
			require.ErrorIs(t, err, kernel.ESPIPE)
		})
	}
}

// mirror answers every message with itself.
type mirror struct{ got []string }

func (m *mirror) Execute(line string) string { m.got = append(m.got, line); return line }

// Messages of many packets and transfers, both ways, with every alignment.
func TestLongMessages(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 5, 499, 500, 501, 3000, 4082, 4083, 4084, 5000, 9000, 70_001} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			r := start(t)
			m := &mirror{}
			r.plug(emulated.New(m), hw.HighSpeed)
			i := r.open()
			s := strings.Repeat("x", size-1) + "y"
			i.write(s)
			require.Equal(t, []string{s}, m.got)
			require.Equal(t, s+"\n", i.read(size+100))
		})
	}
}

// Tags are 1 to 255 and begin again.
func TestManyQueries(t *testing.T) {
	r := start(t)
	r.plug(emulated.New(&mirror{}), hw.HighSpeed)
	i := r.open()
	for n := range 300 {
		i.write(strconv.Itoa(n))
		require.Equal(t, strconv.Itoa(n)+"\n", i.read(10))
	}
}

// The module is held by the open file, and can be removed after it.
func TestRemove(t *testing.T) {
	r := start(t)
	r.plug(emulated.New(&scpi.Supply{}), hw.HighSpeed)
	i := r.open()
	require.ErrorIs(t, r.k.Init().DeleteModule("usbtmc", kernel.O_NONBLOCK), kernel.EAGAIN)
	require.NoError(t, i.task.Close(i.fd))
	require.NoError(t, r.k.Init().DeleteModule("usbtmc", kernel.O_NONBLOCK))
	_, err := r.k.Init().Stat(node)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, r.k.Init().LoadModule(usbtmc.New(), ""), "the device is still there")
	i = r.open()
	i.write("*IDN?")
	require.Equal(t, "KOBENCH,PSU1,0,1.0\n", i.read(100))
	require.NoError(t, i.task.Close(i.fd))
}

// A query and its answer, through the system calls, the bus and the instrument.
func BenchmarkQuery(b *testing.B) {
	r := start(b)
	r.plug(emulated.New(&mirror{}), hw.HighSpeed)
	i := r.open()
	p := make([]byte, 100)
	ask := []byte("*IDN?")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.task.Write(i.fd, ask); err != nil {
			b.Fatal(err)
		}
		if n, err := i.task.Read(i.fd, p); err != nil || n != 6 {
			b.Fatal(n, err)
		}
	}
	require.NoError(b, i.task.Close(i.fd))
}
