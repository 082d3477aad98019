package usb_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
)

func TestBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := usb.NewBus(3, 2)
		var seen []string
		b.Watch(func(e usb.Event) { seen = append(seen, map[bool]string{true: "+", false: "-"}[e.Added]+e.Slot.Name()) })
		hub := usb.MustNew(usb.NewHub(2), usb.HighSpeed)
		_, err := b.Plug("1", hub)
		require.NoError(t, err)
		leaf, err := b.Plug("1.2", usb.MustNew(&echo{}, usb.FullSpeed))
		require.NoError(t, err)
		_, err = b.Plug("1.1", hub)
		require.ErrorIs(t, err, usb.EBUSY)
		require.ErrorContains(t, err, "plugged in already, as 3-1")
		d := usb.MustNew(&echo{}, usb.FullSpeed)
		s, err := b.Plug("", d)
		require.NoError(t, err)
		require.Equal(t, "3-2", s.Name())
		require.Equal(t, "3-1.2", leaf.Name())
		require.Same(t, leaf, b.Find("3-1.2"))
		require.Len(t, b.Devices(), 3)
		addresses := map[int]bool{s.Address(): true, leaf.Address(): true, b.Find("1").Address(): true}
		require.Len(t, addresses, 3)

		for path, want := range map[string]error{
			"3": usb.ENXIO, "2": usb.EBUSY, "2.1": usb.ENXIO, "1.3": usb.ENXIO, "01": usb.EINVAL, "x": usb.EINVAL,
			"1.1.1": usb.ENXIO, "1.1.1.1.1.1.1": usb.EINVAL, "": usb.EBUSY,
		} {
			_, err := b.Plug(path, usb.MustNew(&echo{}, usb.FullSpeed))
			require.ErrorIs(t, err, want, path)
		}
		// A hub tells its host about its ports.
		set(t, hub, usb.ToDevice, usb.SetConfiguration, 1, 0)
		set(t, hub, 0x23, usb.SetFeature, 8, 2)
		bits := make([]byte, 1)
		x := usb.Transfer{Endpoint: 0x81, Type: usb.Interrupt, Data: bits}
		require.NoError(t, usb.Do(bg, hub, &x))
		require.Equal(t, []byte{1 << 2}, bits)
		st := make([]byte, 4)
		_, err = usb.Request(bg, hub, 0xa3, usb.GetStatus, 0, 2, st)
		require.NoError(t, err)
		// powered, connected, connection changed; full speed
		require.Equal(t, []byte{0x01, 0x01, 0x01, 0x00}, st)

		d.Unplug() // by itself
		synctest.Wait()
		require.ErrorIs(t, s.Submit(&usb.Transfer{}), usb.ENODEV)
		require.NoError(t, b.Unplug("1")) // and what hangs on it
		require.ErrorIs(t, b.Unplug("1"), usb.ENODEV)
		require.Equal(t, "+3-1 +3-1.2 +3-2 -3-2 -3-1.2 -3-1", strings.Join(seen, " "))
		_, err = b.Plug("1", hub)
		require.ErrorIs(t, err, usb.ENODEV)
	})
}

type counter struct{ submitted, completed, bytes int }

func (c *counter) Submitted(*usb.Slot, *usb.Transfer)     { c.submitted++ }
func (c *counter) Completed(_ *usb.Slot, t *usb.Transfer) { c.completed++; c.bytes += t.Actual }

func TestTap(t *testing.T) {
	b := usb.NewBus(1, 1)
	s, err := b.Plug("", configured(t, &copier{}, usb.HighSpeed))
	require.NoError(t, err)
	var c counter
	stop := b.Tap(&c)
	p, buf := usb.NewPipe(s, 0x81, usb.Bulk), make([]byte, 100)
	_, err = p.Transfer(bg, buf)
	require.NoError(t, err)
	require.ErrorIs(t, s.Submit(&usb.Transfer{Type: usb.Control, Setup: usb.Setup{Length: 1}}), usb.EINVAL)
	require.Zero(t, testing.AllocsPerRun(50, func() { p.Transfer(bg, buf) }))
	n := c.completed
	require.Equal(t, n*100, c.bytes)
	stop()
	p.Transfer(bg, buf)
	require.Equal(t, n, c.completed)
}

// A bus has 127 addresses, one of them the root hub's.
func TestAddresses(t *testing.T) {
	b := usb.NewBus(1, 200)
	for range 126 {
		_, err := b.Plug("", usb.MustNew(&echo{}, usb.FullSpeed))
		require.NoError(t, err)
	}
	_, err := b.Plug("", usb.MustNew(&echo{}, usb.FullSpeed))
	require.ErrorIs(t, err, usb.ENOTCONN)
	require.NoError(t, b.Unplug("77"))
	s, err := b.Plug("", usb.MustNew(&echo{}, usb.FullSpeed))
	require.NoError(t, err)
	require.NotZero(t, s.Address())
	for _, s := range b.Devices() {
		require.NoError(t, b.Unplug(s.Path()))
	}
}
