//go:build unix

package described

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/usb"
	"github.com/stretchr/testify/require"
)

const full = `
speed: full
vendor: 0x1209
product: 0x0001
release: 1.2
manufacturer: Example
name: Relays
serial: "7"
languages: {0x0407: {Relays: Relais}}
configurations:
  - name: Working
    interfaces:
      - class: hid
        subclass: 1
        hid: {report: [usage page 1, usage 6, collection application, usage minimum 0xe0, logical maximum 300, input data variable absolute, end collection]}
        endpoints: [{address: 0x81, type: interrupt, packet: 8}]
      - {class: vendor}
      - class: vendor
        number: 1
        endpoints: [{address: 0x82, type: bulk}, {address: 0x02, type: bulk}]
  - {milliamp: 20, self-powered: true, interfaces: [{class: vendor, endpoints: [{address: 0x83, type: isochronous, packet: 100}, {address: 0x03, type: isochronous, packet: 100}]}]}
microsoft: {compatible: WINUSB, guid: "{12345678-1234-1234-1234-123456789abc}"}
answers: [{setup: "c0 09 0001 0000", data: "01 02 03"}]
`

func plug(t *testing.T, text string) (*usb.Slot, *Function) {
	t.Helper()
	s, err := Parse("d.yaml", "", []byte(text))
	require.NoError(t, err)
	f := New(s)
	f.Log = func(s string) { t.Log(s) }
	d, err := usb.New(f, s.Speed)
	require.NoError(t, err)
	f.Ended = func(error) { d.Unplug() }
	bus := usb.NewBus(1, 2)
	slot, err := bus.Plug("1", d)
	require.NoError(t, err)
	t.Cleanup(func() { d.Unplug(); f.Wait() })
	return slot, f
}

// ask bounds everything that waits for a program.
func ask(t *testing.T) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	return ctx
}

func TestDescriptors(t *testing.T) {
	slot, _ := plug(t, full)
	ctx := ask(t)
	d, err := usb.ReadDescriptors(ctx, slot)
	require.NoError(t, err)
	require.Equal(t, usb.BCD(0x0120), d.Device.Release)
	require.Equal(t, "Relays", d.String(d.Device.ProductS))
	require.Len(t, d.Configs, 2)
	require.Equal(t, "Working", d.String(d.Configs[0].NameS))
	require.EqualValues(t, 10, d.Configs[1].MaxPower)
	require.NotNil(t, d.Configs[0].Interface(1, 1), "a second setting of number 1")

	b := make([]byte, 255)
	n, err := usb.Request(ctx, slot, usb.DirIn, usb.GetDescriptor, usb.DescString<<8, 0, b)
	require.NoError(t, err)
	require.Equal(t, []byte{6, 3, 9, 4, 7, 4}, b[:n])
	n, err = usb.Request(ctx, slot, usb.DirIn, usb.GetDescriptor, usb.DescString<<8|uint16(d.Device.ProductS), 0x0407, b)
	require.NoError(t, err)
	s, err := usb.ParseString(b[:n])
	require.NoError(t, err)
	require.Equal(t, "Relais", s)

	_, err = usb.Request(ctx, slot, 0, usb.SetConfiguration, 1, 0, nil)
	require.NoError(t, err)
	n, err = usb.Request(ctx, slot, usb.DirIn|usb.ToInterface, usb.GetDescriptor, usb.DescReport<<8, 0, b)
	require.NoError(t, err)
	require.Equal(t, "\x05\x01\x09\x06\xa1\x01\x19\xe0\x26\x2c\x01\x81\x02\xc0", string(b[:n]))
	h, err := usb.ParseHID(d.Configs[0].Interfaces[0].Extra)
	require.NoError(t, err)
	require.EqualValues(t, n, h.ReportLength)

	require.Len(t, d.BOS.Capabilities, 1)
	length := int(d.BOS.Capabilities[0][24]) | int(d.BOS.Capabilities[0][25])<<8
	n, err = usb.Request(ctx, slot, usb.DirIn|usb.TypeVendor, 0x20, 0, 7, b)
	require.NoError(t, err)
	require.Equal(t, length, n)
	require.Contains(t, string(b[:n]), "WINUSB\x00\x00")
	n, err = usb.Request(ctx, slot, usb.DirIn|usb.TypeVendor, 9, 1, 0, b)
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2, 3}, b[:n])
	_, err = usb.Request(ctx, slot, usb.DirIn|usb.TypeVendor, 10, 1, 0, b)
	require.ErrorIs(t, err, usb.Stall)
}

func TestOS1(t *testing.T) {
	slot, _ := plug(t, "speed: full\nvendor: 1\nproduct: 2\nname: x\nmicrosoft: {compatible: WINUSB, version: 1, guid: \"{1}\"}\ninterfaces: [{class: vendor}]\n")
	b := make([]byte, 255)
	n, err := usb.Request(ask(t), slot, usb.DirIn, usb.GetDescriptor, usb.DescString<<8|0xee, 0, b)
	require.NoError(t, err)
	require.Equal(t, "\x12\x03M\x00S\x00F\x00T\x001\x000\x000\x00\x20\x00", string(b[:n]))
	n, err = usb.Request(ask(t), slot, usb.DirIn|usb.TypeVendor, 0x20, 0, 4, b)
	require.NoError(t, err)
	require.Equal(t, 40, n)
}

func TestSuperSpeed(t *testing.T) {
	slot, _ := plug(t, `{"speed": "super", "vendor": 1, "product": 2, "interfaces": [{"class": "vendor", "endpoints": [{"address": 129, "type": "bulk", "burst": 3}]}]}`)
	d, err := usb.ReadDescriptors(ask(t), slot)
	require.NoError(t, err)
	require.EqualValues(t, 3, d.Configs[0].Interfaces[0].Endpoints[0].Companion.MaxBurst)
	require.Len(t, d.BOS.Capabilities, 2)
}

func TestErrors(t *testing.T) {
	const head = "speed: full\nvendor: 1\nproduct: 2\n"
	for _, c := range []struct{ text, want string }{
		{"vendor: 1", `a USB device needs "speed"`},
		{head + "interfaces: [{class: vendro}]", `d.yaml:4:22: class "vendro": want a number, or one of application, audio`},
		{head + "interfaces: [{class: vendor, endpoints: [{address: 0x81, type: bluk}]}]", `"bluk": want bulk, interrupt, isochronous`},
		{head + "interfaces: [{class: vendor, endpoint: []}]", `an interface has no "endpoint"`},
		{head + "interfaces: [{class: vendor, endpoints: [{address: 0x81, type: bulk, packet: 63}]}]", "wMaxPacketSize is 63; a bulk endpoint at full speed has 8, 16, 32 or 64"},
		{head + "interfaces: [{class: hid, hid: {report: [uasge 1]}}]", `item "uasge 1": want one of collection, end collection`},
		{head + "interfaces: [{class: hid, hid: {report: [usage x]}}]", `item "usage": "x": want a number`},
		{head + "name: a\nlanguages: {0x0407: {b: c}}\ninterfaces: [{class: vendor}]", `the device has no text "b"; it has ["a"]`},
		{head + "interfaces: [{class: vendor}]\nanswers: [{setup: \"c0\"}]", "want type, request, value and index"},
		{head + "interfaces: [{class: vendor}]\nbos: [\"01 02\"]", "want a whole capability descriptor"},
		{head + "interfaces: [{class: vendor}]\nmicrosoft: {compatible: winusb}", "of up to 8 capitals"},
		{head, "a USB device needs interfaces"},
		{head + "interfaces: [{class: vendor}]\noptions: {a: 1}", "options are for a program"},
		{head + "release: x\ninterfaces: [{class: vendor}]", "want a version such as 2.00"},
	} {
		_, err := Parse("d.yaml", "", []byte(c.text))
		require.ErrorContains(t, err, c.want, c.text)
		require.True(t, strings.HasPrefix(err.Error(), "d.yaml:"), err.Error())
	}
}

// withProgram is the device with a program in Python, or skips.
func withProgram(t *testing.T, text string) string {
	t.Helper()
	p, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed (Debian package python3)")
	}
	file := filepath.Join(t.TempDir(), "dev.py")
	require.NoError(t, os.WriteFile(file, []byte("from kobench_device import USB\nclass Dev(USB):\n"+text+"\nDev().run()\n"), 0o644))
	return full + "program: [" + p + ", " + file + "]\noptions: {n: 5}\n"
}

func TestProgram(t *testing.T) {
	slot, _ := plug(t, withProgram(t, `
    def control(self, setup, data):
        if setup.request == 1: return b"abc%d" % self.options["n"]
        if setup.request == 2:
            self.send(0x82, data)
            return True
        if setup.request == 3: return False
        if setup.request == 4: self.stall(0x82); return True
        if setup.request == 5: self.unplug(); return True
        if setup.request == 6: return bytes([self.value])
    def out(self, endpoint, data): self.send(endpoint | 0x80, data[::-1])
    def wanted(self, endpoint, length): return b"\x01" * 8 if endpoint == 0x81 else None
    def configured(self, value): self.value = value
    def setting(self, interface, value): self.value = 10 * interface + value
`))
	ctx := ask(t)
	get := func(request uint8) (string, error) {
		b := make([]byte, 64)
		n, err := usb.Request(ctx, slot, usb.DirIn|usb.TypeVendor, request, 0, 0, b)
		return string(b[:n]), err
	}
	put := func(request uint8, s string) error {
		_, err := usb.Request(ctx, slot, usb.TypeVendor, request, 0, 0, []byte(s))
		return err
	}
	_, err := usb.Request(ctx, slot, 0, usb.SetConfiguration, 1, 0, nil)
	require.NoError(t, err)
	_, err = usb.Request(ctx, slot, usb.ToInterface, usb.SetInterface, 1, 1, nil)
	require.NoError(t, err)
	s, err := get(1)
	require.NoError(t, err)
	require.Equal(t, "abc5", s)
	s, err = get(6)
	require.NoError(t, err)
	require.Equal(t, "\x0b", s)
	_, err = get(7)
	require.ErrorIs(t, err, usb.Stall)
	require.ErrorIs(t, put(3, ""), usb.Stall)

	in, out, irq := usb.NewPipe(slot, 0x82, usb.Bulk), usb.NewPipe(slot, 0x02, usb.Bulk), usb.NewPipe(slot, 0x81, usb.Interrupt)
	b := make([]byte, 64)
	require.NoError(t, put(2, "hello"))
	n, err := in.Transfer(ctx, b)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b[:n]))
	_, err = out.Transfer(ctx, []byte("world"))
	require.NoError(t, err)
	n, err = in.Transfer(ctx, b)
	require.NoError(t, err)
	require.Equal(t, "dlrow", string(b[:n]))
	for range 3 {
		n, err = irq.Transfer(ctx, b[:8])
		require.NoError(t, err)
		require.Equal(t, "\x01\x01\x01\x01\x01\x01\x01\x01", string(b[:n]))
	}
	require.NoError(t, put(4, ""))
	_, err = in.Transfer(ctx, b)
	require.ErrorIs(t, err, usb.Stall)

	_, err = usb.Request(ctx, slot, 0, usb.SetConfiguration, 2, 0, nil)
	require.NoError(t, err)
	iso := func(ep uint8, data []byte) *usb.Transfer {
		done := make(chan struct{})
		x := &usb.Transfer{Endpoint: ep, Type: usb.Isochronous, Data: data, Packets: []usb.IsoPacket{{Length: len(data)}}, Done: func(*usb.Transfer) { close(done) }}
		require.NoError(t, slot.Submit(x))
		<-done
		require.NoError(t, x.Err)
		return x
	}
	iso(0x03, []byte("iso"))
	for {
		x := iso(0x83, make([]byte, 100)) // empty packets until the program has answered
		if x.Packets[0].Actual > 0 {
			require.Equal(t, "osi", string(x.Data[:x.Packets[0].Actual]))
			break
		}
	}
	_ = put(5, "")
	<-slot.Gone()
}

// A program that dies is a device that is pulled out; one that floods is held; one that does not
// answer lets the host wait.
func TestBadPrograms(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"dies", "    def control(self, s, d): raise SystemExit(3)", "exit status 3"},
		{"nonsense", "    def control(self, s, d):\n        for i in range(30): self.do('dance')", "make no sense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Parse("d.yaml", "", []byte(withProgram(t, c.text)))
			require.NoError(t, err)
			f := New(s)
			var mu sync.Mutex
			var ended error
			d, err := usb.New(f, s.Speed)
			require.NoError(t, err)
			f.Ended = func(err error) { mu.Lock(); ended = err; mu.Unlock(); d.Unplug() }
			_, err = usb.Request(ask(t), d, usb.DirIn|usb.TypeVendor, 1, 0, 0, make([]byte, 8))
			require.Error(t, err)
			<-d.Gone()
			f.Wait()
			mu.Lock()
			defer mu.Unlock()
			require.ErrorContains(t, ended, c.want)
		})
	}
	t.Run("floods", func(t *testing.T) {
		slot, f := plug(t, withProgram(t, "    def configured(self, value):\n        while True: self.send(0x82, b'x' * 1000)"))
		ctx := ask(t)
		_, err := usb.Request(ctx, slot, 0, usb.SetConfiguration, 1, 0, nil)
		require.NoError(t, err)
		_, err = usb.Request(ctx, slot, usb.ToInterface, usb.SetInterface, 1, 1, nil)
		require.NoError(t, err)
		in, b := usb.NewPipe(slot, 0x82, usb.Bulk), make([]byte, 1024)
		for range 500 {
			_, err := in.Transfer(ctx, b)
			require.NoError(t, err)
			f.mu.Lock()
			require.LessOrEqual(t, f.queued, maxQueued+1001)
			f.mu.Unlock()
		}
	})
	t.Run("waits", func(t *testing.T) {
		slot, _ := plug(t, withProgram(t, "    def control(self, s, d):\n        while True: pass"))
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer stop()
		_, err := usb.Request(ctx, slot, usb.DirIn|usb.TypeVendor, 1, 0, 0, make([]byte, 8))
		require.Error(t, err)
		d, err := usb.ReadDescriptors(ask(t), slot) // standard requests need no program
		require.NoError(t, err)
		require.EqualValues(t, 0x1209, d.Device.Vendor)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Fuzz(func(_ *testing.T, text []byte) {
		if s, err := Parse("x", "", text); err == nil {
			_, _ = usb.New(&Function{spec: &Spec{Speed: s.Speed, desc: s.desc}}, s.Speed)
		}
	})
}
