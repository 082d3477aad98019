package usbserial_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/drivers/usb/cdcacm"
	"github.com/kobench/kobench/drivers/usb/ftdisio"
	"github.com/kobench/kobench/drivers/usb/usbserial"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	acm "github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// adapter is a machine with one adapter plugged in, its line's other end, and a task.
func adapter(t *testing.T, node string) (*kernel.Kernel, *serial.Port, *kernel.Task) {
	k := kerneltest.Boot(t)
	chip, far := serial.NullModem(serial.Max)
	bus := hw.NewBus(1, 2)
	core := usb.New(bus)
	kerneltest.Load(t, k, core, "")
	var fn hw.Function = ftdi.New(chip, "A1")
	if node == "ttyUSB0" {
		kerneltest.Load(t, k, usbserial.New(), "")
		kerneltest.Load(t, k, ftdisio.New(), "")
	} else {
		kerneltest.Load(t, k, cdcacm.New(), "")
		fn = acm.New(chip, "B2")
	}
	d, err := hw.New(fn, hw.FullSpeed)
	require.NoError(t, err)
	slot, err := bus.Plug("", d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bus.Unplug(slot.Path())) })
	core.Exports[0].Value.(*usb.Core).Settle()
	return k, far, kerneltest.Task(t, k)
}

func cat(t *testing.T, task *kernel.Task, path string) string {
	f, err := task.OpenFile(path, kernel.O_RDONLY)
	require.NoError(t, err, path)
	defer func() { require.NoError(t, f.Close()) }()
	buf := make([]byte, 4096)
	n, err := f.Read(buf)
	require.NoError(t, err)
	return strings.TrimSuffix(string(buf[:n]), "\n")
}

func echo(task *kernel.Task, path, text string) error {
	f, err := task.OpenFile(path, kernel.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text + "\n"))
	_ = f.Close()
	return err
}

// A tcsetattr has been done by the device when it returns: what the other end sends at once in the
// new mode arrives as it was sent.
func TestSetWhenItReturns(t *testing.T) {
	for _, node := range []string{"ttyUSB0", "ttyACM0"} {
		t.Run(node, func(t *testing.T) {
			k, far, _ := adapter(t, node)
			c, err := terminal.Open(k, "/dev/"+node, serial.Format8N1(9600))
			require.NoError(t, err)
			for i := range 20 {
				m := serial.Format8N1(serial.Baud(9600 << (i % 4)))
				require.NoError(t, c.SetMode(m))
				require.NoError(t, far.SetMode(m))
				_, err := far.Write([]byte("hello"))
				require.NoError(t, err)
				buf := make([]byte, 5)
				for n := 0; n < 5; {
					k, f, err := c.Receive(buf[n:])
					require.NoError(t, err)
					require.Zero(t, f)
					n += k
				}
				require.Equal(t, "hello", string(buf))
			}
			require.NoError(t, c.Close())
		})
	}
}

// A reader that does not read stops the device, and loses nothing.
func TestSlowReader(t *testing.T) {
	for _, node := range []string{"ttyUSB0", "ttyACM0"} {
		t.Run(node, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, far, _ := adapter(t, node)
				c, err := terminal.Open(k, "/dev/"+node, serial.Format8N1(115200))
				require.NoError(t, err)
				require.NoError(t, far.SetMode(serial.Format8N1(115200)))
				data := make([]byte, 300_000)
				for i := range data {
					data[i] = byte(i % 251)
				}
				go func() { _, _ = far.Write(data) }()
				synctest.Wait() // all that fits is on its way
				got := make([]byte, 0, len(data))
				buf := make([]byte, 5000)
				for len(got) < len(data) {
					n, err := c.Read(buf)
					require.NoError(t, err)
					got = append(got, buf[:n]...)
				}
				require.Equal(t, data, got)
				require.NoError(t, c.Close())
			})
		})
	}
}

func TestLatencyTimer(t *testing.T) {
	_, _, task := adapter(t, "ttyUSB0")
	const file = "/sys/bus/usb-serial/devices/ttyUSB0/latency_timer"
	require.Equal(t, "1", cat(t, task, file), "low latency is where it begins")
	require.Equal(t, "0", cat(t, task, "/sys/bus/usb-serial/devices/ttyUSB0/port_number"))
	require.Equal(t, "188:0", cat(t, task, "/sys/bus/usb-serial/devices/ttyUSB0/tty/ttyUSB0/dev"))
	fd, err := task.Open("/dev/ttyUSB0", kernel.O_RDWR|kernel.O_NONBLOCK)
	require.NoError(t, err)
	var s [72]byte
	_, err = task.Ioctl(fd, tty.TIOCGSERIAL, kernel.Arg{Buf: s[:]})
	require.NoError(t, err)
	flags := binary.LittleEndian.Uint32(s[16:])
	require.EqualValues(t, tty.ASYNC_LOW_LATENCY, flags)
	require.EqualValues(t, 24_000_000, binary.LittleEndian.Uint32(s[28:]))
	binary.LittleEndian.PutUint32(s[16:], flags&^tty.ASYNC_LOW_LATENCY)
	_, err = task.Ioctl(fd, tty.TIOCSSERIAL, kernel.Arg{Buf: s[:]})
	require.NoError(t, err)
	require.Equal(t, "16", cat(t, task, file))
	require.NoError(t, echo(task, file, "4"))
	require.Equal(t, "4", cat(t, task, file))
	for _, bad := range []string{"256", "-1", "x"} {
		require.ErrorIs(t, echo(task, file, bad), kernel.EINVAL, bad)
	}
	require.NoError(t, task.Close(fd))
}

// What each adapter answers to the ioctls of serial ports.
func TestIoctls(t *testing.T) {
	for _, c := range []struct {
		node   string
		lsr    error
		serial error
	}{{"ttyUSB0", nil, nil}, {"ttyACM0", kernel.ENOTTY, nil}} {
		t.Run(c.node, func(t *testing.T) {
			_, _, task := adapter(t, c.node)
			fd, err := task.Open("/dev/"+c.node, kernel.O_RDWR|kernel.O_NONBLOCK)
			require.NoError(t, err)
			var lsr [4]byte
			_, err = task.Ioctl(fd, tty.TIOCSERGETLSR, kernel.Arg{Buf: lsr[:]})
			require.Equal(t, c.lsr, err)
			if c.lsr == nil {
				require.EqualValues(t, tty.TIOCSER_TEMT, lsr[0])
			}
			var s [72]byte
			_, err = task.Ioctl(fd, tty.TIOCGSERIAL, kernel.Arg{Buf: s[:]})
			require.NoError(t, err)
			binary.LittleEndian.PutUint16(s[40:], 65535) // closing_wait: none
			_, err = task.Ioctl(fd, tty.TIOCSSERIAL, kernel.Arg{Buf: s[:]})
			require.Equal(t, c.serial, err)
			_, err = task.Ioctl(fd, tty.TIOCGRS485, kernel.Arg{Buf: make([]byte, 32)})
			require.Equal(t, kernel.ENOTTY, err)
			require.NoError(t, task.Close(fd))
		})
	}
}
