package smoke

import (
	"context"
	"net"

	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/hw/usb/usbip"
	"github.com/stretchr/testify/require"
)

func boardFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.yaml")
	require.NoError(t, os.WriteFile(path, []byte("speed: max\nmodules: [\"8250\"]\nuarts:\n"+text), 0o600))
	return path
}

// Every port of the default board does what its line promises.
func TestDefaultBoard(t *testing.T) {
	var out, errw bytes.Buffer
	err := Run(t.Context(), Options{JSON: "-", MaxSize: 4096}, &out, &errw)
	require.NoError(t, err, "%s", out.String())
	var rep Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
	require.True(t, rep.OK)
	require.Len(t, rep.Ports, 13, "seven uarts, a hub and five devices")
	require.Greater(t, rep.Ports[0].Count(serialtest.Pass), 40, "the loop-back plug")
	require.Greater(t, rep.Ports[1].Count(serialtest.Pass), 40, "the null modem")
	require.Equal(t, "was tested from ttyS1", rep.Ports[2].Results[0].Reason)
	for _, p := range rep.Ports[3:7] {
		require.Equal(t, 1, p.Count(serialtest.Pass), "%s", p.Line)
	}
	usb := map[string]int{}
	for _, p := range rep.Ports[7:] {
		usb[p.Line] = p.Count(serialtest.Pass)
	}
	require.Greater(t, usb["ttyUSB0: ftdi, loopback"], 40)
	delete(usb, "ttyUSB0: ftdi, loopback")
	require.Equal(t, map[string]int{"ttyACM0: cdc-acm, gps": 1, "usbtmc0: usbtmc": 1, "usb 1-4: hub": 0, "usb 1-4.1: source-sink": 12, "usb 1-4.2: loopback": 3}, usb)
	require.Empty(t, errw.String(), "no bar without a terminal")
}

// A suite that cannot fail proves nothing: here the lines carry faults that it is not told of.
func TestFailuresAreSeen(t *testing.T) {
	var out bytes.Buffer
	path := boardFile(t, "  - {io: 0x3f8, irq: 4, line: open}\n")
	require.ErrorIs(t, Run(t.Context(), Options{Board: path}, &out, &out), ErrFailed, "nothing passed")
	require.Contains(t, out.String(), "nothing is at the end of the line")

	out.Reset()
	path = boardFile(t, "  - {io: 0x3f8, irq: 4, line: loopback, faults: {out: drop=0.1}}\n")
	require.ErrorIs(t, Run(t.Context(), Options{Board: path}, &out, &out), ErrFailed)
	require.Contains(t, out.String(), "injects faults")
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Loopback: true}, "give --device or --usb too"},
		{Options{USB: "0403:6001", Devices: []string{"x"}}, "one of them"},
		{Options{USB: "0403"}, "want VENDOR:PRODUCT"},
		{Options{USB: "127.0.0.1:1/1-1"}, "127.0.0.1:1"},
		{Options{Devices: []string{"x"}, Board: "default"}, "--device and --board"},
		{Options{Devices: []string{"x"}, Loopback: true, Echo: true}, "one of them"},
		{Options{Devices: []string{"x"}, Far: "y", Echo: true}, "one of them"},
		{Options{Baud: -1}, "--baud -1"},
		{Options{MaxSize: -1}, "--max-size -1: want 1 byte or more"},
		{Options{Repeat: -1}, "--repeat -1"},
		{Options{For: -1}, "--for"},
		{Options{Skip: map[string]string{"size": ""}}, "--skip size: there is no such check; there are patterns, sizes, duplex, "},
		{Options{Devices: []string{"/dev/x", "/dev/x"}}, "--device /dev/x: it is tested already"},
		{Options{Devices: []string{"/dev/x", "/dev/y"}, Far: "/dev/z"}, "--far is the other end of one device"},
		{Options{JSON: "-", TAP: "-"}, "one of them can go to the standard output"},
		{Options{HTML: "/no/such/place.html"}, "--html: "},
		{Options{Board: "nosuch"}, "nosuch"},
	} {
		var out bytes.Buffer
		require.ErrorContains(t, Run(t.Context(), c.o, &out, &out), c.want)
		require.Empty(t, out.String())
	}
	var out bytes.Buffer
	err := Run(t.Context(), Options{Devices: []string{"/dev/no-such-port"}}, &out, &out)
	require.True(t, errors.Is(err, fs.ErrNotExist) || errors.Is(err, errors.ErrUnsupported), "%v", err)
}

// A port of the host that echoes, behind the emulated UART.
func TestDevice(t *testing.T) {
	m, s, err := host.PTYPair()
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	defer s.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := m.Read(buf)
			if err != nil {
				return
			}
			if _, err := m.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	var out bytes.Buffer
	err = Run(t.Context(), Options{Devices: []string{s.Name()}, Echo: true, MaxSize: 1024, JSON: "-"}, &out, &out)
	m.Close()
	<-done
	require.NoError(t, err, "%s", out.String())
	var rep Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
	require.Len(t, rep.Ports, 1)
	require.Greater(t, rep.Ports[0].Count(serialtest.Pass), 20)
}

// Devices of a USB/IP server behind the drivers of a simulated machine: what smoke --usb does with
// a real usbipd.
func TestUSB(t *testing.T) {
	bus := usb.NewBus(1, 5)
	line := serial.Loopback(serial.Max)
	for _, fn := range []usb.Function{ftdi.New(line, ""), usbtmc.New(&scpi.Supply{ID: "A,B,C,D"}), sourcesink.New(sourcesink.Zeros), sourcesink.Loopback(), hidkbd.New()} {
		speed := usb.HighSpeed
		if fn.Descriptors(speed) == nil {
			speed = usb.FullSpeed
		}
		_, err := bus.Plug("", usb.MustNew(fn, speed))
		require.NoError(t, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- usbip.NewServer(nil, bus).Serve(ctx, l) }()
	defer func() {
		stop()
		require.NoError(t, <-served)
		for _, s := range bus.Devices() {
			_ = bus.Unplug(s.Path())
		}
	}()
	for id, passes := range map[string]int{"1-1": 40, "1-2": 1, "1-3": 12, "1-4": 3} {
		var out bytes.Buffer
		require.NoError(t, Run(t.Context(), Options{USB: l.Addr().String() + "/" + id, JSON: "-", MaxSize: 1024, Loopback: true}, &out, &out), "%s: %s", id, &out)
		var rep Report
		require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
		require.GreaterOrEqual(t, rep.Ports[0].Count(serialtest.Pass), passes, id)
	}
	var out bytes.Buffer
	require.ErrorContains(t, Run(t.Context(), Options{USB: l.Addr().String() + "/1-5"}, &out, &out), "no driver")
}
