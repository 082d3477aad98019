package usbip_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/hw/usb/usbip"
)

var bg = context.Background()

// rig is a bus with one of everything, served on loopback.
type rig struct {
	bus  *usb.Bus
	addr string
	kbd  *hidkbd.Keyboard

	server *usbip.Server
	far    map[string]*serial.Port
}

func serve(t testing.TB) *rig {
	r := &rig{bus: usb.NewBus(1, 8), kbd: hidkbd.New(), far: map[string]*serial.Port{}}
	line := func(name string) *serial.Port {
		a, b := serial.NullModem(serial.Max)
		r.far[name] = b
		return a
	}
	for _, x := range []struct {
		f usb.Function
		s usb.Speed
	}{
		{ftdi.New(line("ftdi"), ""), usb.FullSpeed},
		{cdcacm.New(line("acm"), ""), usb.HighSpeed},
		{usbtmc.New(&scpi.Supply{}), usb.HighSpeed},
		{r.kbd, usb.LowSpeed},
		{sourcesink.New(sourcesink.Any), usb.HighSpeed},
		{sourcesink.Loopback(), usb.HighSpeed},
	} {
		_, err := r.bus.Plug("", usb.MustNew(x.f, x.s))
		require.NoError(t, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.addr = l.Addr().String()
	ctx, stop := context.WithCancel(bg)
	done := make(chan error, 1)
	r.server = usbip.NewServer(nil, r.bus)
	go func() { done <- r.server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		for _, s := range r.bus.Devices() {
			r.bus.Unplug(s.Path())
		}
	})
	return r
}

// attach imports a device; whoever had it last may still be on its way out.
func (r *rig) attach(t testing.TB, id string) *usbip.Device {
	var d *usbip.Device
	require.Eventually(t, func() bool {
		var err error
		d, err = usbip.Import(bg, r.addr, id)
		if err != nil {
			require.ErrorIs(t, err, usb.EBUSY)
		}
		return err == nil
	}, 10*time.Second, time.Millisecond)
	t.Cleanup(func() { d.Unplug(); <-d.Gone() })
	return d
}

func configure(t testing.TB, d usb.Device, value uint16) {
	_, err := usb.Request(bg, d, 0, usb.SetConfiguration, value, 0, nil)
	require.NoError(t, err)
}

func TestList(t *testing.T) {
	r := serve(t)
	infos, err := usbip.List(bg, r.addr)
	require.NoError(t, err)
	require.Len(t, infos, 6)
	require.Equal(t, "1-2", infos[1].BusID)
	require.EqualValues(t, 0xa4a7, infos[1].Device.Product)
	require.Len(t, infos[1].Interfaces, 2)
	require.EqualValues(t, usb.ClassCDCData, infos[1].Interfaces[1].Class)
	require.Equal(t, usb.LowSpeed, infos[3].Speed)
}

func TestImport(t *testing.T) {
	r := serve(t)
	t.Run("descriptors", func(t *testing.T) {
		for _, s := range r.bus.Devices() {
			d := r.attach(t, s.Name())
			got, err := usb.ReadDescriptors(bg, d)
			require.NoError(t, err)
			want, err := usb.ReadDescriptors(bg, s)
			require.NoError(t, err)
			require.Equal(t, want, got)
			d.Unplug()
			<-d.Gone()
		}
	})
	t.Run("loop-back", func(t *testing.T) {
		d := r.attach(t, "1-6")
		configure(t, d, 2)
		want := bytes.Repeat([]byte("usbip"), 5001)
		out, in := usb.NewPipe(d, 0x02, usb.Bulk), usb.NewPipe(d, 0x81, usb.Bulk)
		_, err := out.Transfer(bg, want)
		require.NoError(t, err)
		got := make([]byte, 32<<10)
		n, err := in.Transfer(bg, got)
		require.NoError(t, err)
		require.Equal(t, want, got[:n])
		_, err = usb.Request(bg, d, usb.DirIn|usb.TypeVendor, 99, 0, 0, make([]byte, 4))
		require.ErrorIs(t, err, usb.EPIPE)
		require.NoError(t, d.Reset())
		_, err = out.Transfer(bg, want) // unconfigured again
		require.ErrorIs(t, err, usb.EPIPE)
	})
	t.Run("unlink", func(t *testing.T) {
		d := r.attach(t, "1-6")
		configure(t, d, 2)
		ctx, stop := context.WithTimeout(bg, 20*time.Millisecond)
		defer stop()
		x := usb.Transfer{Endpoint: 0x81, Type: usb.Bulk, Data: make([]byte, 64)}
		require.ErrorIs(t, usb.Do(ctx, d, &x), usb.ETIMEDOUT)
		_, err := usb.NewPipe(d, 0x02, usb.Bulk).Transfer(bg, []byte("x"))
		require.NoError(t, err)
		require.NoError(t, usb.Do(bg, d, &x))
		require.Equal(t, 1, x.Actual)
	})
	t.Run("isochronous", func(t *testing.T) {
		d := r.attach(t, "1-5")
		configure(t, d, 3)
		_, err := usb.Request(bg, d, usb.ToInterface, usb.SetInterface, 1, 0, nil)
		require.NoError(t, err)
		x := usb.Transfer{Endpoint: 0x83, Type: usb.Isochronous, Data: make([]byte, 4*1024)}
		for i := range 4 {
			x.Packets = append(x.Packets, usb.IsoPacket{Offset: i * 1024, Length: 1000})
		}
		require.NoError(t, usb.Do(bg, d, &x))
		require.Equal(t, 4000, x.Actual)
		require.Zero(t, x.ErrorCount)
		require.Equal(t, 1000, x.Packets[3].Actual)
	})
	t.Run("refused", func(t *testing.T) {
		_, err := usbip.Import(bg, r.addr, "9-9")
		require.ErrorIs(t, err, usb.ENODEV)
		r.attach(t, "1-1")
		_, err = usbip.Import(bg, r.addr, "1-1")
		require.ErrorIs(t, err, usb.EBUSY)
		_, err = usbip.Import(bg, "127.0.0.1:1", "1-1")
		require.ErrorIs(t, err, usb.ENODEV)
	})
	t.Run("unplugged", func(t *testing.T) {
		d := r.attach(t, "1-4")
		configure(t, d, 1)
		done := make(chan error, 1)
		x := &usb.Transfer{Endpoint: 0x81, Type: usb.Interrupt, Data: make([]byte, 8)}
		go func() { done <- usb.Do(bg, d, x) }()
		require.NoError(t, r.bus.Unplug("4"))
		err := <-done
		require.Contains(t, []usb.Errno{usb.ESHUTDOWN, usb.ENODEV}, usb.ErrnoOf(err))
		<-d.Gone()
		require.ErrorIs(t, d.Submit(x), usb.ENODEV)
	})
}

// alive proves that 1-6 can be had, and gives it back.
func (r *rig) alive(t testing.TB) {
	d := r.attach(t, "1-6")
	_, err := usb.ReadDescriptors(bg, d)
	require.NoError(t, err)
	d.Unplug()
	<-d.Gone()
	require.Eventually(t, func() bool { return !r.server.InUse("1-6") }, 10*time.Second, time.Millisecond)
}

// TestHostile: whatever a peer does, its connection ends and the device is free for the next.
func TestHostile(t *testing.T) {
	r := serve(t)
	be := binary.BigEndian
	submit := func(seq, ep, dir, n, packets uint32) []byte {
		b := make([]byte, 48)
		for i, v := range []uint32{1, seq, 0x10002, dir, ep, 0, n, 0, packets, 0} {
			be.PutUint32(b[i*4:], v)
		}
		return b
	}
	importing := append([]byte{0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0}, append([]byte("1-6"), make([]byte, 29)...)...)
	for name, send := range map[string][]byte{
		"nothing":         nil,
		"half an op":      {0x01, 0x11},
		"version":         {0x02, 0x00, 0x80, 0x05, 0, 0, 0, 0},
		"operation":       {0x01, 0x11, 0x70, 0x05, 0, 0, 0, 0},
		"half an import":  importing[:20],
		"command":         append(importing[:40:40], bytes.Repeat([]byte{9}, 48)...),
		"half a header":   append(importing[:40:40], submit(1, 1, 1, 64, 0)[:30]...),
		"half the data":   append(importing[:40:40], submit(1, 2, 0, 64, 0)...),
		"too long":        append(importing[:40:40], submit(1, 1, 1, 1<<30, 0)...),
		"negative":        append(importing[:40:40], submit(1, 1, 1, 0xffffffff, 0)...),
		"endpoint 99":     append(importing[:40:40], submit(1, 99, 1, 1, 0)...),
		"number twice":    append(importing[:40:40], append(submit(5, 1, 1, 64, 0), submit(5, 1, 1, 64, 0)...)...),
		"control differs": append(importing[:40:40], append(submit(5, 0, 1, 64, 0)[:40], 0, 9, 1, 0, 0, 0, 64, 0)...),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", r.addr)
			require.NoError(t, err)
			defer c.Close()
			if len(send) > 40 { // keeps "number twice" from finding the endpoint closed
				c.Write(send[:40])
				c.Write(append(submit(900, 0, 0, 0, 0)[:40], 0, 9, 2, 0, 0, 0, 0, 0))
				send = send[40:]
			}
			c.Write(send)
			c.(*net.TCPConn).CloseWrite()
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, err = io.Copy(io.Discard, c)
			if err != nil { // a reset, when the server closed before it had read all
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				require.NotContains(t, err.Error(), "timeout")
			}
			r.alive(t)
		})
	}
	t.Run("unknown unlink", func(t *testing.T) {
		r.alive(t)
		c, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		defer c.Close()
		c.Write(importing)
		_, err = io.ReadFull(c, make([]byte, 8+312))
		require.NoError(t, err)
		b := make([]byte, 48)
		be.PutUint32(b, 2)
		be.PutUint32(b[4:], 7)
		be.PutUint32(b[20:], 4711)
		c.Write(b)
		_, err = io.ReadFull(c, b)
		require.NoError(t, err)
		require.Equal(t, []uint32{4, 7, 0}, []uint32{be.Uint32(b), be.Uint32(b[4:]), be.Uint32(b[20:])})
	})
}

// TestEarlyUnlink: vhci_hcd sends an unlink before its transfer now and then. The transfer ends by
// it, and by nothing else.
func TestEarlyUnlink(t *testing.T) {
	r := serve(t)
	be := binary.BigEndian
	c, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer c.Close()
	request := append(be.AppendUint32(be.AppendUint32(nil, 0x01118003), 0), make([]byte, 32)...)
	copy(request[8:], "1-5")
	_, err = c.Write(request)
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 8+312))
	require.NoError(t, err)
	message := func(command, seq, ep uint32, rest ...uint32) []byte {
		b := make([]byte, 48)
		for i, v := range []uint32{command, seq, 0, 0, ep} {
			be.PutUint32(b[4*i:], v)
		}
		for i, v := range rest {
			be.PutUint32(b[20+4*i:], v)
		}
		return b
	}
	configuration := message(1, 1, 0)
	copy(configuration[40:], []byte{0, usb.SetConfiguration, 3, 0, 0, 0, 0, 0})
	for _, b := range [][]byte{
		configuration,
		message(2, 3, 2, 2), // the unlink of 2
		append(message(1, 2, 2, 0, 4), 0, 0, 0, 0),             // 2 itself
		append(message(1, 4, 2, 0, 8), 0, 0, 0, 0, 0, 0, 0, 0), // and one that is not unlinked
	} {
		_, err = c.Write(b)
		require.NoError(t, err)
	}
	status := func(n int32) uint32 { return uint32(n) }
	for _, want := range [][3]uint32{{3, 1, 0}, {4, 3, status(-int32(usb.ECONNRESET))}, {3, 4, 0}} {
		b := make([]byte, 48)
		_, err = io.ReadFull(c, b)
		require.NoError(t, err)
		require.Equal(t, want, [3]uint32{be.Uint32(b), be.Uint32(b[4:]), be.Uint32(b[20:])})
	}
}

// TestUsbipList reads our list with the tool that Debian ships.
func TestUsbipList(t *testing.T) {
	tool, err := exec.LookPath("usbip")
	if err != nil {
		if tool, err = exec.LookPath("/usr/sbin/usbip"); err != nil {
			t.Skip("needs the usbip tool: apt-get install usbip")
		}
	}
	r := serve(t)
	_, port, _ := net.SplitHostPort(r.addr)
	out, err := exec.Command(tool, "--tcp-port", port, "list", "-r", "127.0.0.1").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, want := range []string{"1-1:", "(0403:6001)", "1-2:", "(0525:a4a7)", "(0525:a4a0)", "/sys/devices/kobench/usb1/1-3", "(fe/03/01)", "(0a/00/00)"} {
		require.True(t, strings.Contains(string(out), want), "%s in\n%s", want, out)
	}
}

func BenchmarkLoopback(b *testing.B) {
	r := serve(b)
	d := r.attach(b, "1-5")
	configure(b, d, 3)
	for _, c := range []struct {
		name string
		size int
	}{{"bulk1", 1}, {"bulk64K", 64 << 10}} {
		b.Run(c.name, func(b *testing.B) {
			p, buf := usb.NewPipe(d, 0x81, usb.Bulk), make([]byte, c.size)
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Transfer(bg, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("control", func(b *testing.B) {
		x := usb.Transfer{Type: usb.Control, Data: make([]byte, 18), Setup: usb.Setup{RequestType: 0x80, Request: 6, Value: 0x100, Length: 18}}
		for b.Loop() {
			if err := usb.Do(bg, d, &x); err != nil {
				b.Fatal(err)
			}
		}
	})
	// beside it: a bare TCP echo of 48 bytes that answers 64 KiB
	b.Run("tcp64K", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			q, a := make([]byte, 48), make([]byte, 64<<10)
			for {
				if _, err := io.ReadFull(c, q); err != nil {
					return
				}
				c.Write(a)
			}
		}()
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(b, err)
		defer c.Close()
		defer l.Close()
		q, a := make([]byte, 48), make([]byte, 64<<10)
		b.SetBytes(int64(len(a)))
		for b.Loop() {
			c.Write(q)
			io.ReadFull(c, a)
		}
	})
}

func FuzzServer(f *testing.F) {
	r := serve(f)
	f.Add([]byte{0x01, 0x11, 0x80, 0x05, 0, 0, 0, 0})
	f.Add(append([]byte{0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '5'}, make([]byte, 29+48)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		defer c.Close()
		c.Write(b)
		c.(*net.TCPConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		io.Copy(io.Discard, c)
	})
}

func FuzzClient(f *testing.F) {
	f.Add([]byte{0x01, 0x11, 0x00, 0x05, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add(append([]byte{0x01, 0x11, 0x00, 0x03, 0, 0, 0, 0}, make([]byte, 312+48)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { c.Write(b); c.(*net.TCPConn).CloseWrite(); io.Copy(io.Discard, c); c.Close() }()
			}
		}()
		ctx, stop := context.WithTimeout(bg, 5*time.Second)
		defer stop()
		usbip.List(ctx, l.Addr().String())
		if d, err := usbip.Import(ctx, l.Addr().String(), "1-1"); err == nil {
			usb.ReadDescriptors(ctx, d)
			d.Unplug()
			<-d.Gone()
		}
	})
}
