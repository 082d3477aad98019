//go:build linux

package host

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/stretchr/testify/require"
)

func TestRFC2217(t *testing.T) {
	for name, dir := range map[string]bool{"client to line": true, "line to client": false} {
		t.Run(name, func(t *testing.T) {
			rep := serialtest.TestLine(t, serialtest.Setup{
				Name: "rfc2217, " + name,
				Open: func(ctx context.Context) (serial.Conn, serial.Conn, error) {
					a, b := serial.NullModem(serial.Max)
					addr := listen(t, func(ctx context.Context, l net.Listener) error { return Serve2217(ctx, l, a, "test") })
					c, err := Dial2217(ctx, addr, serial.DefaultMode)
					if dir {
						return c, b, err
					}
					return b, c, err
				},
			})
			figures(t, rep)
			require.Zero(t, rep.Count(serialtest.Skip))
		})
	}
}

func TestRFC2217Control(t *testing.T) {
	a, b := serial.NullModem(serial.Max)
	addr := listen(t, func(ctx context.Context, l net.Listener) error { return Serve2217(ctx, l, a, "kobench \xff 1") })
	c, err := Dial2217(t.Context(), addr, serial.Format8N1(57600))
	require.NoError(t, err)
	require.Equal(t, "57600 8N1", a.Mode().String())
	sig, err := c.Signature()
	require.NoError(t, err)
	require.Equal(t, "kobench \xff 1", sig)
	m, _ := serial.ParseMode("300 5M1.5 xonxoff")
	require.NoError(t, c.SetMode(m))
	require.Equal(t, m, a.Mode())
	require.NoError(t, c.SetMode(serial.Format8N1(115200)))
	b.SetMode(serial.Format8N1(115200))

	b.SetSignals(serial.DTR, serial.DTR)
	require.Eventually(t, func() bool { s, _ := c.Signals(); return s&serial.DCD != 0 }, time.Minute, time.Millisecond)

	// Suspended, the client hears nothing; resumed, all of it.
	require.NoError(t, c.send(subnegotiation(cpSuspend, nil)))
	_, err = c.request(cpSetModemMask, 255) // the server has seen it
	require.NoError(t, err)
	b.Write([]byte("first "))
	b.Write(bytes.Repeat([]byte("x"), 1000))
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var buf [2000]byte
	early, _ := io.ReadFull(c, buf[:])
	require.Zero(t, early)
	require.NoError(t, c.send(subnegotiation(cpResume, nil)))
	c.SetReadDeadline(time.Now().Add(time.Minute))
	_, err = io.ReadFull(c, buf[early:1006])
	require.NoError(t, err)
	require.Equal(t, "first xxx", string(buf[:9]))

	// What waits for CTS is purged.
	b.SetSignals(serial.RTS, 0)
	m = serial.Format8N1(115200)
	m.Flow = serial.FlowRTSCTS
	require.NoError(t, c.SetMode(m))
	c.Write([]byte("never seen"))
	require.NoError(t, c.Purge(false, true))
	b.SetSignals(serial.RTS, serial.RTS)
	c.Write([]byte("seen"))
	b.SetReadDeadline(time.Now().Add(time.Minute))
	n := 0
	got := ""
	for !strings.HasSuffix(got, "seen") || got == "never seen" {
		if n, err = b.Read(buf[:]); err != nil {
			break
		}
		got += string(buf[:n])
	}
	require.NoError(t, err)
	require.NotContains(t, got, "never seennever")

	t.Run("refused values", func(t *testing.T) {
		v, err := c.request(cpSetDataSize, 9)
		require.NoError(t, err)
		require.Equal(t, []byte{8}, v)
		require.ErrorIs(t, c.set("data size", cpSetDataSize, 9), syscall.EOPNOTSUPP)
		for q, want := range map[byte]byte{ctlFlowQuery: ctlFlowRTS, ctlInQuery: ctlInRTS, ctlBrkQuery: ctlBrkOff, ctlDTRQuery: ctlDTROn, ctlRTSQuery: ctlRTSOn} {
			v, err := c.request(cpSetControl, q)
			require.NoError(t, err)
			require.Equal(t, []byte{want}, v, "query %d", q)
		}
		v, err = c.request(cpSetBaud, 0, 0, 0, 0)
		require.NoError(t, err)
		require.Equal(t, []byte{0, 1, 0xc2, 0}, v)
	})
	t.Run("the client vanishes", func(t *testing.T) {
		c.SetBreak(true)
		require.NoError(t, c.Close())
		require.Eventually(t, func() bool { s, _ := b.Signals(); return s == 0 }, time.Minute, time.Millisecond, "DTR and RTS fall")
		_, err := c.Read(buf[:])
		require.ErrorIs(t, err, os.ErrClosed)
		require.ErrorIs(t, c.SetMode(m), os.ErrClosed)
	})
	t.Run("the server vanishes", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Serve2217(ctx, l, a, "x") }()
		c, err := Dial2217(t.Context(), l.Addr().String(), serial.DefaultMode)
		require.NoError(t, err)
		defer c.Close()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		_, err = c.Read(buf[:])
		require.ErrorIs(t, err, syscall.ENODEV)
		_, err = c.Signals()
		require.ErrorIs(t, err, syscall.ENODEV)
	})
	t.Run("the port is unplugged", func(t *testing.T) {
		a, _ := serial.NullModem(serial.Max)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- Serve2217(t.Context(), l, a, "x") }()
		c, err := Dial2217(t.Context(), l.Addr().String(), serial.DefaultMode)
		require.NoError(t, err)
		defer c.Close()
		a.Vanish()
		require.ErrorIs(t, <-done, syscall.ENODEV)
		_, err = c.Read(buf[:])
		require.ErrorIs(t, err, syscall.ENODEV)
	})
	t.Run("not an RFC 2217 server", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go func() {
			c, err := l.Accept()
			l.Close()
			if err == nil {
				c.Write([]byte{tnIAC, tnDONT, optComPort})
				io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		_, err = Dial2217(t.Context(), l.Addr().String(), serial.DefaultMode)
		require.ErrorIs(t, err, syscall.EOPNOTSUPP)
		require.ErrorContains(t, err, "does not offer COM-PORT-OPTION")
	})
}

// A client that comes as another leaves is served.
func TestEachHasItsTurn(t *testing.T) {
	a, b := serial.NullModem(serial.Max)
	b.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	b.SetReadDeadline(time.Now().Add(time.Minute))
	addr := listen(t, func(ctx context.Context, l net.Listener) error { return Serve2217(ctx, l, a, "test") })
	for i := range 50 {
		c, err := Dial2217(t.Context(), addr, serial.DefaultMode)
		require.NoError(t, err, "client %d", i)
		_, err = c.Write([]byte{byte(i)})
		require.NoError(t, err)
		var got [1]byte
		_, err = io.ReadFull(b, got[:])
		require.NoError(t, err)
		require.Equal(t, byte(i), got[0])
		require.NoError(t, c.Close())
	}
}

// spy notes what a client asks of its server's flow.
type spy struct {
	net.Conn
	mu   sync.Mutex
	said []byte
}

func (s *spy) Write(p []byte) (int, error) {
	if len(p) > 3 && p[1] == tnSB && (p[3] == cpSuspend || p[3] == cpResume) {
		s.mu.Lock()
		s.said = append(s.said, p[3])
		s.mu.Unlock()
	}
	return s.Conn.Write(p)
}

// SUSPEND and RESUME reach the server in turn, whoever sends them.
func TestFlowMessagesAreInOrder(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	w := &spy{Conn: near}
	c := &Client2217{name: "test", c: w, answers: map[byte][]byte{}, changed: make(chan struct{}), reader: make(chan struct{})}
	c.opts.may = common
	go c.receive()
	go io.Copy(io.Discard, far)
	const size = 8 << 20
	go func() {
		chunk := make([]byte, clientBuffer)
		for range size / clientBuffer {
			if _, err := far.Write(chunk); err != nil {
				return
			}
		}
	}()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, clientBuffer)
	for n := 0; n < size; {
		k, err := c.Read(buf)
		require.NoError(t, err)
		n += k
	}
	require.NoError(t, c.Close())
	for i, cmd := range w.said {
		require.Equal(t, []byte{cpSuspend, cpResume}[i%2], cmd, "message %d of %d", i, len(w.said))
	}
}
