//go:build unix

package host

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// A program that opens what a line offers is the device at its end.
func TestFarEnds(t *testing.T) {
	dir := t.TempDir()
	dial := func(network, addr string) func(*testing.T) serial.Conn {
		return func(t *testing.T) serial.Conn {
			var c net.Conn
			require.Eventually(t, func() (ok bool) {
				var err error
				c, err = net.Dial(network, addr)
				return err == nil
			}, time.Minute, 5*time.Millisecond)
			return &TCP{c, addr}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	l.Close()
	link, sock := filepath.Join(dir, "tty"), filepath.Join(dir, "sock")
	for _, c := range []struct {
		name string
		run  func(context.Context, *serial.Port) error
		open func(*testing.T) serial.Conn
	}{
		{"tcp", func(ctx context.Context, p *serial.Port) error { return Listen(ctx, p, addr) }, dial("tcp", addr)},
		{"unix", func(ctx context.Context, p *serial.Port) error { return Listen(ctx, p, sock) }, dial("unix", sock)},
		{"unix again", func(ctx context.Context, p *serial.Port) error { return Listen(ctx, p, sock) }, dial("unix", sock)},
		{"pty", func(ctx context.Context, p *serial.Port) error { return ServeFar(ctx, p, link) }, func(t *testing.T) serial.Conn {
			require.Eventually(t, func() bool { _, err := os.Stat(link); return err == nil }, time.Minute, 5*time.Millisecond)
			p, err := OpenPort(link, serial.Format8N1(38400))
			require.NoError(t, err)
			return p
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dte, dce := serial.Straight(serial.Max)
			require.NoError(t, dte.SetMode(serial.Format8N1(4800)))
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- c.run(ctx, dce) }()
			dev := c.open(t)
			require.Eventually(t, func() bool { s, _ := dte.Signals(); return s&serial.DSR != 0 }, time.Minute, 5*time.Millisecond)
			_, err := dev.Write([]byte("hello"))
			require.NoError(t, err)
			read(t, dte, "hello")
			_, err = dte.Write([]byte("world"))
			require.NoError(t, err)
			read(t, dev, "world")
			require.NoError(t, dev.Close())
			stop()
			require.NoError(t, <-done)
		})
	}
}

func read(t *testing.T, c serial.Conn, want string) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	got, buf := "", make([]byte, 64)
	for len(got) < len(want) {
		n, err := c.Read(buf)
		require.NoError(t, err, "so far %q", got)
		got += string(buf[:n])
	}
	require.Equal(t, want, got)
}
