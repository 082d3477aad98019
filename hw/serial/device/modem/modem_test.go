package modem

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// bench is a modem with somebody at the terminal.
type bench struct {
	t   *testing.T
	m   *Modem
	dte *serial.Port
}

func start(t *testing.T, dial func(context.Context, string) (io.ReadWriteCloser, error)) *bench {
	dte, dce := serial.Straight(serial.Paced)
	dte.SetMode(serial.Format8N1(9600))
	dte.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	b := &bench{t, &Modem{Dial: dial}, dte}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.m.Run(ctx, dce) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	synctest.Wait()
	b.say("ATE0", "ATE0\r\r\nOK\r\n")
	return b
}

// read is what comes within a second and a half.
func (b *bench) read() string {
	b.t.Helper()
	b.dte.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
	p, err := io.ReadAll(b.dte)
	require.ErrorIs(b.t, err, os.ErrDeadlineExceeded)
	return string(p)
}

func (b *bench) say(cmd, want string) {
	b.t.Helper()
	b.dte.Write([]byte(cmd + "\r"))
	require.Equal(b.t, want, b.read(), cmd)
}

func (b *bench) lines() serial.Signals { s, _ := b.dte.Signals(); return s }

func verbose(s string) string { return "\r\n" + s + "\r\n" }

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, nil)
		for _, c := range [][2]string{
			{"AT", verbose("OK")},
			{"at", verbose("OK")},
			{"hello", ""},
			{"AT E0 V1 Q0", verbose("OK")},
			{"ATI", verbose("kobench modem") + verbose("OK")},
			{"ATS7?", verbose("050") + verbose("OK")},
			{"ATS7=30S7?", verbose("030") + verbose("OK")},
			{"ATS7=256", verbose("ERROR")},
			{"ATS99?", verbose("ERROR")},
			{"ATS7", verbose("ERROR")},
			{"ATE2", verbose("ERROR")},
			{"ATY", verbose("ERROR")},
			{"AT&", verbose("ERROR")},
			{"ATH", verbose("OK")},
			{"ATO", verbose("NO CARRIER")},
			{"ATA", verbose("NO CARRIER")},
			{"ATD5551234", verbose("NO CARRIER")},
			{"ATDhello", verbose("ERROR")},
			{"ATV0", "0\r"},
			{"ATY", "4\r"},
			{"ATQ1", ""},
			{"ATZ", verbose("OK")},
			{"ATE0", "ATE0\r" + verbose("OK")},
			{"AX\x08T", verbose("OK")},
		} {
			b.say(c[0], c[1])
		}
		b.dte.Write([]byte("A/"))
		require.Equal(t, verbose("OK"), b.read(), "the last command again")
	})
}

func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var far net.Conn
		b := start(t, func(ctx context.Context, n string) (io.ReadWriteCloser, error) {
			switch n {
			case "1":
				return nil, ErrBusy
			case "2":
				return nil, ErrNoAnswer
			case "3":
				<-ctx.Done()
				return nil, ctx.Err()
			}
			time.Sleep(300 * time.Millisecond)
			var near net.Conn
			near, far = net.Pipe()
			go io.Copy(far, far)
			return near, nil
		})
		b.say("ATDT1", verbose("BUSY"))
		b.say("ATDP2", verbose("NO ANSWER"))
		b.dte.Write([]byte("ATD3\r"))
		require.Empty(t, b.read())
		b.dte.Write([]byte(" "))
		require.Equal(t, verbose("NO CARRIER"), b.read(), "a key ends dialling")
		require.Zero(t, b.lines()&serial.DCD)
		b.say("ATDT0555-1234", verbose("CONNECT 9600"))
		require.NotZero(t, b.lines()&serial.DCD)
		b.say("over the wire", "over the wire\r")
		b.dte.Write([]byte("a+++b"))
		require.Equal(t, "a+++b", b.read(), "no guard time: data")
		b.dte.Write([]byte("+++"))
		require.Equal(t, "+++"+verbose("OK"), b.read())
		b.say("AT", verbose("OK"))
		require.NotZero(t, b.lines()&serial.DCD, "the call is still there")
		b.say("ATO", verbose("CONNECT 9600"))
		b.say("again", "again\r")
		far.Close()
		require.Equal(t, verbose("NO CARRIER"), b.read())
		require.Zero(t, b.lines()&serial.DCD)

		b.say("ATD5", verbose("CONNECT 9600"))
		b.dte.SetSignals(serial.DTR, 0)
		require.Equal(t, verbose("NO CARRIER"), b.read(), "DTR off hangs up")
		b.dte.SetSignals(serial.DTR, serial.DTR)
		b.say("AT&D1D5", verbose("CONNECT 9600"))
		b.dte.SetSignals(serial.DTR, 0)
		require.Equal(t, verbose("OK"), b.read(), "with &D1 it is command state")
		b.say("ATH", verbose("OK"))
		require.Zero(t, b.lines()&serial.DCD)
	})
}

func TestIncoming(t *testing.T) {
	for _, auto := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, nil)
			if auto {
				b.say("ATS0=2", verbose("OK"))
			}
			near, far := net.Pipe()
			go io.Copy(far, far)
			done := make(chan error)
			go func() { done <- b.m.Ring(t.Context(), near) }()
			require.Equal(t, verbose("RING"), b.read())
			require.NotZero(t, b.lines()&serial.RI)
			require.ErrorIs(t, b.m.Ring(t.Context(), near), ErrBusy)
			if auto {
				time.Sleep(5 * time.Second)
				require.Equal(t, verbose("RING")+verbose("CONNECT 9600"), b.read())
			} else {
				b.say("ATA", verbose("CONNECT 9600"))
			}
			require.NoError(t, <-done)
			require.Zero(t, b.lines()&serial.RI)
			b.say("hi", "hi\r")
			far.Close()
			require.Equal(t, verbose("NO CARRIER"), b.read())

			n2, f2 := net.Pipe()
			defer f2.Close()
			b.say("ATS0=0", verbose("OK"))
			require.ErrorIs(t, b.m.Ring(t.Context(), n2), ErrNoAnswer)
			require.Equal(t, 10, strings.Count(b.read(), "RING"))
		})
	}
}

func FuzzCommands(f *testing.F) {
	f.Add("ATE0V1Q0S7=30S7?\rA/ATH\r")
	f.Add("AT&\rAT&D9\rATDT\r\x08\x08AT\r")
	f.Fuzz(func(t *testing.T, in string) {
		dte, dce := serial.Straight(serial.Max)
		m := &Modem{p: dce, settings: factory()}
		go io.Copy(io.Discard, dte)
		m.received(t.Context(), []byte(in))
		m.received(t.Context(), []byte(in))
		m.wg.Wait()
		dte.Close()
		dce.Close()
	})
}

// With Net, a number is a host's name and a port.
func TestDialTCP(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dte, dce := serial.Straight(serial.Max)
	require.NoError(t, dte.SetMode(serial.Format8N1(9600)))
	require.NoError(t, dte.SetSignals(serial.DTEOutputs, serial.DTEOutputs))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- (&Modem{Net: "tcp"}).Run(ctx, dce) }()
	_, err = io.WriteString(dte, "ATE0DT"+l.Addr().String()+"\r")
	require.NoError(t, err)
	c, err := l.Accept()
	require.NoError(t, err)
	_, err = io.WriteString(c, "hello")
	require.NoError(t, err)
	got := ""
	for buf := make([]byte, 64); !strings.HasSuffix(got, "CONNECT 9600\r\nhello"); {
		n, err := dte.Read(buf)
		require.NoError(t, err, got)
		got += string(buf[:n])
	}
	c.Close()
	cancel()
	require.NoError(t, <-done)
	require.ErrorContains(t, (&Modem{Net: "udp"}).Check(), `dial "udp": want tcp`)
}

// The guard time after an escape sequence is the machine's: one that is late loses nothing of it.
func TestGuardIsMachineTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(context.Context, string) (io.ReadWriteCloser, error) {
			near, far := net.Pipe()
			go io.Copy(io.Discard, far)
			return near, nil
		})
		b.say("ATD1", verbose("CONNECT 9600"))
		b.dte.Write([]byte("+++"))
		time.Sleep(500 * time.Millisecond)
		clock := b.dte.Clock()
		clock.Hold()
		clock.AfterFunc(time.Millisecond, func() {}) // the machine gets no further than this
		time.Sleep(2500 * time.Millisecond)
		clock.Release()
		synctest.Wait()
		b.dte.Write([]byte("x")) // 0.6 s after it, for the modem
		require.Empty(t, b.read(), "data state still")
		b.dte.Write([]byte("+++"))
		require.Equal(t, verbose("OK"), b.read())
	})
}
