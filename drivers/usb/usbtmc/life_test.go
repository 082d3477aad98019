package usbtmc_test

import (
	"os"
	"strings"
	"testing"

	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/drivers/usb/usbtmc"
	hw "github.com/kobench/kobench/hw/usb"
	emulated "github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// Pulled out while a call waits: ENODEV, the node goes, and the module can be removed once the file
// is closed.
func TestUnplug(t *testing.T) {
	for name, call := range map[string]func(i *instrument) error{
		"read": func(i *instrument) error { _, err := i.task.Read(i.fd, make([]byte, 10)); return err },
		"USBTMC_IOCTL_READ": func(i *instrument) error {
			_, _, err := i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(10_000, 0, make([]byte, 10_000)...)...)
			return err
		},
		"WAIT_SRQ": func(i *instrument) error {
			_, _, err := i.ioctl(usbtmc.USBTMC488_IOCTL_READ_STB, 0) // wakes the test up
			if err != nil {
				return err
			}
			_, _, err = i.ioctl(usbtmc.USBTMC488_IOCTL_WAIT_SRQ, le32(3_600_000)...)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			l := newLiar()
			r.plug(l, hw.HighSpeed)
			i := r.open()
			i.do(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(3_600_000)...)
			if name == "WAIT_SRQ" {
				l.control = func(s hw.Setup, data []byte) (int, error) {
					select {
					case l.asked <- struct{}{}:
					default:
					}
					return l.Device.Control(s, data)
				}
			}
			ended := make(chan error, 1)
			go func() { ended <- call(i) }()
			<-l.asked
			require.NoError(t, r.bus.Unplug("1"))
			require.ErrorIs(t, <-ended, kernel.ENODEV)
			r.core.Settle()
			_, err := r.k.Init().Stat(node)
			require.ErrorIs(t, err, os.ErrNotExist)
			_, err = i.task.Write(i.fd, []byte("*IDN?"))
			require.ErrorIs(t, err, kernel.ENODEV)
			_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_API_VERSION, 0, 0, 0, 0)
			require.ErrorIs(t, err, kernel.ENODEV)
			require.Equal(t, kernel.PollHup|kernel.PollErr, i.poll(0))
			require.ErrorIs(t, r.k.Init().DeleteModule("usbtmc", kernel.O_NONBLOCK), kernel.EAGAIN)
			require.NoError(t, i.task.Close(i.fd))
			require.NoError(t, r.k.Init().DeleteModule("usbtmc", kernel.O_NONBLOCK))
		})
	}
}

// A reset of the device takes it from the driver and gives it back: the call that waits ends at
// once, the old file is dead, a new one works.
func TestReset(t *testing.T) {
	r := start(t)
	l := newLiar()
	r.plug(l, hw.HighSpeed)
	i := r.open()
	i.do(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(3_600_000)...)
	ended := make(chan error, 1)
	go func() {
		_, err := i.task.Read(i.fd, make([]byte, 10))
		ended <- err
	}()
	<-l.asked
	h, err := r.k.Init().OpenFile("/dev/bus/usb/001/002", kernel.O_RDWR)
	require.NoError(t, err)
	_, err = h.Ioctl(usb.USBDEVFS_RESET, kernel.Arg{})
	require.NoError(t, err)
	require.NoError(t, h.Close())
	require.ErrorIs(t, <-ended, kernel.ENODEV)
	_, err = i.task.Write(i.fd, []byte("dead"))
	require.ErrorIs(t, err, kernel.ENODEV)
	again := i.other()
	l.answers(func(tag byte) []byte { return append(header(2, tag, 2), "ok"...) })
	require.Equal(t, "ok", again.read(10))
}

// Interfaces that are none of the driver's business are left alone; every instrument has its node.
func TestProbe(t *testing.T) {
	r := start(t)
	for range 2 {
		r.plug(emulated.New(&mirror{}), hw.FullSpeed)
	}
	odd := newLiar()
	odd.broken = true
	r.plug(odd, hw.HighSpeed)
	require.Contains(t, r.k.Log.Text(), "usbtmc 1-3:1.0: bulk endpoints not found")
	mute := newLiar()
	mute.control = func(hw.Setup, []byte) (int, error) { return 0, hw.Stall }
	r.plug(mute, hw.HighSpeed)
	require.Contains(t, r.k.Log.Text(), "usbtmc 1-4:1.0: can't read capabilities")
	names, err := r.k.Init().ReadDir("/dev")
	require.NoError(t, err)
	var nodes []string
	for _, s := range names {
		if strings.HasPrefix(s.Name, "usbtmc") {
			nodes = append(nodes, s.Name)
		}
	}
	require.Equal(t, []string{"usbtmc0", "usbtmc1", "usbtmc2"}, nodes)
	require.Equal(t, []string{"usb:v*p*d*dc*dsc*dp*icFEisc03ip00in*", "usb:v*p*d*dc*dsc*dp*icFEisc03ip01in*"}, usbtmc.New().Aliases)
}
