package board

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
	"github.com/kobench/kobench/hw/usb/pcap"
	"github.com/kobench/kobench/hw/usb/usbip"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// What is wrong with a device says where, and what would be right.
func TestUSBErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{device: toaster}":                         `device "toaster": want one of ftdi`,
		"{port: \"1\"}":                             `device "": want one of`,
		"{device: hub, line: loopback}":             "hub has no line",
		"{device: ftdi, line: {null-modem: ttyS0}}": "null-modem joins two uarts",
		"{device: ftdi, line: warp}":                `line "warp": want one of`,
		"{device: ftdi, speed: warp}":               `speed "warp": want low`,
		"{device: replay}":                          "from: say where it comes from: CAPTURE",
		"{device: hub, from: x}":                    "hub has no from",
		"{device: hub, ports: 16}":                  "a hub has 1 to 15, not 16",
		"{device: ftdi, ports: 2}":                  "ftdi has no ports",
		"{device: ftdi, faults: always}":            "want KIND=RATE",
		"{device: ftdi, colour: red}":               "unknown field",
		"{device: keyboard, serial: X}":             "keyboard has no serial",
	} {
		_, err := Parse("desk.yaml", []byte("usb:\n  devices:\n    - "+text+"\n"))
		var e *Error
		require.ErrorAs(t, err, &e, text)
		require.Contains(t, e.Msg, want, text)
		require.Equal(t, 3, e.Line, text)
	}
	_, err := Parse("desk.yaml", []byte("usb:\n  record: bus.txt\n"))
	require.ErrorContains(t, err, "want a file that ends in .pcapng")
	d, err := ParseUSB("device", []byte(`{"device": "cdc-acm", "line": {"gps": {"lat": 1}}, "faults": "stall@3", "seed": 7}`), HostFiles)
	require.NoError(t, err)
	require.Equal(t, []usbfault.Rule{{Kind: usbfault.Stall, At: 3}}, d.Faults)
	require.Equal(t, "cdc-acm, gps", d.String())
}

// power boots a board whose modules come by name.
func power(t *testing.T, text string) *Machine {
	b, err := Parse("desk.yaml", []byte(text))
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	// a modprobe that knows one device
	m.Kernel.SetModprobe(func(_ context.Context, alias string) error {
		if alias != "usb:v0403p6001d0600dc00dsc00dp00icFFiscFFipFFin00" {
			return kernel.ENOENT
		}
		task := m.Kernel.NewTask(kernel.WithComm("modprobe"))
		defer task.Exit()
		for _, name := range []string{"usbserial", "ftdi_sio"} {
			if err := task.LoadByName(name, ""); err != nil && kernel.ErrnoOf(err) != kernel.EEXIST {
				return err
			}
		}
		return nil
	})
	require.NoError(t, m.LoadModules())
	m.Settle()
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// A device of the board has its driver and its node after boot, carries data, and is on the
// recording.
func TestUSBBoard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bus.pcapng")
	func() {
		b, err := Parse("desk.yaml", []byte("speed: max\nmodules: [usbcore, usbserial, ftdi_sio]\nusb:\n  devices: [{port: \"3\", device: ftdi, line: loopback}]\n  record: "+file+"\n"))
		require.NoError(t, err)
		m := b.Power(kernel.Config{Catalog: catalog.All()})
		defer func() { require.NoError(t, m.Close()) }()
		require.NoError(t, m.LoadModules())
		m.Settle()
		require.Len(t, m.Plugged(), 1)
		require.Equal(t, []string{"ttyUSB0"}, m.Nodes(m.Plugged()[0]))
		echo(t, m, "ttyUSB0")
	}()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	events, err := pcap.Read(f)
	require.NoError(t, err)
	require.Greater(t, len(events), 20)
}

func echo(t *testing.T, m *Machine, node string) {
	t.Helper()
	c, err := terminal.Open(m.Kernel, "/dev/"+node, serial.Format8N1(115200))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("there and back"))
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	b := make([]byte, 14)
	_, err = io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, "there and back", string(b))
}

// foreignHub is a hub behind which the bus has no ports, such as an imported one.
type foreignHub struct{ *hw.Hub }

// Out of one machine over USB/IP into another, and back again.
func TestUSBExport(t *testing.T) {
	const text = "speed: max\nmodules: [usbcore]\n"
	a, b := power(t, text), power(t, text)
	d := USBDevice{Port: "2", Kind: "ftdi", Speed: hw.FullSpeed, Line: Loopback{}}
	p, err := a.Plug(d)
	require.NoError(t, err)
	a.Settle()
	require.Equal(t, []string{"ttyUSB0"}, a.Nodes(p))
	_, err = a.Plug(d)
	require.ErrorIs(t, err, hw.EBUSY)

	_, _, err = a.Export("127.0.0.1:0", []string{"7"})
	require.ErrorIs(t, err, kernel.ENODEV)
	_, err = a.Bus().Plug("3", hw.MustNew(foreignHub{hw.NewHub(2)}, hw.HighSpeed))
	require.NoError(t, err)
	a.Settle()
	_, _, err = a.Export("127.0.0.1:0", []string{"3"})
	require.ErrorContains(t, err, "1-3 is a hub")
	require.ErrorIs(t, err, kernel.EINVAL)
	addr, names, err := a.Export("127.0.0.1:0", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"1-2"}, names)
	require.Empty(t, a.Nodes(p), "its drivers have let go")
	_, _, err = a.Export("", []string{"2"})
	require.ErrorIs(t, err, kernel.EBUSY)
	_, _, err = a.Export("127.0.0.1:1", []string{"2"})
	require.ErrorContains(t, err, "listens at "+addr)

	q, err := b.Plug(USBDevice{Kind: "usbip", From: addr + "/1-2"})
	require.NoError(t, err)
	b.Settle()
	require.Equal(t, []string{"ttyUSB0"}, b.Nodes(q))
	echo(t, b, "ttyUSB0")
	require.NoError(t, b.Unplug(q.Slot.Path()))
	b.Settle()
	require.NoError(t, a.EndExport())
	a.Settle()
	require.Equal(t, []string{"ttyUSB0"}, a.Nodes(p), "and have it back")
	echo(t, a, "ttyUSB0")
	require.ErrorIs(t, a.EndExport(), kernel.EINVAL)
	_, err = b.Plug(USBDevice{Kind: "usbip", From: addr + "/1-2"})
	require.Error(t, err, "the server has ended")

	// The server goes down under an import: the device is gone there, back here.
	addr, _, err = a.Export("127.0.0.1:0", nil)
	require.NoError(t, err)
	q, err = b.Plug(USBDevice{Kind: "usbip", From: addr + "/1-2"})
	require.NoError(t, err)
	b.Settle()
	require.NoError(t, a.EndExport())
	select {
	case <-q.Slot.Gone():
	case <-time.After(10 * time.Second):
		t.Fatal("the import outlives its server")
	}
	require.Eventually(t, func() bool {
		return strings.Contains(b.Kernel.Log.Text(), "usb 1-1: usbip "+addr+"/1-2: usb: usbip 1-2: the server closed the connection")
	}, 10*time.Second, time.Millisecond, "why it went")
	echo(t, a, "ttyUSB0")
	_, err = usbip.List(t.Context(), addr)
	require.Error(t, err)
	_, err = net.Dial("tcp", addr)
	require.Error(t, err)
}

// A capture's device is plugged in at its own speed; an error says at which it can be, and which
// devices there are.
func TestUSBReplay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bus.pcapng")
	func() {
		m := power(t, "modules: [usbcore]\nusb:\n  devices:\n    - {port: \"1\", device: ftdi, line: loopback}\n    - {device: source-sink, speed: super}\n  record: "+file+"\n")
		m.Settle()
		require.NoError(t, m.Close())
	}()
	m := power(t, "modules: [usbcore]\nusb: {devices: [{device: replay, from: "+file+"}]}\n")
	require.Len(t, m.Problems(), 1)
	require.Contains(t, m.Problems()[0], "the capture has 2 devices, choose one: [1.2 (0403:6001) 1.3 (0525:a4a0)]")
	for _, c := range []struct {
		which string
		speed hw.Speed
		want  string
	}{
		{"#1.2", hw.FullSpeed, ""},
		{"#1.3", hw.SuperSpeed, ""},
		{"#1.4", 0, "no device 1.4; it has [1.2 (0403:6001) 1.3 (0525:a4a0)] (EINVAL)"},
		{"#1.2", hw.HighSpeed, "is right at full speed, not at high; leave the speed out"},
		{"#1", 0, "want CAPTURE#BUS.DEVICE"},
	} {
		d := USBDevice{Kind: "replay", From: file + c.which}
		if c.want != "" {
			d.Speed = c.speed
			_, err := m.Plug(d)
			require.ErrorContains(t, err, c.want)
			continue
		}
		p, err := m.Plug(d)
		require.NoError(t, err)
		require.Equal(t, c.speed, p.Slot.Speed())
		m.Settle()
		require.True(t, m.Enumerated(p))
	}
}

// A device that comes from elsewhere and is not there.
func TestPlugErrors(t *testing.T) {
	m := power(t, "modules: [usbcore]\n")
	for _, c := range []struct {
		d    USBDevice
		want string
	}{
		{USBDevice{Kind: "replay", From: filepath.Join(t.TempDir(), "none.pcapng")}, "no such file"},
		{USBDevice{Kind: "usbip", From: "nowhere"}, "want host:port/BUSID"},
		{USBDevice{Kind: "host", From: "0403"}, "want VENDOR:PRODUCT"},
		{USBDevice{Kind: "hub", Port: "99", Speed: hw.HighSpeed}, "port 99 of 8"},
		{USBDevice{Kind: "hub", Port: "1.1", Speed: hw.HighSpeed}, "plug a hub into it first"},
		{USBDevice{Kind: "hub", Speed: hw.SuperSpeed}, "no descriptors for super speed"},
	} {
		_, err := m.Plug(c.d)
		require.ErrorContains(t, err, c.want)
	}
	require.Empty(t, m.Plugged())
	require.ErrorIs(t, m.Unplug("1"), hw.ENODEV)
}

// A usbcore that was built and refused, as when two ask for it at once, is not the one to wait for.
func TestSettleWaitsForTheLoadedCore(t *testing.T) {
	m := power(t, "modules: [usbcore]\n")
	for range 20 {
		require.ErrorIs(t, m.Kernel.Init().LoadByName("usbcore", ""), kernel.EEXIST)
		p, err := m.Plug(USBDevice{Kind: "source-sink", Speed: hw.HighSpeed})
		require.NoError(t, err)
		m.Settle()
		require.True(t, m.Enumerated(p))
		require.NoError(t, m.Unplug(p.Slot.Path()))
		m.Settle()
	}
}
