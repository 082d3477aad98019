package usb_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	acm "github.com/kobench/kobench/drivers/usb/cdcacm"
	"github.com/kobench/kobench/drivers/usb/skeleton"
	"github.com/kobench/kobench/drivers/usb/usbtest"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// Every case of testusb that a device can have, on emulated devices at each speed.
func TestUsbtest(t *testing.T) {
	const node = "/dev/bus/usb/001/002"
	p := usbtest.Params{Iterations: 20, Length: 1024, Vary: 421, SGLen: 32}
	for _, speed := range []hw.Speed{hw.FullSpeed, hw.HighSpeed, hw.SuperSpeed} {
		t.Run(speed.String(), func(t *testing.T) {
			r := start(t, usbtest.New())
			r.plug(sourcesink.New(sourcesink.Zeros), speed)
			for _, n := range []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 24, 27, 28, 29} {
				p.Test = n
				require.NoError(t, usbtest.Ask(r.k.Init(), node, &p), "test %d", n)
			}
			for _, n := range []uint32{15, 16, 25, 26, 30, 99} {
				p.Test = n
				require.ErrorIs(t, usbtest.Ask(r.k.Init(), node, &p), kernel.EOPNOTSUPP, "test %d", n)
			}
		})
	}
	t.Run("isochronous", func(t *testing.T) {
		r := start(t)
		m := usbtest.New()
		require.NoError(t, r.k.Init().LoadModule(m, "alt=1"))
		defer func() { require.NoError(t, r.k.Init().DeleteModule("usbtest", kernel.O_NONBLOCK)) }()
		r.plug(sourcesink.New(sourcesink.Zeros), hw.HighSpeed)
		q := usbtest.Params{Iterations: 3, Length: 8192, SGLen: 4}
		for _, n := range []uint32{15, 16, 22, 23} {
			q.Test = n
			require.NoError(t, usbtest.Ask(r.k.Init(), node, &q), "test %d", n)
		}
	})
	t.Run("wrong data is found", func(t *testing.T) {
		r := start(t, usbtest.New())
		r.plug(sourcesink.New(sourcesink.Mod63), hw.HighSpeed)
		p.Test = 2
		require.ErrorIs(t, usbtest.Ask(r.k.Init(), node, &p), kernel.EIO)
	})
	t.Run("parameters", func(t *testing.T) {
		r := start(t, usbtest.New())
		r.plug(sourcesink.New(sourcesink.Zeros), hw.HighSpeed)
		for _, q := range []usbtest.Params{{Test: 1}, {Test: 1, Iterations: 1, Length: 1 << 30}, {Test: 3, Iterations: 1, Length: 10}, {Test: 5, Iterations: 1, Length: 10},
			{Test: 11, Iterations: 1}, {Test: 24, Iterations: 1, Length: 10, SGLen: 3}, {Test: 14, Iterations: 1, Length: 10, Vary: 10}} {
			require.ErrorIs(t, usbtest.Ask(r.k.Init(), node, &q), kernel.EINVAL, "%+v", q)
		}
	})
	t.Run("pulled out", func(t *testing.T) {
		r := start(t, usbtest.New())
		d, err := usbfault.New(hw.MustNew(sourcesink.New(sourcesink.Zeros), hw.HighSpeed), 1, usbfault.Rule{Kind: usbfault.Disconnect, At: 10})
		require.NoError(t, err)
		_, err = r.bus.Plug("1", d)
		require.NoError(t, err)
		r.core.Settle()
		p.Test = 1
		err = usbtest.Ask(r.k.Init(), node, &p)
		require.Contains(t, []kernel.Errno{kernel.ENODEV, kernel.ESHUTDOWN}, kernel.ErrnoOf(err))
		require.Eventually(t, func() bool {
			_, err = r.k.Init().Stat(node)
			return kernel.ErrnoOf(err) == kernel.ENOENT
		}, 10*time.Second, time.Millisecond)
	})
}

// The driver to learn from, given a device through new_id, with everything that may happen to it.
func TestSkeleton(t *testing.T) {
	r := start(t, skeleton.New())
	r.plug(sourcesink.Loopback(), hw.HighSpeed)
	k := r.k.Init()
	newID(r, "0525 a4a0")
	fd, err := k.Open("/dev/skel0", kernel.O_RDWR)
	require.NoError(t, err)
	n, err := k.Write(fd, []byte("hello"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	b := make([]byte, 100)
	n, err = k.Read(fd, b)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b[:n]))
	require.ErrorIs(t, k.DeleteModule("usb_skeleton", kernel.O_NONBLOCK), kernel.EAGAIN, "it is in use")

	type result struct {
		n   int
		err error
	}
	ended := make(chan result, 1)
	reader := r.k.NewTask()
	rfd, err := reader.Open("/dev/skel0", kernel.O_RDONLY)
	require.NoError(t, err)
	go func() {
		n, err := reader.Read(rfd, make([]byte, 10))
		ended <- result{n, err}
	}()
	// the reader sleeps by now; if it does not, the result is the same
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, r.bus.Unplug("1"))
	select {
	case got := <-ended:
		require.ErrorIs(t, got.err, kernel.ENODEV)
	case <-time.After(10 * time.Second):
		t.Fatal("the reader hangs")
	}
	reader.Exit()
	r.core.Settle()
	_, err = k.Write(fd, []byte("x"))
	require.ErrorIs(t, err, kernel.ENODEV)
	_, err = k.Open("/dev/skel0", kernel.O_RDWR)
	require.ErrorIs(t, err, kernel.ENOENT)
	require.NoError(t, k.Close(fd))
	require.NoError(t, k.DeleteModule("usb_skeleton", kernel.O_NONBLOCK))
}

func newID(r *rig, text string) {
	r.Helper()
	h, err := r.k.Init().OpenFile("/sys/bus/usb/drivers/skeleton/new_id", kernel.O_WRONLY)
	require.NoError(r, err)
	defer h.Close()
	_, err = io.WriteString(h, text)
	require.NoError(r, err)
}

// A driver of two interfaces lets go of both when one is taken from it, and can have them again.
func TestUnbindSibling(t *testing.T) {
	for _, iface := range []string{"1-1:1.0", "1-1:1.1"} {
		r := start(t, acm.New())
		chip, _ := serial.NullModem(serial.Max)
		r.plug(cdcacm.New(chip, "B2"), hw.HighSpeed)
		bound := func(n int) string { return r.read(fmt.Sprintf("/sys/bus/usb/devices/1-1:1.%d/uevent", n)) }
		write := func(file, text string) {
			h, err := r.k.Init().OpenFile("/sys/bus/usb/drivers/cdc_acm/"+file, kernel.O_WRONLY)
			require.NoError(t, err)
			defer h.Close()
			_, err = io.WriteString(h, text)
			require.NoError(t, err)
		}
		write("unbind", iface)
		require.NotContains(t, bound(0), "DRIVER", iface)
		require.NotContains(t, bound(1), "DRIVER", iface)
		_, err := r.k.Init().Stat("/dev/ttyACM0")
		require.ErrorIs(t, err, kernel.ENOENT)
		write("bind", "1-1:1.0")
		require.Contains(t, bound(0), "DRIVER=cdc_acm")
		require.Contains(t, bound(1), "DRIVER=cdc_acm")
		_, err = r.k.Init().Stat("/dev/ttyACM0")
		require.NoError(t, err)
	}
}

// bind and unbind move an interface from one driver to another.
func TestBindFiles(t *testing.T) {
	r := start(t, usbtest.New(), skeleton.New())
	r.plug(sourcesink.Loopback(), hw.HighSpeed)
	write := func(driver, file, text string) error {
		h, err := r.k.Init().OpenFile(fmt.Sprintf("/sys/bus/usb/drivers/%s/%s", driver, file), kernel.O_WRONLY)
		require.NoError(t, err)
		defer h.Close()
		_, err = io.WriteString(h, text)
		return err
	}
	driver := func() string { return r.read("/sys/bus/usb/devices/1-1:2.0/uevent") }
	require.NoError(t, write("skeleton", "new_id", "0525 a4a0"))
	require.Contains(t, driver(), "DRIVER=usbtest", "who has it keeps it")
	require.ErrorIs(t, write("skeleton", "unbind", "1-1:2.0"), kernel.ENODEV)
	require.NoError(t, write("usbtest", "unbind", "1-1:2.0"))
	require.NotContains(t, driver(), "DRIVER")
	require.NoError(t, write("skeleton", "bind", "1-1:2.0\n"))
	require.Contains(t, driver(), "DRIVER=skeleton")
	for _, bad := range []string{"\n", "0525", "zz yy", "12345 1"} {
		require.ErrorIs(t, write("skeleton", "new_id", bad), kernel.EINVAL, "%q", bad)
	}
	require.ErrorIs(t, write("skeleton", "bind", "9-9:1.0"), kernel.ENODEV)
}
