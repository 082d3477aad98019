//go:build linux

package doors

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// wait bounds what waits for a program of the host.
const wait = 3 * time.Minute

// ran is what a client says.
func ran(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

const models = "../../../fixtures/devices/"

// model boots a machine with one line, whose terminal is at the path given back.
func model(t *testing.T, line string) (*board.Machine, string) {
	t.Helper()
	b, err := board.Parse("model.yaml", fmt.Appendf(nil, "speed: max\nmodules: [\"8250\"]\nuarts: [{io: 0x3f8, irq: 4, line: %s}]\n", line))
	require.NoError(t, err)
	m := b.Power(kernel.Config{})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, m.LoadModules())
	d, err := Open(t.Context(), m, t.TempDir(), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return m, d.List[0].Path
}

// tool finds a client, or skips.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(p); err == nil {
			return found
		}
	}
	t.Skipf("%s is not installed (Debian package %s)", name, pkg)
	return ""
}

// ask is a client in pyserial: it sends each text and prints what comes up to the end.
const ask = `
import serial, sys
s = serial.Serial(sys.argv[1], int(sys.argv[2]), timeout=100)
end, back = sys.argv[3].encode().decode("unicode_escape").encode(), sys.argv[4].encode().decode("unicode_escape").encode()
for text in sys.argv[5:]:
    s.write(text.encode() + end)
    print(s.read_until(back).decode().strip())
`

// Tables, each asked with pyserial.
func TestModelTables(t *testing.T) {
	py := python(t)
	for _, c := range []struct {
		file, baud, end, back string
		ask                   []string
		want                  string
	}{
		{"scale.yaml", "9600", `\r\n`, `\r\n`, []string{"W", "P 1500", "W", "T", "W", "Z", "W", "X"}, "S S      0.000 kg\nOK\nS S      1.500 kg\nT S      1.500 kg\nS S      0.000 kg\nZ A\nS S      0.000 kg\nES\n"},
		{"thermostat.yaml", "19200", `\r`, `\r`, []string{"GET", "STATE", "SET 50", "SET 16", "STATE", "ON"}, "15.0\nOFF\n?\nOK\nOFF\nOK\n"},
		{"generator.yaml", "9600", `\r\n`, `\n`, []string{"*IDN?", "FREQ?", "FREQ 2000", "FREQ?", "FREQ 0", "OUT2 1", "OUT2?", "OUT1?", "HELLO", "*ESR?"}, "KOBENCH,FG1,0,1.0\n100.00\nOK\n2000.00\nRANGE\nOK\n1\n0\nERROR\n32\n"},
		{"modem.yaml", "115200", `\r`, `\r\n`, []string{"AT", "ATI", "", "ATDT5551234", "hello", "+++", "ATO", "+++", "ATH"}, "OK\nkobench\nOK\nERROR\nCONNECT\nhello\nOK\nCONNECT\nOK\n"},
	} {
		t.Run(c.file, func(t *testing.T) {
			_, path := model(t, "{table: "+models+c.file+"}")
			out := ran(t, py, append([]string{"-c", ask, path, c.baud, c.end, c.back}, c.ask...)...)
			require.Equal(t, c.want, out)
		})
	}
}

// The thermostat warms the room by itself, and says so.
func TestModelThermostat(t *testing.T) {
	py := python(t)
	_, path := model(t, "{table: "+models+"thermostat.yaml}")
	out := ran(t, py, "-c", ask, path, "19200", `\r`, `\r* 16.0\r`, "SET 16\rON")
	require.Contains(t, out, "* 16.0")
	out = ran(t, py, "-c", ask, path, "19200", `\r`, `\r`, "STATE")
	require.Equal(t, "WARM\n", out)
}

func TestModelMeter(t *testing.T) {
	mbpoll := tool(t, "mbpoll", "mbpoll")
	_, path := model(t, "{table: "+models+"meter.yaml}")
	common := []string{"-m", "rtu", "-b", "9600", "-P", "even", "-a", "1", "-1", "-o", "10"}
	out := ran(t, mbpoll, append(common, "-t", "3", "-r", "1", "-c", "4", path)...)
	require.Regexp(t, `\[1\]:\s+230\s+\[2\]:\s+1500\s+\[3\]:\s+345\s+\[4\]:\s+50`, out)
	ran(t, mbpoll, append(common, "-t", "4", "-r", "1", path, "750")...)
	out = ran(t, mbpoll, append(common, "-t", "4", "-r", "1", "-c", "1", path)...)
	require.Regexp(t, `\[1\]:\s+750`, out)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	b, err := exec.CommandContext(ctx, mbpoll, append(common, "-t", "3", "-r", "6", "-c", "2", path)...).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(b), "Illegal data address")
}

func TestModelGPS(t *testing.T) {
	gpsd, gpspipe := tool(t, "gpsd", "gpsd"), tool(t, "gpspipe", "gpsd-clients")
	_, path := model(t, "{table: "+models+"gps.yaml}")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	require.NoError(t, l.Close())
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	daemon := exec.CommandContext(ctx, gpsd, "-N", "-n", "-b", "-s", "4800", "-S", port, path)
	require.NoError(t, daemon.Start())
	defer func() { _ = daemon.Process.Kill(); _ = daemon.Wait() }()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, wait, 20*time.Millisecond)
	pipe := exec.CommandContext(ctx, gpspipe, "-w", "127.0.0.1:"+port)
	out, err := pipe.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, pipe.Start())
	defer func() { _ = pipe.Process.Kill(); _ = pipe.Wait() }()
	var text []byte
	buf := make([]byte, 4096)
	for !contains(text, `"lat":52.52`) || !contains(text, `"lon":13.405`) {
		n, err := out.Read(buf)
		require.NoError(t, err, "%s", text)
		text = append(text, buf[:n]...)
	}
}

func TestModelSLCAN(t *testing.T) {
	py := tool(t, "/usr/bin/python3", "python3")
	if exec.Command(py, "-c", "import can, serial").Run() != nil {
		t.Skip("python-can is not installed (Debian package python3-can)")
	}
	_, path := model(t, "{table: "+models+"slcan.yaml}")
	out := ran(t, py, "-c", `
import can, sys
bus = can.Bus(interface="slcan", channel=sys.argv[1], bitrate=500000, sleep_after_open=0)
bus.send(can.Message(arbitration_id=0x123, data=[1, 2, 0xab], is_extended_id=False))
while True:
    m = bus.recv(100)
    if m is None or not m.is_extended_id: break
print(hex(m.arbitration_id), m.data.hex())
bus.send(can.Message(arbitration_id=0x1234567, data=[], is_extended_id=True))
m = bus.recv(100)
print(hex(m.arbitration_id), m.is_extended_id)
bus.shutdown()
`, path)
	require.Equal(t, "0x124 0102ab\n0x1234568 True\n", out)
}

func TestModelBootloader(t *testing.T) {
	sx := tool(t, "sx", "lrzsz")
	py := tool(t, "python3", "python3")
	m, path := model(t, "{program: ["+py+", "+models+"bootloader.py]}")
	image := filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.WriteFile(image, make([]byte, 1000), 0o644))
	p, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	send := exec.CommandContext(ctx, sx, "-q", image)
	send.Stdin, send.Stdout = p, p
	require.NoError(t, send.Run())
	require.Eventually(t, func() bool {
		return contains([]byte(m.Kernel.Log.Text()), "ttyS0: starting 1024 bytes, crc ")
	}, wait, 5*time.Millisecond)
}

// A console sends breaks, which no pty carries, so it is a port of ours that plays it.
func TestModelDMX(t *testing.T) {
	py := tool(t, "python3", "python3")
	b, err := board.Parse("dmx.yaml", fmt.Appendf(nil, "speed: max\nmodules: [usbcore, usbserial, ftdi_sio]\nusb:\n  devices: [{device: ftdi, line: {program: [%s, %sdmx.py]}}]\n", py, models))
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, m.LoadModules())
	m.Settle()
	c, err := terminal.Open(m.Kernel, "/dev/ttyUSB0", serial.Mode{Baud: 250000, Data: 8, Stop: serial.Stop2})
	require.NoError(t, err)
	defer c.Close()
	require.Eventually(t, func() bool { // until the program is there
		require.NoError(t, c.SetBreak(true))
		require.NoError(t, c.SetBreak(false))
		_, err := c.Write([]byte{0, 255, 0, 128, 7, 9})
		require.NoError(t, err)
		return contains([]byte(m.Kernel.Log.Text()), "levels 255 0 128 7")
	}, wait, 50*time.Millisecond)
}

func contains(text []byte, what string) bool { return bytes.Contains(text, []byte(what)) }

// plugged is a described device on a bus, asked as libusb would.
func plugged(t *testing.T, file string) *usb.Slot {
	t.Helper()
	tool(t, "python3", "python3")
	m := (&board.Board{Name: "x"}).Power(kernel.Config{Catalog: catalog.All()})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	p, err := m.Plug(board.USBDevice{Kind: "described", From: models + file})
	require.NoError(t, err)
	_, err = usb.Request(limited(t), p.Slot, 0, usb.SetConfiguration, 1, 0, nil)
	require.NoError(t, err)
	return p.Slot
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	t.Cleanup(cancel)
	return ctx
}

func TestModelBarcode(t *testing.T) {
	slot := plugged(t, "barcode.yaml")
	in, got := usb.NewPipe(slot, 0x81, usb.Interrupt), ""
	for report := make([]byte, 8); len(got) < 14; {
		n, err := in.Transfer(limited(t), report)
		require.NoError(t, err)
		require.Equal(t, 8, n)
		switch k := report[2]; {
		case k >= 0x1e && k < 0x27:
			got += string(rune('1' + k - 0x1e))
		case k == 0x27:
			got += "0"
		case k == 0x28:
			got += "\n"
		}
	}
	require.Equal(t, "4006381333931\n", got)
}

func TestModelRelays(t *testing.T) {
	slot := plugged(t, "relays.yaml")
	ctx := limited(t)
	for _, relay := range []uint16{0, 3, 7} {
		_, err := usb.Request(ctx, slot, usb.TypeVendor, 1, 1, relay, nil)
		require.NoError(t, err)
	}
	_, err := usb.Request(ctx, slot, usb.TypeVendor, 1, 0, 3, nil)
	require.NoError(t, err)
	_, err = usb.Request(ctx, slot, usb.TypeVendor, 1, 1, 8, nil)
	require.ErrorIs(t, err, usb.Stall)
	on := make([]byte, 1)
	_, err = usb.Request(ctx, slot, usb.DirIn|usb.TypeVendor, 2, 0, 0, on)
	require.NoError(t, err)
	require.Equal(t, byte(0x81), on[0])
}
