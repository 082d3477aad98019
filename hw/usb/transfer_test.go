package usb_test

import (
	"bytes"
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
)

var bg = context.Background()

func configured(t testing.TB, f usb.Function, s usb.Speed) *usb.Emulated {
	d, err := usb.New(f, s)
	require.NoError(t, err)
	t.Cleanup(d.Unplug)
	set(t, d, usb.ToDevice, usb.SetConfiguration, 1, 0)
	return d
}

func set(t testing.TB, d usb.Device, to, request uint8, value, index uint16) {
	t.Helper()
	_, err := usb.Request(bg, d, to, request, value, index, nil)
	require.NoError(t, err)
}

func bulk(d usb.Device, ep uint8, p []byte) (int, error) {
	t := usb.Transfer{Endpoint: ep, Type: usb.Bulk, Data: p}
	err := usb.Do(bg, d, &t)
	return t.Actual, err
}

func TestEcho(t *testing.T) {
	for _, s := range []usb.Speed{usb.FullSpeed, usb.HighSpeed, usb.SuperSpeed} {
		t.Run(s.String(), func(t *testing.T) {
			d := configured(t, &echo{}, s)
			want := bytes.Repeat([]byte("0123456789"), 1000)
			n, err := bulk(d, 0x02, want)
			require.NoError(t, err)
			require.Equal(t, len(want), n)
			got := make([]byte, 16<<10)
			n, err = bulk(d, 0x81, got)
			require.NoError(t, err)
			require.Equal(t, want, got[:n])
		})
	}
}

func TestNAKWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configured(t, &echo{}, usb.FullSpeed)
		var order []int
		var ts [3]usb.Transfer
		for i := range ts {
			ts[i] = usb.Transfer{Endpoint: 0x81, Type: usb.Bulk, Data: make([]byte, 4), Done: func(*usb.Transfer) { order = append(order, i) }}
			require.NoError(t, d.Submit(&ts[i]))
		}
		require.ErrorIs(t, d.Submit(&ts[0]), usb.EBUSY)
		synctest.Wait()
		require.Empty(t, order)
		_, err := bulk(d, 0x02, []byte("abcdefghij"))
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, order)
		require.Equal(t, "ij", string(ts[2].Data[:ts[2].Actual]))
	})
}

func TestOutWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configured(t, &echo{}, usb.HighSpeed)
		set(t, d, 0x40, 2, 1000, 0)
		x := usb.Transfer{Endpoint: 0x02, Type: usb.Bulk, Data: make([]byte, 2500)}
		done := make(chan error, 1)
		go func() { done <- usb.Do(bg, d, &x) }()
		synctest.Wait()
		require.True(t, x.Pending())
		total := 0
		for total < 2500 {
			n, err := bulk(d, 0x81, make([]byte, 1024))
			require.NoError(t, err)
			total += n
		}
		require.NoError(t, <-done)
		require.Equal(t, 2500, x.Actual)
	})
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configured(t, &echo{}, usb.FullSpeed)
		ctx, stop := context.WithTimeout(bg, time.Second)
		defer stop()
		start := time.Now()
		err := usb.Do(ctx, d, &usb.Transfer{Endpoint: 0x81, Type: usb.Bulk, Data: make([]byte, 4)})
		require.ErrorIs(t, err, usb.ETIMEDOUT)
		require.ErrorIs(t, err, syscall.ETIMEDOUT)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configured(t, &echo{}, usb.FullSpeed)
		var ts [3]usb.Transfer
		for i := range ts {
			ts[i] = usb.Transfer{Endpoint: 0x81, Type: usb.Bulk, Data: make([]byte, 4)}
			ts[i].Done = func(*usb.Transfer) {}
			require.NoError(t, d.Submit(&ts[i]))
		}
		d.Cancel(&ts[1])
		d.Cancel(&ts[1]) // again: nothing happens
		require.False(t, ts[1].Pending())
		require.ErrorIs(t, ts[1].Err, usb.ECONNRESET)
		_, err := bulk(d, 0x02, []byte("abcdefgh"))
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, "efgh", string(ts[2].Data))
	})
}

func TestHalt(t *testing.T) {
	e := &echo{}
	d := configured(t, e, usb.FullSpeed)
	status := func() byte {
		b := make([]byte, 2)
		_, err := usb.Request(bg, d, 0x82, usb.GetStatus, 0, 0x81, b)
		require.NoError(t, err)
		return b[0]
	}
	e.fail = usb.Stall
	for range 2 { // it stays halted
		_, err := bulk(d, 0x81, make([]byte, 4))
		require.ErrorIs(t, err, usb.EPIPE)
		require.ErrorIs(t, err, syscall.EPIPE)
	}
	require.EqualValues(t, 1, status())
	set(t, d, usb.ToEndpoint, usb.ClearFeature, usb.EndpointHalt, 0x81)
	require.EqualValues(t, 0, status())
	_, err := bulk(d, 0x02, []byte("x"))
	require.NoError(t, err)
	n, err := bulk(d, 0x81, make([]byte, 4))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	set(t, d, usb.ToEndpoint, usb.SetFeature, usb.EndpointHalt, 0x02)
	_, err = bulk(d, 0x02, []byte("x"))
	require.ErrorIs(t, err, usb.EPIPE)
}

func TestSubmitErrors(t *testing.T) {
	d := configured(t, &echo{}, usb.HighSpeed)
	for name, c := range map[string]struct {
		x    *usb.Transfer
		want error
	}{
		"no endpoint":     {&usb.Transfer{Endpoint: 0x85, Type: usb.Bulk}, usb.ENOENT},
		"endpoint 0":      {&usb.Transfer{Endpoint: 0x00, Type: usb.Bulk}, usb.ENOENT},
		"wLength":         {&usb.Transfer{Type: usb.Control, Setup: usb.Setup{Length: 5}}, usb.EINVAL},
		"iso on bulk":     {&usb.Transfer{Endpoint: 0x81, Type: usb.Isochronous, Packets: make([]usb.IsoPacket, 1)}, usb.EINVAL},
		"no iso packets":  {&usb.Transfer{Endpoint: 0x81, Type: usb.Isochronous}, usb.EINVAL},
		"packet outside":  {&usb.Transfer{Endpoint: 0x81, Type: usb.Isochronous, Packets: []usb.IsoPacket{{Offset: 1, Length: 1}}}, usb.EINVAL},
		"unknown request": {&usb.Transfer{Type: usb.Control, Setup: usb.Setup{RequestType: 0xc0, Request: 99}}, usb.EPIPE},
		"short not ok": {&usb.Transfer{
			Type: usb.Control, Flags: usb.ShortNotOK, Data: make([]byte, 9), Setup: usb.Setup{RequestType: 0xc0, Request: 1, Length: 9},
		}, usb.EREMOTEIO},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, usb.Do(bg, d, c.x), c.want)
			require.False(t, c.x.Pending())
		})
	}
	d.Unplug()
	require.ErrorIs(t, usb.Do(bg, d, &usb.Transfer{Endpoint: 0x81, Type: usb.Bulk}), usb.ENODEV)
	require.ErrorIs(t, d.Reset(), usb.ENODEV)
}

func TestResetAndUnplug(t *testing.T) {
	for name, act := range map[string]func(*usb.Emulated){
		"reset":  func(d *usb.Emulated) { d.Reset() },
		"unplug": (*usb.Emulated).Unplug,
		"unconfigure": func(d *usb.Emulated) {
			usb.Request(bg, d, usb.ToDevice, usb.SetConfiguration, 0, 0, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := &echo{}
			d := configured(t, e, usb.FullSpeed)
			require.EqualValues(t, 1, e.value)
			done := make(chan error, 1)
			x := usb.Transfer{Endpoint: 0x81, Type: usb.Bulk, Data: make([]byte, 4)}
			x.Done = func(x *usb.Transfer) { done <- x.Err }
			require.NoError(t, d.Submit(&x))
			act(d)
			require.ErrorIs(t, <-done, usb.ESHUTDOWN)
			require.Error(t, d.Submit(&x))
		})
	}
}

func TestIsochronous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configured(t, &echo{}, usb.FullSpeed)
		set(t, d, usb.ToInterface, usb.SetInterface, 1, 0)
		x := usb.Transfer{Endpoint: 0x83, Type: usb.Isochronous, Data: make([]byte, 8*64)}
		for i := range 8 {
			x.Packets = append(x.Packets, usb.IsoPacket{Offset: i * 64, Length: 64})
		}
		start := time.Now()
		require.NoError(t, usb.Do(bg, d, &x))
		require.Equal(t, 8*time.Millisecond, time.Since(start)) // one packet a frame
		require.Equal(t, 1, x.ErrorCount)
		require.Equal(t, 7, x.Actual)
		for i, p := range x.Packets {
			if i == 2 {
				require.ErrorIs(t, p.Err, usb.EILSEQ)
				continue
			}
			require.NoError(t, p.Err)
			require.Equal(t, 1, p.Actual)
			require.EqualValues(t, i+1, x.Data[p.Offset])
		}
	})
}

// A Done may submit again and again: no stack grows, and whoever submitted the first is not held up
// by all the others.
func TestResubmitInDone(t *testing.T) {
	d := configured(t, &sink{}, usb.HighSpeed)
	var n int
	end, first := make(chan struct{}), make(chan struct{})
	x := usb.Transfer{Endpoint: 0x81, Type: usb.Bulk, Data: make([]byte, 512)}
	x.Done = func(x *usb.Transfer) {
		switch n++; n {
		case 50_000:
			<-first
		case 100_000: // deep recursion would have ended before
			close(end)
			return
		}
		if err := d.Submit(x); err != nil {
			t.Error(err)
		}
	}
	require.NoError(t, d.Submit(&x))
	close(first)
	<-end
}

func TestManySubmitters(t *testing.T) {
	d := configured(t, &copier{}, usb.HighSpeed)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			in, out := usb.NewPipe(d, 0x81, usb.Bulk), usb.NewPipe(d, 0x02, usb.Bulk)
			buf := make([]byte, 512)
			for range 500 {
				if _, err := out.Transfer(bg, buf); err != nil {
					t.Error(err)
				}
				if _, err := in.Transfer(bg, buf); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNoAllocation(t *testing.T) {
	d := configured(t, &copier{}, usb.HighSpeed)
	slot, err := usb.NewBus(1, 1).Plug("", d)
	require.NoError(t, err)
	for name, dev := range map[string]usb.Device{"device": d, "slot": slot} {
		for _, size := range []int{1, 64 << 10} {
			in, out, buf := usb.NewPipe(dev, 0x81, usb.Bulk), usb.NewPipe(dev, 0x02, usb.Bulk), make([]byte, size)
			allocs := testing.AllocsPerRun(100, func() {
				out.Transfer(bg, buf)
				in.Transfer(bg, buf)
			})
			require.Zero(t, allocs, "%s, %d bytes", name, size)
		}
	}
	x := usb.Transfer{Type: usb.Control, Data: make([]byte, 6), Setup: usb.Setup{RequestType: 0xc0, Request: 1, Length: 6}}
	require.Zero(t, testing.AllocsPerRun(100, func() { usb.Do(bg, d, &x) }), "control")
}

func BenchmarkTransfer(b *testing.B) {
	d := configured(b, &copier{}, usb.HighSpeed)
	for _, c := range []struct {
		name string
		size int
	}{{"bulk1", 1}, {"bulk512", 512}, {"bulk64K", 64 << 10}} {
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
		x := usb.Transfer{Type: usb.Control, Data: make([]byte, 6), Setup: usb.Setup{RequestType: 0xc0, Request: 1, Length: 6}}
		b.ReportAllocs()
		for b.Loop() {
			if err := usb.Do(bg, d, &x); err != nil {
				b.Fatal(err)
			}
		}
	})
}
