package gousbtest_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/gousbtest"
	"github.com/kobench/kobench/hw/usb/gousbtest/gousb"
	"github.com/kobench/kobench/hw/usb/pcap"
)

// TestRecorded: a program meets a device out of a capture, and what it did otherwise than when it
// was recorded is listed.
func TestRecorded(t *testing.T) {
	// talk is the program: it sends words and returns what comes back.
	talk := func(bus *usb.Bus, words ...string) (answers []string) {
		ctx := gousbtest.NewMachine(bus).NewContext()
		d, err := ctx.OpenDeviceWithVIDPID(0x1209, 0x42)
		require.NoError(t, err)
		f, done, err := d.DefaultInterface()
		require.NoError(t, err)
		in, err := f.InEndpoint(1)
		require.NoError(t, err)
		out, err := f.OutEndpoint(2)
		require.NoError(t, err)
		b := make([]byte, 512)
		for _, word := range words {
			_, err := out.Write([]byte(word))
			require.NoError(t, err)
			n, err := in.Read(b)
			require.NoError(t, err)
			answers = append(answers, string(b[:n]))
		}
		n, err := d.Control(gousb.ControlIn|gousb.ControlVendor, 1, 0, 0, b)
		require.NoError(t, err)
		done()
		require.NoError(t, d.Close())
		require.NoError(t, ctx.Close())
		return append(answers, string(b[:n]))
	}

	var file bytes.Buffer
	rec, err := pcap.NewRecorder(&file)
	require.NoError(t, err)
	bus := usb.NewBus(1, 1)
	stop := bus.Tap(rec)
	plug(t, bus)
	want := talk(bus, "one", "two")
	require.Equal(t, []string{"one", "two", "vendor"}, want)
	stop()
	require.NoError(t, rec.Close())
	require.NoError(t, bus.Unplug("1"))

	events, err := pcap.Read(&file)
	require.NoError(t, err)
	device, err := pcap.NewReplay(events, 0, 0)
	require.NoError(t, err)
	_, err = bus.Plug("", usb.MustNew(device, usb.HighSpeed))
	require.NoError(t, err)
	require.Equal(t, want, talk(bus, "one", "two"))
	require.Empty(t, device.Misses())
	require.NoError(t, bus.Unplug("1"))
}
