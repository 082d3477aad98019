package usbip_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/usbip"
)

// TestFlood: 10,000 connections that say nothing, or half of something, more at a time than the
// server takes. It refuses what is too much, forgets who has gone, and serves the next one that
// asks.
func TestFlood(t *testing.T) {
	r := serve(t)
	const batch = 300 // and as many ends on each side: below a limit of 1024 files
	for n := 0; n < 10_000; n += batch {
		open := make([]net.Conn, 0, batch)
		for i := range batch {
			c, err := net.Dial("tcp", r.addr)
			require.NoError(t, err)
			if i%3 == 0 {
				_, _ = c.Write([]byte{0x01, 0x11, 0x80}) // part of an operation's header
			}
			open = append(open, c)
		}
		for _, c := range open {
			if n%(2*batch) == 0 {
				require.NoError(t, c.(*net.TCPConn).SetLinger(0)) // ends with a reset
			}
			c.Close()
		}
	}
	require.Eventually(t, func() bool { // its list of connections empties
		c, err := net.DialTimeout("tcp", r.addr, time.Second)
		if err != nil {
			return false
		}
		defer c.Close()
		_, _ = c.Write([]byte{0x01, 0x11, 0x80, 0x05, 0, 0, 0, 0})
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, _ := c.Read(make([]byte, 8))
		return n == 8
	}, 20*time.Second, 10*time.Millisecond)
	r.alive(t)
}

// Connections that are held open and say nothing do not keep out one that speaks, nor disturb one
// that has a device.
func TestSilentConnections(t *testing.T) {
	r := serve(t)
	d := r.attach(t, "1-5")
	for range 700 {
		c, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		defer c.Close()
	}
	_, err := usbip.List(t.Context(), r.addr)
	require.NoError(t, err)
	_, err = usb.ReadDescriptors(t.Context(), d)
	require.NoError(t, err)
}

// A hub is neither listed nor given: its importer would find what is behind it a second time.
func TestNoHubs(t *testing.T) {
	r := serve(t)
	_, err := r.bus.Plug("8", usb.MustNew(usb.NewHub(2), usb.HighSpeed))
	require.NoError(t, err)
	list, err := usbip.List(t.Context(), r.addr)
	require.NoError(t, err)
	for _, i := range list {
		require.NotEqual(t, "1-8", i.BusID)
	}
	_, err = usbip.Import(t.Context(), r.addr, "1-8")
	require.ErrorIs(t, err, usb.ENODEV)
}
