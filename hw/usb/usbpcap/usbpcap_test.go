package usbpcap_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/device/scpi"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/sourcesink"
	"github.com/kobench/kobench/hw/usb/usbpcap"
	"github.com/kobench/kobench/hw/usb/usbtmc"
)

var bg = context.Background()

// talk enumerates an instrument and asks it for its name.
func talk(t *testing.T, d usb.Device) string {
	_, err := usb.ReadDescriptors(bg, d)
	require.NoError(t, err)
	_, err = usb.Request(bg, d, 0, usb.SetConfiguration, 1, 0, nil)
	require.NoError(t, err)
	_, err = usb.Request(bg, d, 0xa1, 7, 0, 0, make([]byte, 0x18))
	require.NoError(t, err)
	out, in := usb.NewPipe(d, 0x02, usb.Bulk), usb.NewPipe(d, 0x81, usb.Bulk)
	_, err = out.Transfer(bg, []byte("\x01\x01\xfe\x00\x06\x00\x00\x00\x01\x00\x00\x00*IDN?\n\x00\x00"))
	require.NoError(t, err)
	_, err = out.Transfer(bg, []byte("\x02\x02\xfd\x00\x00\x01\x00\x00\x00\x00\x00\x00"))
	require.NoError(t, err)
	b := make([]byte, 512)
	n, err := in.Transfer(bg, b)
	require.NoError(t, err)
	return string(b[:n])
}

func record(t *testing.T, f usb.Function, do func(usb.Device)) []byte {
	var file bytes.Buffer
	rec, err := usbpcap.NewRecorder(&file)
	require.NoError(t, err)
	bus := usb.NewBus(1, 1)
	stop := bus.Tap(rec)
	s, err := bus.Plug("", usb.MustNew(f, usb.HighSpeed))
	require.NoError(t, err)
	do(s)
	stop()
	require.NoError(t, bus.Unplug("1"))
	require.NoError(t, rec.Close())
	return file.Bytes()
}

func TestRecordAndReplay(t *testing.T) {
	var said string
	file := record(t, usbtmc.New(&scpi.Supply{}), func(d usb.Device) { said = talk(t, d) })
	events, err := usbpcap.Read(bytes.NewReader(file))
	require.NoError(t, err)
	replay := func() (*usbpcap.Replay, *usb.Emulated) {
		r, err := usbpcap.NewReplay(events, 0, 0)
		require.NoError(t, err)
		d, err := usb.New(r, usb.HighSpeed)
		require.NoError(t, err)
		t.Cleanup(d.Unplug)
		return r, d
	}
	t.Run("the same", func(t *testing.T) {
		r, d := replay()
		require.Equal(t, said, talk(t, d))
		require.Contains(t, said, "KOBENCH,PSU1")
		require.Empty(t, r.Misses())
		got, err := usb.ReadDescriptors(bg, d)
		require.NoError(t, err)
		require.Equal(t, "SCPI instrument", got.String(got.Device.ProductS))
	})
	t.Run("something else", func(t *testing.T) {
		r, d := replay()
		_, err := usb.Request(bg, d, 0, usb.SetConfiguration, 1, 0, nil)
		require.NoError(t, err)
		_, err = usb.NewPipe(d, 0x02, usb.Bulk).Transfer(bg, []byte("other"))
		require.NoError(t, err)
		_, err = usb.Request(bg, d, 0xc0, 1, 0, 0, make([]byte, 1))
		require.ErrorIs(t, err, usb.EPIPE)
		require.Len(t, r.Misses(), 4) // the two, and two transfers not reached
	})
	t.Run("no descriptors", func(t *testing.T) {
		_, err := usbpcap.NewReplay(nil, 0, 0)
		require.ErrorIs(t, err, usb.EINVAL)
		_, err = usbpcap.Read(bytes.NewReader(file[:10]))
		require.ErrorIs(t, err, usb.EINVAL)
	})
}

// TestTshark: Wireshark's dissector finds nothing malformed, and knows what it sees.
func TestTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark: apt-get install tshark")
	}
	file := record(t, usbtmc.New(&scpi.Supply{}), func(d usb.Device) { talk(t, d) })
	iso := record(t, sourcesink.New(sourcesink.Any), func(d usb.Device) {
		_, err := usb.ReadDescriptors(bg, d)
		require.NoError(t, err)
		usb.Request(bg, d, 0, usb.SetConfiguration, 3, 0, nil)
		usb.Request(bg, d, 1, usb.SetInterface, 1, 0, nil)
		x := usb.Transfer{Endpoint: 0x83, Type: usb.Isochronous, Data: make([]byte, 2048), Packets: []usb.IsoPacket{{Length: 1024}, {Offset: 1024, Length: 1024}}}
		require.NoError(t, usb.Do(bg, d, &x))
	})
	for name, b := range map[string][]byte{"usbtmc": file, "iso": iso} {
		path := filepath.Join(t.TempDir(), name+".pcapng")
		require.NoError(t, os.WriteFile(path, b, 0o644))
		out, err := exec.Command(tshark, "-r", path, "-V").CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NotContains(t, string(out), "Malformed")
		require.NotContains(t, string(out), "Dissector bug")
		require.Contains(t, string(out), "URB_COMPLETE")
		require.Contains(t, string(out), "bDescriptorType")
		if name == "iso" {
			require.Contains(t, string(out), "URB_ISOCHRONOUS")
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("\x0a\x0d\x0d\x0a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := usbpcap.Read(bytes.NewReader(b))
		if err == nil {
			usbpcap.NewReplay(events, 0, 0)
		}
	})
}
