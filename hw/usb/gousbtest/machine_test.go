package gousbtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
	"github.com/kobench/kobench/hw/usb/gousbtest"
	"github.com/kobench/kobench/hw/usb/gousbtest/gousb"
)

// rig is a machine with one probe.
func rig(t testing.TB) (*gousbtest.Machine, *usb.Slot) {
	bus := usb.NewBus(1, 4)
	s := plug(t, bus)
	m := gousbtest.NewMachine(bus)
	t.Cleanup(func() { bus.Unplug(s.Path()); require.NoError(t, m.Check()) })
	return m, s
}

// open opens the first device.
func open(t testing.TB, m *gousbtest.Machine) *gousb.Device {
	ctx := m.NewContext()
	d, err := ctx.OpenDeviceWithVIDPID(0x1209, 0x42)
	require.NoError(t, err)
	require.NotNil(t, d)
	t.Cleanup(func() { require.NoError(t, d.Close()); require.NoError(t, ctx.Close()) })
	return d
}

func claim(t testing.TB, d *gousb.Device) (*gousb.InEndpoint, *gousb.OutEndpoint) {
	f, done, err := d.DefaultInterface()
	require.NoError(t, err)
	t.Cleanup(done)
	in, err := f.InEndpoint(1)
	require.NoError(t, err)
	out, err := f.OutEndpoint(2)
	require.NoError(t, err)
	return in, out
}

// recorder is a test that fails without failing.
type recorder struct {
	cleanups []func()
	said     []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(f string, a ...any) { r.said = append(r.said, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf("fatal: "+f, a...) }

func TestInstall(t *testing.T) {
	early := gousb.NewContext()
	_, err := early.OpenDevices(func(*gousb.DeviceDesc) bool { return true })
	require.ErrorContains(t, err, "gousbtest.Install")

	bus := usb.NewBus(1, 4)
	plug(t, bus)
	var r, second recorder
	gousbtest.Install(&r, bus)
	require.Nil(t, gousbtest.Install(&second, bus))
	require.Contains(t, second.said[0], "fatal: gousbtest: another test")

	devs, err := early.OpenDevices(func(*gousb.DeviceDesc) bool { return true })
	require.NoError(t, err, "a Context made before Install sees the buses as well")
	require.Len(t, devs, 1)
	require.NoError(t, devs[0].Close())
	leak := gousb.NewContext()
	d, err := leak.OpenDeviceWithVIDPID(0x1209, 0x42)
	require.NoError(t, err)
	_, _, err = d.DefaultInterface()
	require.NoError(t, err)
	r.cleanups[0]()
	require.Len(t, r.said, 1)
	require.Contains(t, r.said[0], "a Context with 1 open Devices was not closed")
	require.Contains(t, r.said[0], "interface 0 of vid=1209,pid=0042,bus=1,addr=2 is still claimed")
}

func TestKernelDriver(t *testing.T) {
	m, s := rig(t)
	require.NoError(t, m.Bind(s, 0))
	require.ErrorIs(t, m.Bind(plug(t, usb.NewBus(2, 1)), 0), usb.ENODEV)
	d := open(t, m)
	_, err := d.Config(2)
	require.ErrorContains(t, err, "busy")
	cfg, err := d.Config(1)
	require.NoError(t, err)
	_, err = cfg.Interface(0, 0)
	require.ErrorContains(t, err, gousb.ErrorBusy.Error())
	f, err := cfg.Interface(1, 0)
	require.NoError(t, err, "nothing is bound to the other one")
	f.Close()
	require.NoError(t, cfg.Close())
	require.True(t, m.Bound(s, 0))

	require.NoError(t, d.SetAutoDetach(true))
	f, done, err := d.DefaultInterface()
	require.NoError(t, err, f)
	require.False(t, m.Bound(s, 0))
	done()
	require.True(t, m.Bound(s, 0), "the driver is back")
}

func TestOverflow(t *testing.T) {
	m, _ := rig(t)
	in, out := claim(t, open(t, m))
	for _, c := range []struct {
		send, room, n int
		err           error
	}{
		{20, 20, 20, nil},
		{20, 10, 10, gousb.TransferOverflow}, // the packet has no room
		{20, 600, 20, nil},
		{600, 600, 600, nil},
		{700, 600, 600, gousb.TransferOverflow},
		{512, 512, 512, nil},
	} {
		_, err := out.Write(make([]byte, c.send))
		require.NoError(t, err)
		n, err := in.Read(make([]byte, c.room))
		require.Equal(t, c.err, err, c)
		require.Equal(t, c.n, n, c)
	}
}

func TestSeveralDevices(t *testing.T) {
	bus, far := usb.NewBus(1, 4), usb.NewBus(3, 4)
	hub := usb.MustNew(usb.NewHub(4), usb.HighSpeed)
	_, err := bus.Plug("2", hub)
	require.NoError(t, err)
	_, err = bus.Plug("2.3", usb.MustNew(&probe{}, usb.HighSpeed))
	require.NoError(t, err)
	plug(t, bus)
	plug(t, far)
	mute, err := usbfault.New(usb.MustNew(&lamp{}, usb.FullSpeed), 1, usbfault.Rule{Kind: usbfault.CRC, Rate: 1, Control: true})
	require.NoError(t, err)
	_, err = bus.Plug("4", mute)
	require.NoError(t, err)

	m := gousbtest.NewMachine(bus, far)
	ctx := m.NewContext()
	var seen []string
	devs, err := ctx.OpenDevices(func(d *gousb.DeviceDesc) bool {
		seen = append(seen, fmt.Sprint(d.Bus, d.Path, d.Port, d.Product))
		return d.Product == 0x42
	})
	require.ErrorContains(t, err, "1-4", "the device that does not answer")
	require.ErrorIs(t, err, usb.EPROTO)
	require.Equal(t, []string{"1 [1] 1 0042", "1 [2] 2 " + seen[1][len(seen[1])-4:], "1 [2 3] 3 0042", "3 [1] 1 0042"}, seen)
	require.Len(t, devs, 3)
	for i, d := range devs {
		require.ErrorContains(t, ctx.Close(), fmt.Sprintf("while %d Devices are still open", 3-i))
		require.NoError(t, d.Close())
	}
	require.NoError(t, ctx.Close())
	require.NoError(t, m.Check())

	require.NoError(t, bus.Unplug("4"))
	ctx = m.NewContext()
	for _, gone := range []string{"1", "2"} { // "2" takes what is behind the hub with it
		require.NoError(t, bus.Unplug(gone))
	}
	seen = nil
	_, err = ctx.OpenDevices(func(d *gousb.DeviceDesc) bool { seen = append(seen, fmt.Sprint(d.Bus)); return false })
	require.NoError(t, err)
	require.Equal(t, []string{"3"}, seen)
	require.NoError(t, ctx.Close())
}

func TestGoneWhileOpening(t *testing.T) {
	m, s := rig(t)
	ctx := m.NewContext()
	defer ctx.Close()
	devs, err := ctx.OpenDevices(func(*gousb.DeviceDesc) bool { s.Bus().Unplug(s.Path()); return true })
	require.Empty(t, devs)
	require.ErrorIs(t, err, gousb.ErrorNoDevice)
}

func TestForbid(t *testing.T) {
	m, s := rig(t)
	require.NoError(t, m.Forbid(s))
	ctx := m.NewContext()
	defer ctx.Close()
	seen := 0
	devs, err := ctx.OpenDevices(func(*gousb.DeviceDesc) bool { seen++; return true })
	require.Equal(t, 1, seen)
	require.Empty(t, devs)
	require.ErrorIs(t, err, gousb.ErrorAccess)
}

func TestUseAfterClose(t *testing.T) {
	m, _ := rig(t)
	d := open(t, m)
	f, done, err := d.DefaultInterface()
	require.NoError(t, err)
	in, err := f.InEndpoint(1)
	require.NoError(t, err)
	done()
	_, err = in.Read(make([]byte, 8))
	require.ErrorIs(t, err, gousb.ErrorIO)
	r, err := in.NewStream(512, 2)
	require.NoError(t, err)
	_, err = r.Read(make([]byte, 8))
	require.ErrorIs(t, err, gousb.ErrorIO)
	_, err = f.InEndpoint(1)
	require.ErrorContains(t, err, "after Close")
}

// TestUnplugStreams: a device goes while streams are under way, and with it all of them.
func TestUnplugStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := rig(t)
		d := open(t, m)
		in, _ := claim(t, d)
		r, err := in.NewStream(512, 4)
		require.NoError(t, err)
		go func() {
			synctest.Wait() // the reader waits
			s.Bus().Unplug(s.Path())
		}()
		_, err = r.Read(make([]byte, 512))
		require.ErrorIs(t, err, gousb.TransferNoDevice)
	})
}

// TestManyGoroutines is for the race detector: endpoints, control transfers, opening and unplugging
// at once.
func TestManyGoroutines(t *testing.T) {
	m, s := rig(t)
	d := open(t, m)
	in, out := claim(t, d)
	var all sync.WaitGroup
	var once sync.Once
	for i := range 4 {
		all.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				_, errIn := in.ReadContext(ctx, make([]byte, 512))
				_, errOut := out.WriteContext(ctx, make([]byte, 100))
				cancel()
				_, errControl := d.Control(gousb.ControlIn|gousb.ControlVendor, 1, 0, 0, make([]byte, 8))
				for _, err := range []error{errIn, errOut, errControl} {
					gone := errors.Is(err, gousb.ErrorNoDevice) || errors.Is(err, gousb.TransferNoDevice)
					if err != nil && !gone && !errors.Is(err, gousb.TransferCancelled) {
						t.Errorf("%v", err)
					}
				}
				c := m.NewContext()
				if other, _ := c.OpenDeviceWithVIDPID(0x1209, 0x42); other != nil {
					other.Product()
					other.Close()
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				if i == 0 && n == 100 {
					once.Do(func() { s.Bus().Unplug(s.Path()) })
				}
			}
		})
	}
	all.Wait()
}

func TestStrings(t *testing.T) {
	require.Equal(t, "", strings.Join([]string{
		gousb.TransferType(9).String(), gousb.Speed(9).String(), gousb.UsageType(9).String(), gousb.IsoSyncType(1).String(),
		gousb.DescriptorType(99).String(), gousb.TransferStatus(99).String(),
	}, ""))
	require.Equal(t, "77 9 libusb:  [code -77]", fmt.Sprint(gousb.Class(77), " ", gousb.Protocol(9), " ", gousb.Error(-77)))
}
