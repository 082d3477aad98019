package bench_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// machine boots a board with a loop-back plug on ttyS0 and a null modem between ttyS1 and ttyS2.
func machine(tb testing.TB, speed string) *board.Machine {
	tb.Helper()
	b, err := board.Parse("bench.yaml", []byte("speed: "+speed+"\nmodules: [\"8250\"]\nuarts:\n  - {io: 0x3f8, irq: 4, line: loopback}\n"+
		"  - {io: 0x2f8, irq: 3, line: {null-modem: ttyS2}}\n  - {io: 0x3e8, irq: 5}\n"))
	require.NoError(tb, err)
	m := b.Power(kernel.Config{})
	require.NoError(tb, m.LoadModules())
	return m
}

func conn(tb testing.TB, m *board.Machine, name string) serial.Conn {
	tb.Helper()
	c, err := tty.OpenConn(m.Kernel, "/dev/"+name, serial.Format8N1(115200))
	require.NoError(tb, err)
	return c
}

// stream sends 4 KiB writes one way.
func stream(b *testing.B, to io.Reader, from io.Writer) {
	data, buf := make([]byte, 4096), make([]byte, 64<<10)
	b.SetBytes(int64(len(data)))
	b.ResetTimer()
	go func() {
		for range b.N {
			_, _ = from.Write(data)
		}
	}()
	for n := 0; n < b.N*len(data); {
		k, err := to.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
	b.StopTimer()
}

// roundTrip sends one byte and waits for it.
func roundTrip(b *testing.B, to io.Reader, from io.Writer) {
	p := make([]byte, 1)
	for b.Loop() {
		_, _ = from.Write(p)
		if _, err := io.ReadFull(to, p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSerial puts the paths of serial bytes side by side: a pty pair of the host; driver, UART and line in this process; and the pty door
// in front of them.
func BenchmarkSerial(b *testing.B) {
	pair := func(b *testing.B) (m, s *host.TTY) {
		m, s, err := host.PTYPair()
		if err != nil {
			b.Skip(err)
		}
		b.Cleanup(func() { _ = s.Close(); _ = m.Close() })
		return m, s
	}
	b.Run("stream/host-pty-out", func(b *testing.B) { m, s := pair(b); stream(b, m, s) })
	b.Run("stream/host-pty-in", func(b *testing.B) { m, s := pair(b); stream(b, s, m) })
	b.Run("roundtrip/host-pty", func(b *testing.B) { m, s := pair(b); roundTrip(b, m, s) })

	loop := func(b *testing.B) serial.Conn {
		m := machine(b, "max")
		c := conn(b, m, "ttyS0")
		b.Cleanup(func() { _ = c.Close(); _ = m.Close() })
		return c
	}
	b.Run("stream/uart-loopback", func(b *testing.B) { c := loop(b); stream(b, c, c) })
	b.Run("roundtrip/uart-loopback", func(b *testing.B) { c := loop(b); roundTrip(b, c, c) })

	// A client on the door of ttyS1, and a program on ttyS2.
	door := func(b *testing.B) (client, far serial.Conn) {
		p, err := host.OpenPTY("")
		if err != nil {
			b.Skip(err)
		}
		m := machine(b, "max")
		near, far := conn(b, m, "ttyS1"), conn(b, m, "ttyS2")
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- p.Serve(ctx, near) }()
		client, err = host.OpenPort(p.Path(), serial.Format8N1(115200))
		require.NoError(b, err)
		_, err = client.Write([]byte{0}) // what is sent before the door has seen its client is lost
		require.NoError(b, err)
		_, err = io.ReadFull(far, make([]byte, 1))
		require.NoError(b, err)
		b.Cleanup(func() {
			_ = client.Close()
			cancel()
			<-done
			_ = near.Close()
			_ = far.Close()
			_ = p.Close()
			_ = m.Close()
		})
		return client, far
	}
	b.Run("stream/pty-door-out", func(b *testing.B) { c, far := door(b); stream(b, far, c) })
	b.Run("stream/pty-door-in", func(b *testing.B) { c, far := door(b); stream(b, c, far) })
	b.Run("roundtrip/pty-door", func(b *testing.B) { c, far := door(b); roundTrip(b, far, c) })
}

// A minute of a paced line at 115200 8N1 under testing/synctest: line seconds for each real second.
func TestLineTime(t *testing.T) {
	const size = 60 * 11520
	start := time.Now()
	var line time.Duration
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, "paced")
		c := conn(t, m, "ttyS0")
		begin := time.Now()
		go func() { _, _ = c.Write(make([]byte, size)) }()
		_, err := io.ReadFull(c, make([]byte, size))
		require.NoError(t, err)
		line = time.Since(begin)
		require.NoError(t, c.Close())
		require.NoError(t, m.Close())
	})
	require.InDelta(t, 60, line.Seconds(), 0.1)
	t.Logf("%.0f s of line time in %v: %.0f to 1", line.Seconds(), time.Since(start), line.Seconds()/time.Since(start).Seconds())
}
