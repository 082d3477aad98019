package usb_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
)

func read(t *testing.T, d usb.Device, ep uint8, n int) []byte {
	t.Helper()
	ctx, stop := context.WithTimeout(bg, 10*time.Second)
	defer stop()
	x := usb.Transfer{Endpoint: ep, Type: usb.Bulk, Data: make([]byte, n)}
	require.NoError(t, usb.Do(ctx, d, &x))
	return x.Data[:x.Actual]
}

func TestFTDI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip, far := serial.NullModem(serial.Paced)
		d := configured(t, ftdi.New(chip, ""), usb.FullSpeed)
		set(t, d, 0x40, 3, 0x4138, 0) // 9600
		set(t, d, 0x40, 4, 8, 0)      // 8N1
		set(t, d, 0x40, 1, 0x0303, 0) // DTR, RTS
		in, _ := far.Signals()
		require.Equal(t, serial.CTS|serial.DSR|serial.DCD, in)

		t.Log("data comes behind two status bytes, at the latest when the latency timer runs out")
		read(t, d, 0x81, 64)
		_, err := far.Write([]byte("hello"))
		require.NoError(t, err)
		start := time.Now()
		got := read(t, d, 0x81, 512)
		require.Equal(t, "\x01\x60hello", string(got))
		require.Equal(t, 16*time.Millisecond, time.Since(start))
		require.Equal(t, "\x01\x60", string(read(t, d, 0x81, 64)))
		set(t, d, 0x40, 9, 1, 0)
		start = time.Now()
		read(t, d, 0x81, 64)
		require.LessOrEqual(t, time.Since(start), time.Millisecond)

		t.Log("a modem line is told at once")
		set(t, d, 0x40, 9, 255, 0)
		far.SetSignals(serial.RTS|serial.DTR, serial.RTS|serial.DTR)
		start = time.Now()
		require.Equal(t, "\xb1\x60", string(read(t, d, 0x81, 64)))
		require.Less(t, time.Since(start), time.Millisecond)

		t.Log("break and a parity error")
		set(t, d, 0x40, 9, 1, 0)
		require.NoError(t, far.SendBreak(5*time.Millisecond))
		var flags byte
		for range 8 {
			flags |= read(t, d, 0x81, 64)[1]
		}
		require.NotZero(t, flags&0x10)
		set(t, d, 0x40, 4, 8|1<<14, 0)
		time.Sleep(10 * time.Millisecond)
		set(t, d, 0x40, 4, 8, 0)
		_, f, err := far.Receive(make([]byte, 1))
		require.NoError(t, err)
		require.NotZero(t, f&serial.Break)

		t.Log("what is written leaves in line time")
		start = time.Now()
		_, err = bulk(d, 0x02, bytes.Repeat([]byte("x"), 960))
		require.NoError(t, err)
		total := 0
		for total < 960 {
			n, err := far.Read(make([]byte, 1000))
			require.NoError(t, err)
			total += n
		}
		require.InDelta(t, 1.0, time.Since(start).Seconds(), 0.01) // 960 characters at 9600 baud

		t.Log("nobody reads: overrun after 256 characters")
		_, err = far.Write(bytes.Repeat([]byte("y"), 600))
		require.NoError(t, err)
		time.Sleep(3 * time.Second) // the host may be late with reading: that is waited for first
		flags, total = 0, 0
		for range 20 {
			p := read(t, d, 0x81, 64)
			flags |= p[1]
			total += len(p) - 2
		}
		require.Equal(t, 256, total)
		far.Write([]byte("z"))
		time.Sleep(5 * time.Millisecond)
		require.NotZero(t, read(t, d, 0x81, 64)[1]&0x02)
		far.Close()
	})
}

func TestFTDIRates(t *testing.T) {
	for _, c := range []struct {
		value, index uint16
		want         serial.Baud
	}{{0x4138, 0, 9600}, {0x001a, 0, 115385}, {0, 0, 3_000_000}, {1, 0, 2_000_000}, {0x2710, 0, 300}, {0xc068, 0, 28812}, {0x0003, 0, 1_000_000}} {
		require.Equal(t, c.want, ftdi.Rate(c.value, c.index), "%#04x", c.value)
	}
}

func TestCDCACM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, far := serial.Straight(serial.Max)
		d := configured(t, cdcacm.New(port, ""), usb.HighSpeed)
		// 9600 7E1
		_, err := usb.Request(bg, d, 0x21, 0x20, 0, 0, []byte{0x80, 0x25, 0, 0, 0, 2, 7})
		require.NoError(t, err)
		require.Equal(t, serial.Mode{Baud: 9600, Data: 7, Parity: serial.ParityEven, Stop: serial.Stop1}, far.PeerMode())
		b := make([]byte, 7)
		_, err = usb.Request(bg, d, 0xa1, 0x21, 0, 0, b)
		require.NoError(t, err)
		require.Equal(t, []byte{0x80, 0x25, 0, 0, 0, 2, 7}, b)
		_, err = usb.Request(bg, d, 0x21, 0x20, 0, 0, []byte{0x80, 0x25, 0, 0, 0, 2, 77})
		require.ErrorIs(t, err, usb.EPIPE)
		far.SetAuto(true)
		set(t, d, 0x21, 0x22, 3, 0)
		lines, _ := far.Signals()
		require.Equal(t, serial.DTR|serial.RTS, lines)

		far.SetSignals(serial.DCEOutputs, serial.DCD|serial.DSR)
		require.Equal(t, []byte{0xa1, 0x20, 0, 0, 0, 0, 2, 0, 3, 0}, read(t, d, 0x83, 10))
		_, err = bulk(d, 0x02, []byte("to the line"))
		require.NoError(t, err)
		got := make([]byte, 64)
		n, err := far.Read(got)
		require.NoError(t, err)
		require.Equal(t, "to the line", string(got[:n]))
		_, err = far.Write([]byte("from it"))
		require.NoError(t, err)
		require.Equal(t, "from it", string(read(t, d, 0x81, 512)))
		require.NoError(t, far.SendBreak(0))
		synctest.Wait()
		// a read is what lets the device see it
		go func() { _, _ = bulk(d, 0x81, make([]byte, 64)) }()
		require.Equal(t, byte(7), read(t, d, 0x83, 10)[8])
		far.Write([]byte("end"))
		far.Close()
	})
}

func TestUSBTMC(t *testing.T) {
	d := configured(t, usbtmc.New(&scpi.Supply{}), usb.HighSpeed)
	ask := func(s string) {
		m := append([]byte{1, 1, 0xfe, 0, byte(len(s)), 0, 0, 0, 1, 0, 0, 0}, s...)
		_, err := bulk(d, 0x02, m)
		require.NoError(t, err)
	}
	answer := func(tag byte, room int) []byte {
		_, err := bulk(d, 0x02, []byte{2, tag, ^tag, 0, byte(room), byte(room >> 8), 0, 0, 0, 0, 0, 0})
		require.NoError(t, err)
		return read(t, d, 0x81, 512)
	}
	ask("*RST;VOLT 5;:OUTP ON;:MEAS:VOLT?\n")
	m := answer(2, 100)
	require.Equal(t, []byte{2, 2, 0xfd, 0, 7, 0, 0, 0, 1, 0, 0, 0}, m[:12])
	require.Equal(t, "5.0000\n", string(m[12:19]))
	ask("*IDN?\n")
	m = answer(3, 4) // in two parts
	require.Equal(t, "KOBE", string(m[12:]))
	require.Zero(t, m[8]&1)
	require.Equal(t, "NCH,", string(answer(4, 4)[12:]))
	stb := make([]byte, 3)
	_, err := usb.Request(bg, d, 0xa1, 128, 5, 0, stb)
	require.NoError(t, err)
	require.Equal(t, []byte{0x85, 0x10}, read(t, d, 0x83, 2)) // a message is available
	_, err = usb.Request(bg, d, 0xa1, 5, 0, 0, stb[:1])
	require.NoError(t, err)
	for name, bad := range map[string][]byte{
		"half a header": {1, 1, 0xfe}, "tags": {1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0}, "unknown": {77, 1, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"too long": {1, 1, 0xfe, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0}, "less than it says": {1, 1, 0xfe, 0, 50, 0, 0, 0, 1, 0, 0, 0, 'x'},
	} {
		_, err := bulk(d, 0x02, bad)
		require.ErrorIs(t, err, usb.EPIPE, name)
		set(t, d, usb.ToEndpoint, usb.ClearFeature, 0, 2)
	}
}

func TestKeyboard(t *testing.T) {
	k := hidkbd.New()
	d := configured(t, k, usb.LowSpeed)
	k.Type("a")
	require.Equal(t, []byte{0, 0, 4, 0, 0, 0, 0, 0}, read(t, d, 0x81, 8))
	require.Equal(t, make([]byte, 8), read(t, d, 0x81, 8))
	k.Press(0xe1)
	require.Equal(t, byte(2), read(t, d, 0x81, 8)[0])
	_, err := usb.Request(bg, d, 0x21, 9, 0x200, 0, []byte{2})
	require.NoError(t, err)
	require.EqualValues(t, 2, k.LEDs())
	b := make([]byte, 255)
	n, err := usb.Request(bg, d, 0x81, usb.GetDescriptor, 0x2200, 0, b)
	require.NoError(t, err)
	h, err := usb.ParseHID(k.Descriptors(usb.LowSpeed).Configs[0].Interfaces[0].Extra)
	require.NoError(t, err)
	require.EqualValues(t, n, h.ReportLength)
}

func TestLoopbackKeepsPackets(t *testing.T) {
	d := usb.MustNew(sourcesink.Loopback(), usb.HighSpeed)
	defer d.Unplug()
	set(t, d, 0, usb.SetConfiguration, 2, 0)
	for _, n := range []int{1, 511, 513, 1000} {
		want := bytes.Repeat([]byte{byte(n)}, n)
		_, err := bulk(d, 0x02, want)
		require.NoError(t, err)
		require.Equal(t, want, read(t, d, 0x81, 4096), n)
	}
	x := usb.Transfer{Endpoint: 2, Type: usb.Bulk, Flags: usb.ZeroPacket, Data: make([]byte, 1024)}
	require.NoError(t, usb.Do(bg, d, &x))
	require.Len(t, read(t, d, 0x81, 4096), 1024) // ended by the empty packet
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(seed uint64, n int, rules ...usbfault.Rule) ([]error, []int, *usbfault.Device) {
			f, err := usbfault.New(configured(t, &sink{}, usb.HighSpeed), seed, rules...)
			require.NoError(t, err)
			t.Cleanup(f.Unplug)
			var errs []error
			var got []int
			for range n {
				k, err := bulk(f, 0x81, make([]byte, 100))
				errs, got = append(errs, err), append(got, k)
			}
			return errs, got, f
		}
		for kind, want := range map[usbfault.Kind]error{
			usbfault.Stall: usb.EPIPE, usbfault.Babble: usb.EOVERFLOW, usbfault.CRC: usb.EPROTO, usbfault.Timeout: usb.ETIMEDOUT,
			usbfault.NAK: nil, usbfault.Slow: nil, usbfault.Short: nil, usbfault.Disconnect: usb.ESHUTDOWN,
		} {
			r := usbfault.Rule{Kind: kind, At: 2}
			if kind == usbfault.NAK || kind == usbfault.Slow || kind == usbfault.Timeout {
				r.For = time.Second
			}
			start := time.Now()
			errs, got, f := run(1, 3, r)
			require.NoError(t, errs[0], kind)
			require.ErrorIs(t, errs[1], want, kind)
			require.Equal(t, r.For, time.Since(start), kind)
			switch kind {
			case usbfault.Stall: // halted for real
				require.ErrorIs(t, errs[2], usb.EPIPE)
				set(t, f, usb.ToEndpoint, usb.ClearFeature, 0, 0x81)
				_, err := bulk(f, 0x81, make([]byte, 4))
				require.NoError(t, err)
			case usbfault.Disconnect:
				require.ErrorIs(t, errs[2], usb.ENODEV)
				<-f.Gone()
			case usbfault.Short:
				require.Equal(t, []int{100, 50, 100}, got)
			default:
				require.NoError(t, errs[2], kind)
			}
			require.Equal(t, []usbfault.Injected{{Kind: kind, Transfer: 2, Endpoint: 0x81}}, f.Report())
		}
		a, _, fa := run(7, 1000, usbfault.Rule{Kind: usbfault.CRC, Rate: 0.05})
		b, _, _ := run(7, 1000, usbfault.Rule{Kind: usbfault.CRC, Rate: 0.05})
		c, _, _ := run(8, 1000, usbfault.Rule{Kind: usbfault.CRC, Rate: 0.05})
		require.Equal(t, a, b)
		require.NotEqual(t, a, c)
		require.InDelta(t, 50, fa.Count(usbfault.CRC), 30)
		_, err := usbfault.New(usb.MustNew(&sink{}, usb.HighSpeed), 1, usbfault.Rule{Kind: "rust", At: 1})
		require.ErrorIs(t, err, usb.EINVAL)
		f, err := usbfault.New(configured(t, &sink{}, usb.HighSpeed), 1, usbfault.Rule{Kind: usbfault.NAK, At: 1, For: time.Hour})
		require.NoError(t, err)
		defer f.Unplug()
		ctx, stop := context.WithTimeout(bg, time.Second)
		defer stop()
		require.ErrorIs(t, usb.Do(ctx, f, &usb.Transfer{Endpoint: 0x81, Type: usb.Bulk}), usb.ETIMEDOUT)
	})
}
