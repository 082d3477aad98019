package pcap_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/hw/usb/pcap"
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
	rec, err := pcap.NewRecorder(&file)
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
	events, err := pcap.Read(bytes.NewReader(file))
	require.NoError(t, err)
	replay := func() (*pcap.Replay, *usb.Emulated) {
		r, err := pcap.NewReplay(events, 0, 0)
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
		_, err := pcap.NewReplay(nil, 0, 0)
		require.ErrorIs(t, err, usb.EINVAL)
		_, err = pcap.Read(bytes.NewReader(file[:10]))
		require.ErrorIs(t, err, usb.EINVAL)
	})
}

// Out of a capture of a bus each device can be had, at its speed, with all that it said of itself.
func TestReplayOneOfSeveral(t *testing.T) {
	bus := usb.NewBus(1, 4)
	var file bytes.Buffer
	rec, err := pcap.NewRecorder(&file)
	require.NoError(t, err)
	stop := bus.Tap(rec)
	for _, x := range []struct {
		f usb.Function
		s usb.Speed
	}{{usb.NewHub(2), usb.HighSpeed}, {sourcesink.New(sourcesink.Zeros), usb.SuperSpeed}, {ftdi.New(serial.Loopback(serial.Max), "X"), usb.FullSpeed}, {hidkbd.New(), usb.LowSpeed}} {
		slot, err := bus.Plug("", usb.MustNew(x.f, x.s))
		require.NoError(t, err)
		_, err = usb.ReadDescriptors(bg, slot)
		require.NoError(t, err)
	}
	stop()
	for _, s := range bus.Devices() {
		require.NoError(t, bus.Unplug(s.Path()))
	}
	require.NoError(t, rec.Close())
	events, err := pcap.Read(&file)
	require.NoError(t, err)
	list := pcap.Devices(events)
	require.Len(t, list, 3, "the hub is not among them")
	_, err = pcap.NewReplay(events, 0, 0)
	require.ErrorContains(t, err, "the capture has 3 devices, choose one: [1.3 (0525:a4a0) 1.4 (0403:6001) 1.5 (")
	_, err = pcap.NewReplay(events, 1, 9)
	require.ErrorContains(t, err, "no device 1.9; it has [1.3")
	_, err = pcap.NewReplay(events, 1, 2)
	require.ErrorIs(t, err, usb.EINVAL)
	require.ErrorContains(t, err, "it is a hub; plug in one of ours and replay what was behind it, of [1.3")
	// a keyboard is right for both
	for i, speed := range []usb.Speed{usb.SuperSpeed, usb.FullSpeed, usb.FullSpeed} {
		r, err := pcap.NewReplay(events, list[i].Bus, list[i].Dev)
		require.NoError(t, err)
		require.Equal(t, speed, r.Speed())
		d, err := usb.New(r, r.Speed())
		require.NoError(t, err)
		got, err := usb.ReadDescriptors(bg, d)
		require.NoError(t, err)
		require.Equal(t, list[i].Device.Product, got.Device.Product)
		require.Equal(t, speed == usb.SuperSpeed, got.BOS != nil)
		d.Unplug()
	}
}

// A capture does not say how fast its device was. What the descriptors say does, even if they are
// wrong otherwise.
func TestReplaySpeed(t *testing.T) {
	intr := usb.Endpoint{Address: 0x81, Attributes: 3, MaxPacket: 8, Interval: 10}
	odd := intr
	odd.Interval = 0
	bulk := func(n uint16) usb.Endpoint { return usb.Endpoint{Address: 0x82, Attributes: 2, MaxPacket: n} }
	for _, c := range []struct {
		name    string
		usb     usb.BCD
		packet0 uint8
		eps     []usb.Endpoint
		want    usb.Speed
		wrong   string
	}{
		{"high", 0x0200, 64, []usb.Endpoint{bulk(512)}, usb.HighSpeed, ""},
		{"full, by its control packets", 0x0200, 8, []usb.Endpoint{intr}, usb.FullSpeed, ""},
		{"full, by its bulk packets", 0x0200, 64, []usb.Endpoint{bulk(64)}, usb.FullSpeed, ""},
		{"full, by bcdUSB", 0x0110, 64, []usb.Endpoint{intr}, usb.FullSpeed, ""},
		{"either", 0x0200, 64, []usb.Endpoint{intr}, usb.HighSpeed, ""},
		{"broken at full", 0x0200, 8, []usb.Endpoint{odd}, usb.FullSpeed, "bInterval is 0"},
		{"broken at full, with bulk", 0x0200, 64, []usb.Endpoint{odd, bulk(64)}, usb.FullSpeed, "bInterval is 0"},
		{"broken at high", 0x0200, 64, []usb.Endpoint{odd, bulk(512)}, usb.HighSpeed, "bInterval is 0"},
		{"super without a BOS", 0x0300, 9, []usb.Endpoint{bulk(1024)}, usb.SuperSpeed, "and a BOS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev := usb.DeviceDescriptor{USB: c.usb, MaxPacket0: c.packet0, Vendor: 1, Product: 2, NumConfigs: 1}
			conf := usb.Configuration{Value: 1, Interfaces: []usb.Interface{{Class: 0xff, Endpoints: c.eps}}}
			var events []pcap.Event
			for i, d := range [][]byte{dev.Append(nil), conf.Append(nil)} {
				s := usb.Setup{RequestType: usb.DirIn, Request: usb.GetDescriptor, Value: uint16(i+1) << 8, Length: 255}
				e := pcap.Event{ID: uint64(i), Kind: 'S', Type: usb.Control, Bus: 1, Dev: 2, Setup: s, HasSetup: true}
				events = append(events, e)
				e.Kind, e.HasSetup, e.Data = 'C', false, d
				events = append(events, e)
			}
			r, err := pcap.NewReplay(events, 0, 0)
			require.NoError(t, err)
			require.Equal(t, c.want, r.Speed())
			_, err = usb.New(r, r.Speed())
			if c.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.wrong)
		})
	}
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
		events, err := pcap.Read(bytes.NewReader(b))
		if err == nil {
			pcap.NewReplay(events, 0, 0)
		}
	})
}
