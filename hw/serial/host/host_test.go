//go:build linux

package host

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptyPair(t testing.TB) (master, slave *TTY) {
	t.Helper()
	m, s, err := PTYPair()
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	t.Cleanup(func() { m.Close(); s.Close() })
	return m, s
}

func openPort(t testing.TB, name string) *TTY {
	t.Helper()
	p, err := OpenPort(name, serial.Format8N1(115200))
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

func figures(t *testing.T, r *serialtest.Report) {
	for _, x := range r.Results {
		switch {
		case x.Latency != nil:
			t.Logf("%s: round trip median %v", r.Line, x.Latency.P50)
		case x.Rate > 0:
			t.Logf("%s: %.1f MB/s", r.Line, x.Rate/1e6)
		}
	}
	t.Logf("%s: %d passed, %d skipped", r.Line, r.Count(serialtest.Pass), r.Count(serialtest.Skip))
}

// The real port's code on the host's pty: a kernel's tty behind tarm/serial.
func TestPortSuite(t *testing.T) {
	figures(t, serialtest.TestLine(t, serialtest.Setup{
		Name: "tarm/serial on a pty",
		Open: func(context.Context) (serial.Conn, serial.Conn, error) {
			m, s := ptyPair(t)
			s.Close()
			return m, openPort(t, s.Name()), nil
		},
	}))
}

func TestPortTraps(t *testing.T) {
	within := func(t *testing.T, d time.Duration, what string, f func() error) error {
		t.Helper()
		done := make(chan error, 1)
		go func() { done <- f() }()
		select {
		case err := <-done:
			return err
		case <-time.After(d):
			t.Fatalf("%s did not end within %v", what, d)
			return nil
		}
	}
	read := func(p serial.Conn) func() error {
		return func() error { _, err := p.Read(make([]byte, 16)); return err }
	}
	t.Run("a time-out is not a hang-up", func(t *testing.T) {
		m, s := ptyPair(t)
		p := openPort(t, s.Name())
		start := time.Now()
		p.SetReadDeadline(start.Add(250 * time.Millisecond)) // longer than tarm's own
		require.ErrorIs(t, within(t, time.Minute, "Read", read(p)), os.ErrDeadlineExceeded)
		require.GreaterOrEqual(t, time.Since(start), 250*time.Millisecond)
		p.SetReadDeadline(time.Time{})
		m.Write([]byte("still there"))
		require.NoError(t, within(t, time.Minute, "Read", read(p)))
	})
	t.Run("a hang-up is ENODEV", func(t *testing.T) {
		m, s := ptyPair(t)
		p := openPort(t, s.Name())
		done := make(chan error, 1)
		go func() { done <- read(p)() }()
		m.Close()
		err := within(t, time.Minute, "Read", func() error { return <-done })
		require.ErrorIs(t, err, syscall.ENODEV)
		require.ErrorContains(t, err, "unplugged or hung up")
		_, err = p.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.ENODEV)
		require.ErrorIs(t, p.SetMode(serial.DefaultMode), syscall.ENODEV)
	})
	t.Run("Close ends a waiting Write", func(t *testing.T) {
		m, s := ptyPair(t)
		p := openPort(t, s.Name())
		done := make(chan error, 1)
		go func() {
			_, err := p.Write(make([]byte, 1<<20)) // nobody reads the master
			done <- err
		}()
		require.Eventually(t, func() bool { // the pty is full
			n := 0
			err := m.control("queue", func(fd int) (e error) { n, e = unix.IoctlGetInt(fd, unix.TIOCINQ); return })
			return err == nil && n > 0
		}, time.Minute, time.Millisecond)
		require.NoError(t, within(t, time.Minute, "Close", p.Close))
		require.ErrorIs(t, within(t, time.Minute, "Write", func() error { return <-done }), os.ErrClosed)
		require.ErrorIs(t, p.Close(), os.ErrClosed)
		require.ErrorIs(t, p.SetMode(serial.DefaultMode), os.ErrClosed)
	})
	t.Run("what is missing says so", func(t *testing.T) {
		_, s := ptyPair(t)
		p := openPort(t, s.Name())
		_, err := p.Signals()
		require.ErrorIs(t, err, syscall.EOPNOTSUPP)
		require.ErrorIs(t, p.SetSignals(serial.RTS, 0), syscall.EOPNOTSUPP)
		require.ErrorIs(t, p.SetBreak(true), syscall.EOPNOTSUPP)
		require.ErrorIs(t, p.SetMode(serial.Mode{}), syscall.EINVAL)
	})
	t.Run("modes are read back", func(t *testing.T) {
		_, s := ptyPair(t)
		p := openPort(t, s.Name())
		for _, x := range []string{"50 8N1", "115200 8N2", "12345 8N1", "4000000 8N1 rtscts", "9600 8N1 xonxoff"} {
			m, err := serial.ParseMode(x)
			require.NoError(t, err)
			require.NoError(t, p.SetMode(m))
			got, err := p.Mode()
			require.NoError(t, err)
			require.Equal(t, x, got.String())
		}
	})
	t.Run("bad names", func(t *testing.T) {
		_, err := OpenPort("/dev/does-not-exist", serial.DefaultMode)
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = OpenPort("/dev/null", serial.DefaultMode)
		require.ErrorIs(t, err, syscall.ENOTTY)
		_, err = OpenPort("/dev/null", serial.Mode{Baud: 9600})
		require.ErrorIs(t, err, syscall.EINVAL)
	})
	t.Run("a second opener is refused", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("TIOCEXCL does not hold root back")
		}
		_, s := ptyPair(t)
		openPort(t, s.Name())
		_, err := OpenPort(s.Name(), serial.DefaultMode)
		require.ErrorIs(t, err, syscall.EBUSY)
	})
}

func TestMarks(t *testing.T) {
	type got struct {
		s string
		f serial.Flags
	}
	for in, want := range map[string][]got{
		"plain":                {{"plain", 0}},
		"a\xff\xffb":           {{"a\xffb", 0}},
		"a\xff\x00zb":          {{"a", 0}, {"z", serial.Framing}, {"b", 0}},
		"\xff\x00\x00":         {{"\x00", serial.Break}},
		"x\xff\x00":            {{"x", 0}},
		"\xff":                 nil,
		"\xff\xff\xff\xff\x00": {{"\xff\xff\x00", 0}},
	} {
		for chunk := 1; chunk <= len(in); chunk++ {
			tt := &TTY{marks: true}
			var all []got
			for i := 0; i < len(in); i += chunk {
				tt.in = append(append([]byte{}, tt.in...), in[i:min(len(in), i+chunk)]...)
				for {
					p := make([]byte, 64)
					n, f := tt.parse(p)
					if n == 0 {
						break
					}
					if k := len(all); k > 0 && f == 0 && all[k-1].f == 0 {
						all[k-1].s += string(p[:n])
					} else {
						all = append(all, got{string(p[:n]), f})
					}
				}
			}
			require.Equal(t, want, all, "%q in pieces of %d", in, chunk)
		}
	}
	tt := &TTY{marks: true, in: []byte("\xff\x00z")}
	m := serial.DefaultMode
	m.Parity = serial.ParityEven
	tt.mode.Store(&m)
	_, f := tt.parse(make([]byte, 4))
	require.Equal(t, serial.ParityError, f, "with a parity bit it is taken for a parity error")
}

// listen starts serve on a free port of the loop-back interface and stops it at the end.
func listen(t testing.TB, serve func(context.Context, net.Listener) error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("the server did not stop")
		}
	})
	return l.Addr().String()
}

func TestTCP(t *testing.T) {
	a, b := serial.NullModem(serial.Max)
	addr := listen(t, func(ctx context.Context, l net.Listener) error { return ServeTCP(ctx, l, a) })
	b.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	figures(t, serialtest.TestLine(t, serialtest.Setup{
		Name:  "raw TCP",
		Modes: []serial.Mode{serial.DefaultMode},
		Mode:  serial.DefaultMode,
		Open: func(ctx context.Context) (serial.Conn, serial.Conn, error) {
			c, err := DialTCP(ctx, addr)
			return b, c, err
		},
	}))
	t.Run("a second client is turned away", func(t *testing.T) {
		a, b := serial.NullModem(serial.Max)
		b.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
		addr := listen(t, func(ctx context.Context, l net.Listener) error { return ServeTCP(ctx, l, a) })
		c, err := DialTCP(t.Context(), addr)
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Write([]byte("x"))
		require.NoError(t, err)
		_, err = io.ReadFull(b, make([]byte, 1))
		require.NoError(t, err)
		d, err := DialTCP(t.Context(), addr)
		require.NoError(t, err)
		defer d.Close()
		d.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = d.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ENODEV)
	})
}

func TestPTYDoor(t *testing.T) {
	link := filepath.Join(t.TempDir(), "dev", "ttyS0")
	p, err := OpenPTY(link)
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	a, b := serial.NullModem(serial.Max)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, a) }()
	b.SetSignals(serial.DTEOutputs, serial.DTEOutputs)

	b.Write([]byte("nobody is there")) // lost
	require.NoError(t, b.Drain())
	b.Write([]byte("!")) // when this has been taken, the door is through with what came before
	require.NoError(t, b.Drain())
	c := openPort(t, link)
	require.Eventually(t, func() bool { s, _ := b.Signals(); return s == serial.CTS|serial.DSR|serial.DCD }, time.Minute, time.Millisecond, "a client's open raises DTR and RTS")
	m, _ := serial.ParseMode("38400 8N2")
	require.NoError(t, c.SetMode(m))
	b.SetMode(m)
	c.Write([]byte("from the client"))
	b.SetReadDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 64)
	n, err := io.ReadFull(b, buf[:15])
	require.NoError(t, err)
	require.Equal(t, "from the client", string(buf[:n]))
	require.Equal(t, m, b.PeerMode(), "the client's mode reaches the line before its bytes")
	b.Write([]byte("to the client"))
	c.SetReadDeadline(time.Now().Add(time.Minute))
	n, err = io.ReadAtLeast(c, buf, 13)
	require.NoError(t, err)
	if buf[0] == '!' && n < 14 {
		_, err = io.ReadFull(c, buf[n:14])
		require.NoError(t, err)
		n = 14
	}
	require.Equal(t, "to the client", strings.TrimPrefix(string(buf[:n]), "!"))
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { s, _ := b.Signals(); return s == 0 }, time.Minute, time.Millisecond, "its close drops them")

	t.Run("suite", func(t *testing.T) {
		figures(t, serialtest.TestLine(t, serialtest.Setup{
			Name: "pty door",
			Open: func(context.Context) (serial.Conn, serial.Conn, error) {
				c := openPort(t, link)
				return c, keep{b, new(atomic.Bool)}, nil
			},
			Modes: []serial.Mode{serial.Format8N1(9600), serial.Format8N1(115200)},
		}))
	})
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, p.Close())
	_, err = os.Lstat(link)
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.WriteFile(link, nil, 0o600))
	_, err = OpenPTY(link)
	require.ErrorIs(t, err, syscall.EEXIST)
	require.ErrorContains(t, err, "not a symbolic link")
}

// keep keeps a port open over a suite's Close, so that the line can be used again.
type keep struct {
	*serial.Port
	closed *atomic.Bool
}

func (k keep) Close() error {
	k.closed.Store(true)
	return k.SetReadDeadline(time.Now())
}

func (k keep) Read(p []byte) (int, error) {
	n, err := k.Port.Read(p)
	if k.closed.Load() {
		return 0, os.ErrClosed
	}
	return n, err
}

func (k keep) Write(p []byte) (int, error) {
	if k.closed.Load() {
		return 0, os.ErrClosed
	}
	return k.Port.Write(p)
}

// The far end of an attached line: the chip's side is driven, the device is on the other side of a
// network or a pty.
func TestAttach(t *testing.T) {
	attach := func(t *testing.T, dce *serial.Port, dev serial.Conn) chan error {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- Attach(ctx, dce, dev, func(what string, err error) { t.Logf("%s: %v", what, err) }) }()
		t.Cleanup(func() { cancel(); dev.Close() })
		return done
	}
	t.Run("an RFC 2217 port", func(t *testing.T) {
		rep := serialtest.TestLine(t, serialtest.Setup{
			Name: "chip side to an attached rfc2217 port",
			Open: func(ctx context.Context) (serial.Conn, serial.Conn, error) {
				a, far := serial.NullModem(serial.Max)
				addr := listen(t, func(ctx context.Context, l net.Listener) error { return Serve2217(ctx, l, a, "x") })
				dev, err := Dial2217(ctx, addr, serial.DefaultMode)
				dte, dce := serial.Straight(serial.Max)
				attach(t, dce, dev)
				return dte, far, err
			},
			// Flow control ends at the chip, and a stream sent with the old mode may still be on
			// its way.
			Modes: []serial.Mode{serial.Format8N1(9600), serial.Format8N1(115200)},
		})
		figures(t, rep)
	})
	t.Run("a pty that is unplugged", func(t *testing.T) {
		m, s := ptyPair(t)
		s.Close()
		dev := openPort(t, s.Name())
		dte, dce := serial.Straight(serial.Max)
		dte.SetMode(serial.Format8N1(115200))
		done := attach(t, dce, dev)
		require.Eventually(t, func() bool { return dce.Mode() == dte.Mode() }, time.Minute, time.Millisecond)
		dte.Write([]byte("out"))
		buf := make([]byte, 16)
		n, err := io.ReadFull(m, buf[:3])
		require.NoError(t, err)
		require.Equal(t, "out", string(buf[:n]))
		m.Write([]byte("in"))
		dte.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = io.ReadFull(dte, buf[:2])
		require.NoError(t, err)
		m.Close()
		require.ErrorIs(t, <-done, syscall.ENODEV)
		_, err = dce.Read(buf)
		require.ErrorIs(t, err, syscall.ENODEV)
	})
}
