//go:build libusb && cgo

package host_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/host"
)

// The gadgets of fixtures/oracle/usb/gadgets.sh.
var (
	sourceSink = host.ID{Vendor: 0x0525, Product: 0xa4a0}
	loopBack   = host.ID{Vendor: 0x0525, Product: 0xa4a4}
)

// real is an opened gadget with its two bulk endpoints.
type real struct {
	*host.Device
	t       *testing.T
	ctx     context.Context
	in, out uint8
	config  uint16
}

func open(t *testing.T, id host.ID, o host.Option) *real {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	dev, err := host.Open(id, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	d := &real{Device: dev, t: t, ctx: ctx}
	require.Equal(t, usb.HighSpeed, d.Speed())
	desc, err := usb.ReadDescriptors(ctx, d)
	require.NoError(t, err)
	require.NoError(t, desc.Validate(usb.HighSpeed))
	for _, e := range desc.Configs[0].Interfaces[0].Endpoints {
		if e.In() {
			d.in = e.Address
		} else {
			d.out = e.Address
		}
	}
	d.config = uint16(desc.Configs[0].Value)
	d.configure()
	return d
}

func (d *real) configure() {
	_, err := usb.Request(d.ctx, d, 0, usb.SetConfiguration, d.config, 0, nil)
	require.NoError(d.t, err)
}

// submit starts a bulk transfer and returns what says that it is done.
func (d *real) submit(endpoint uint8, data []byte, f usb.Flags) (*usb.Transfer, chan struct{}) {
	done := make(chan struct{}, 1)
	t := &usb.Transfer{Endpoint: endpoint, Type: usb.Bulk, Flags: f, Data: data, Done: func(*usb.Transfer) { done <- struct{}{} }}
	require.NoError(d.t, d.Submit(t))
	return t, done
}

func (d *real) wait(done <-chan struct{}) {
	d.t.Helper()
	select {
	case <-done:
	case <-d.ctx.Done():
		d.t.Fatal("the transfer does not end")
	}
}

func (d *real) write(data []byte, f usb.Flags) {
	d.t.Helper()
	w, done := d.submit(d.out, data, f)
	d.wait(done)
	require.NoError(d.t, w.Err)
	require.Equal(d.t, len(data), w.Actual)
}

// TestDevice drives real gadgets. TestOracleHost runs it where they are.
func TestDevice(t *testing.T) {
	if os.Getenv("KOBENCH_USBHOST") == "" {
		t.Skip("drives gadgets of a real kernel: TestOracleHost, in make oracle, runs it there")
	}
	_, err := host.Open(host.ID{Vendor: 0x1209, Product: 0xdead})
	require.ErrorIs(t, err, usb.ENODEV)
	require.ErrorContains(t, err, "see lsusb")
	for _, inFlight := range []int{1, 8} {
		t.Run(fmt.Sprintf("in flight %d", inFlight), func(t *testing.T) { loopback(t, inFlight) })
	}
	t.Run("alternate settings", settings)
	t.Run("errors", refused)
	t.Run("driver", driver)
	t.Run("pulled out while reading", func(t *testing.T) { removed(t, "Loopback", loopBack, true) })
	t.Run("pulled out while idle", func(t *testing.T) { removed(t, "SourceSink", sourceSink, false) })
}

// Reads that wait for a loop-back's data are answered in order; one is cancelled and the others are
// not.
func loopback(t *testing.T, inFlight int) {
	d := open(t, loopBack, host.Option{InFlight: inFlight})
	for range 2 { // the second time after a reset
		var reads []*usb.Transfer
		var ends []chan struct{}
		for range 16 {
			r, done := d.submit(d.in, make([]byte, 4096), 0)
			reads, ends = append(reads, r), append(ends, done)
		}
		require.ErrorIs(t, d.Submit(reads[3]), usb.EBUSY)
		for _, i := range []int{5, 15} {
			d.Cancel(reads[i])
			d.wait(ends[i])
			require.ErrorIs(t, reads[i].Err, usb.ECONNRESET)
		}
		for i, r := range reads {
			if i == 5 || i == 15 {
				continue
			}
			select {
			case <-ends[i]:
				t.Fatalf("read %d has ended: %v", i, r.Err)
			default:
			}
			data := bytes.Repeat([]byte{byte(i + 1)}, 1+i*97)
			d.write(data, 0)
			d.wait(ends[i])
			require.NoError(t, r.Err)
			require.Equal(t, data, r.Data[:r.Actual], "read %d", i)
		}
		// Many writes at a time, then what comes back, as long as it is.
		var sent, got []byte
		for i := range 16 {
			data := bytes.Repeat([]byte{byte(i)}, 700+i)
			sent = append(sent, data...)
			_, done := d.submit(d.out, data, 0)
			ends[i] = done
		}
		for len(got) < len(sent) {
			r, done := d.submit(d.in, make([]byte, 4096), 0)
			d.wait(done)
			require.NoError(t, r.Err)
			got = append(got, r.Data[:r.Actual]...)
		}
		for _, done := range ends {
			d.wait(done)
		}
		require.Equal(t, sent, got)
		// without the empty packet the gadget would wait for more
		d.write(make([]byte, 1024), usb.ZeroPacket)
		r, done := d.submit(d.in, make([]byte, 4096), usb.ShortNotOK)
		d.wait(done)
		require.ErrorIs(t, r.Err, usb.EREMOTEIO)
		require.Equal(t, 1024, r.Actual)

		short, cancel := context.WithTimeout(d.ctx, 50*time.Millisecond)
		_, err := usb.NewPipe(d, d.in, usb.Bulk).Transfer(short, make([]byte, 512))
		cancel()
		require.ErrorIs(t, err, usb.ETIMEDOUT)
		r, done = d.submit(d.in, make([]byte, 512), 0)
		require.NoError(t, d.Reset())
		d.wait(done)
		require.ErrorIs(t, r.Err, usb.ESHUTDOWN)
		d.configure()
	}
}

// A setting that is left ends its transfers. That dummy_hcd has no isochronous transfers leaves
// gadget zero one setting.
func settings(t *testing.T) {
	d := open(t, sourceSink, host.Option{InFlight: 4})
	set := func(alt uint16) error {
		_, err := usb.Request(d.ctx, d, usb.ToInterface, usb.SetInterface, alt, 0, nil)
		return err
	}
	for range 4 {
		require.NoError(t, set(0))
		b := []byte{9}
		_, err := usb.Request(d.ctx, d, usb.DirIn|usb.ToInterface, usb.GetInterface, 0, 0, b)
		require.NoError(t, err)
		require.Equal(t, []byte{0}, b)
		require.ErrorIs(t, set(1), usb.EPIPE)
		data := bytes.Repeat([]byte{1}, 512)
		r, done := d.submit(d.in, data, 0)
		d.wait(done)
		require.NoError(t, r.Err)
		require.Equal(t, make([]byte, 512), data) // the source says zeros
	}
}

func refused(t *testing.T) {
	d := open(t, loopBack, host.Option{})
	_, err := usb.Request(d.ctx, d, usb.DirIn|usb.TypeVendor, 99, 0, 0, make([]byte, 4))
	require.ErrorIs(t, err, usb.EPIPE)
	require.ErrorIs(t, d.Submit(&usb.Transfer{Endpoint: 0x0f, Type: usb.Bulk, Data: make([]byte, 4)}), usb.ENOENT)
	iso := &usb.Transfer{Endpoint: d.in, Type: usb.Isochronous, Data: make([]byte, 4), Packets: []usb.IsoPacket{{Length: 4}}}
	require.ErrorIs(t, d.Submit(iso), usb.EOPNOTSUPP)
	_, err = usb.Request(d.ctx, d, 0, usb.SetConfiguration, 77, 0, nil)
	require.ErrorIs(t, err, usb.EPIPE)
	d.config = 0 // no configuration, no interface
	d.configure()
	_, err = usb.Request(d.ctx, d, usb.ToInterface, usb.SetInterface, 0, 0, nil)
	require.ErrorIs(t, err, usb.EPIPE)
	d.config = 3
	d.configure()
	d.write([]byte("still there"), 0)
	r, done := d.submit(d.in, make([]byte, 512), 0)
	d.wait(done)
	require.NoError(t, r.Err)
	require.Equal(t, "still there", string(r.Data[:r.Actual]))
	require.NoError(t, d.Close())
	<-d.Gone()
	require.ErrorIs(t, d.Submit(&usb.Transfer{Endpoint: d.out, Type: usb.Bulk, Data: make([]byte, 4)}), usb.ENODEV)
	require.NoError(t, d.Close())
}

// The kernel's usbtest has the device before and after, and not meanwhile.
func driver(t *testing.T) {
	bound := func() int {
		found, err := filepath.Glob("/sys/bus/usb/drivers/usbtest/*:*")
		require.NoError(t, err)
		return len(found)
	}
	require.Equal(t, 2, bound())
	d := open(t, loopBack, host.Option{})
	require.Equal(t, 1, bound())
	require.NoError(t, d.Close())
	require.Equal(t, 2, bound())
}

// The gadget leaves its bus, in the middle of a read or while nothing is under way.
func removed(t *testing.T, name string, id host.ID, reading bool) {
	d := open(t, id, host.Option{InFlight: 4})
	var reads []*usb.Transfer
	var ends []chan struct{}
	for range 4 {
		if reading {
			r, done := d.submit(d.in, make([]byte, 512), 0)
			reads, ends = append(reads, r), append(ends, done)
		}
	}
	require.NoError(t, os.WriteFile("/sys/kernel/config/usb_gadget/"+name+"/UDC", []byte("\n"), 0o644))
	for i, done := range ends {
		d.wait(done)
		// EPROTO: nobody answers, and the hub has not said why yet
		require.Contains(t, []error{usb.ENODEV, usb.ESHUTDOWN, usb.EPROTO}, reads[i].Err)
	}
	d.wait(d.Gone())
	require.NoError(t, d.Close())
	_, err := host.Open(id)
	require.ErrorIs(t, err, usb.ENODEV)
}
