package serial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func mode(t testing.TB, s string) Mode {
	t.Helper()
	m, err := ParseMode(s)
	require.NoError(t, err)
	return m
}

func pair(t testing.TB, s Speed, m Mode) (a, b *Port) {
	t.Helper()
	a, b = NullModem(s)
	require.NoError(t, a.SetMode(m))
	require.NoError(t, b.SetMode(m))
	return a, b
}

func all256() []byte {
	p := make([]byte, 256)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

func TestModeText(t *testing.T) {
	for _, s := range []string{"115200 8N1", "9600 7E2", "300 5O1.5 rtscts", "50 6M1 rtscts+xonxoff", "4000000 8S2 xonxoff"} {
		require.Equal(t, s, mode(t, s).String())
	}
	for s, want := range map[string]string{
		"":                "expected a rate",
		"fast":            `the rate "fast" is not a number`,
		"0":               "the rate is 0 baud",
		"9600 9N1":        "9 data bits",
		"9600 8X1":        "format \"8X1\"",
		"9600 8N3":        "format \"8N3\"",
		"9600 8N1 dtrdsr": `flow control "dtrdsr"`,
		"9600 8N1 none x": "expected a rate",
	} {
		_, err := ParseMode(s)
		require.ErrorContains(t, err, want, s)
		require.ErrorIs(t, err, syscall.EINVAL)
	}
}

func TestCharTime(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"115200 8N1":   86805 * time.Nanosecond,
		"9600 8N1":     1041666 * time.Nanosecond,
		"9600 7E2":     1145833 * time.Nanosecond,
		"50 5N1.5":     150 * time.Millisecond,
		"1000000 8O1":  11 * time.Microsecond,
		"4000000 8N2":  2750 * time.Nanosecond,
		"300 8N1 none": 33333333 * time.Nanosecond,
	} {
		require.Equal(t, want, mode(t, s).CharTime(1), s)
	}
	require.Equal(t, 10*time.Second, Format8N1(115200).CharTime(115200), "no drift over many characters")
}

// The first character arrives a character time after it was written, the n-th n times that, to the
// nanosecond.
func TestPacedArrival(t *testing.T) {
	for _, s := range []string{"115200 8N1", "9600 7E2", "300 5O1"} {
		t.Run(s, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mode(t, s)
				a, b := pair(t, Paced, m)
				start := time.Now()
				_, err := a.Write([]byte("ABC"))
				require.NoError(t, err)
				require.Equal(t, time.Duration(0), time.Since(start), "Write does not wait for the wire")
				var buf [8]byte
				for i := 1; i <= 3; i++ {
					n, err := b.Read(buf[:])
					require.NoError(t, err)
					require.Equal(t, 1, n)
					require.Equal(t, "ABC"[i-1]&m.mask(), buf[0])
					require.Equal(t, m.CharTime(i), time.Since(start))
				}
				require.NoError(t, a.Drain())
				require.Equal(t, m.CharTime(3), time.Since(start))
			})
		})
	}
}

// A minute of line time at 115200 Bd, both ways at once.
func TestMinute(t *testing.T) {
	real := time.Now()
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, Paced, Format8N1(115200))
		data := bytes.Repeat(all256(), 11520*60/256)
		start := time.Now()
		done := make(chan []byte)
		for _, p := range []*Port{a, b} {
			p.SetTrigger(64)
			go func() { p.Write(data) }()
			go func() {
				got := make([]byte, len(data))
				_, err := io.ReadFull(p, got)
				require.NoError(t, err)
				done <- got
			}()
		}
		require.True(t, bytes.Equal(data, <-done))
		require.True(t, bytes.Equal(data, <-done))
		require.Equal(t, Format8N1(115200).CharTime(len(data)), time.Since(start))
	})
	t.Logf("60 s of line time, full duplex, took %v", time.Since(real))
}

func TestMaxCarriesEverything(t *testing.T) {
	for _, s := range []string{"115200 8N1", "9600 7E2", "300 5O1.5"} {
		t.Run(s, func(t *testing.T) {
			m := mode(t, s)
			a, b := pair(t, Max, m)
			data := bytes.Repeat(all256(), 1024)
			go a.Write(data)
			got := make([]byte, len(data))
			_, err := io.ReadFull(b, got)
			require.NoError(t, err)
			for i := range data {
				data[i] &= m.mask()
			}
			require.True(t, bytes.Equal(data, got))
		})
	}
}

type rxChar struct {
	B byte
	F Flags
}

func drain(p *Port, n int) (got []rxChar) {
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 64)
	for len(got) < n {
		k, f, err := p.Receive(buf)
		if err != nil {
			return got
		}
		for _, b := range buf[:k] {
			got = append(got, rxChar{b, f})
		}
	}
	return got
}

// What a receiver in another mode sees, worked out by hand from the bits on the wire.
func TestMismatch(t *testing.T) {
	for name, c := range map[string]struct {
		tx, rx string
		send   string
		want   []rxChar
	}{
		// 0x55 at 9600 is 0 10101010 1: a square wave. At half the rate the receiver samples bits
		// 1, 3, 5, 7 and 9 of it.
		"4 % off is still good": {"10000 8N1", "9600 8N1", "U\xff\x00A", []rxChar{{'U', 0}, {0xff, 0}, {0, 0}, {'A', 0}}},
		"twice the rate":        {"9600 8N1", "19200 8N1", "\x00", []rxChar{{0, Break}}},
		// the start bit is gone by the middle of a bit: a glitch
		"half the rate, 0xFF": {"9600 8N1", "4800 8N1", "\xff", nil},
		// samples every 1.92 bits: five fall into the nine low ones
		"about half, 0x00": {"9600 8N1", "5000 8N1", "\x00", []rxChar{{0xf0, 0}}},
		"7E1 read as 8N1":  {"9600 7E1", "9600 8N1", "AC", []rxChar{{'A', 0}, {'C' | 0x80, 0}}},
		// the stop bit is taken for parity 1; 'A' has even parity 0
		"8N1 read as 8E1": {"9600 8N1", "9600 8E1", "A", []rxChar{{'A', ParityError}}},
		"8O1 read as 8E1": {"9600 8O1", "9600 8E1", "AB", []rxChar{{'A', ParityError}, {'B', ParityError}}},
		"8N2 read as 8N1": {"9600 8N2", "9600 8N1", "AB", []rxChar{{'A', 0}, {'B', 0}}},
		"8S1 read as 8N1": {"9600 8S1", "9600 8N1", "A", []rxChar{{'A', Framing}}},
	} {
		for _, speed := range []Speed{Paced, Max} {
			t.Run(name+"/"+speed.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := NullModem(speed)
					require.NoError(t, a.SetMode(mode(t, c.tx)))
					require.NoError(t, b.SetMode(mode(t, c.rx)))
					_, err := a.Write([]byte(c.send))
					require.NoError(t, err)
					got := drain(b, 99)
					if name == "8S1 read as 8N1" {
						// After the missing stop bit the receiver resynchronises: the low bit is
						// the next start bit.
						require.NotEmpty(t, got)
						got = got[:1]
					}
					require.Equal(t, c.want, got)
					require.NoError(t, a.SetMode(mode(t, c.rx)))
					a.Write([]byte("ok\x01"))
					require.Equal(t, []rxChar{{'o', 0}, {'k', 0}, {1, 0}}, drain(b, 3), "equal modes again")
				})
			})
		}
	}
}

// The bit-level receiver and the copy agree wherever the copy is used.
func TestDecoderAgrees(t *testing.T) {
	for _, f := range []string{"8N1", "7E1", "5O1.5", "6M2", "8S1"} {
		for _, tx := range []string{"9600", "9900", "9300"} {
			tm, rm := mode(t, tx+" "+f), mode(t, "9600 "+f)
			d := decoder{mode: rm}
			require.True(t, d.accepts(tm))
			w := wire{max: true}
			data := all256()
			require.Equal(t, 256, w.push(0, tm, data, 0))
			for i := range 256 {
				w.play(&w.segs[0], i, data[i], &d)
			}
			d.feed(true, d.at+2*rm.span(1))
			require.Len(t, d.out, 256)
			for i, c := range d.out {
				require.Equal(t, char{byte(i) & rm.mask(), 0}, c)
			}
		}
	}
}

func TestBreak(t *testing.T) {
	for _, speed := range []Speed{Paced, Max} {
		t.Run(speed.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, speed, Format8N1(9600))
				got := make(chan []rxChar)
				go func() { got <- drain(b, 5) }()
				a.Write([]byte("ab"))
				require.NoError(t, a.SendBreak(250*time.Millisecond))
				a.Write([]byte("cd"))
				require.Equal(t, []rxChar{{'a', 0}, {'b', 0}, {0, Break}, {'c', 0}, {'d', 0}}, <-got)
				require.EqualValues(t, 1, b.Counters().Break)

				a.SetBreak(true)
				a.Write([]byte("lost"))
				if speed == Paced {
					a.Drain()
				}
				a.SetBreak(false)
				a.Write([]byte("e"))
				require.Equal(t, []rxChar{{0, Break}, {'e', 0}}, drain(b, 2), "what is sent during a break is lost")
			})
		})
	}
	t.Run("is seen while it lasts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := pair(t, Paced, Format8N1(9600))
			start := time.Now()
			a.SetBreak(true)
			require.Equal(t, []rxChar{{0, Break}}, drain(b, 1))
			require.InDelta(t, Format8N1(9600).CharTime(1), time.Since(start), float64(time.Millisecond))
			require.Empty(t, drain(b, 1), "one break is one character")
		})
	})
}

func TestSignals(t *testing.T) {
	in := func(p *Port) Signals { s, _ := p.Signals(); return s }
	t.Run("null modem", func(t *testing.T) {
		a, b := NullModem(Max)
		a.SetSignals(DTR|RTS, DTR)
		require.Equal(t, DSR|DCD, in(b))
		a.SetSignals(RTS, RTS)
		require.Equal(t, CTS|DSR|DCD, in(b))
		require.Equal(t, Signals(0), in(a))
		require.Equal(t, Counters{CTSEdge: 1, DSREdge: 1, DCDEdge: 1}, b.Counters())
		a.Close()
		require.Equal(t, Signals(0), in(b))
	})
	t.Run("loopback", func(t *testing.T) {
		p := Loopback(Max)
		p.SetSignals(DTEOutputs, DTEOutputs)
		require.Equal(t, CTS|DSR|DCD, in(p))
	})
	t.Run("straight", func(t *testing.T) {
		dte, dce := Straight(Max)
		dce.SetSignals(DCEOutputs, CTS|RI)
		require.Equal(t, CTS|RI, in(dte))
		dce.SetSignals(RI, 0)
		require.EqualValues(t, 1, dte.Counters().Ring)
		dte.SetSignals(DTR, DTR)
		require.Equal(t, DTR, in(dce))
	})
	require.Equal(t, "RTS|CTS", (RTS | CTS).String())
	require.Equal(t, "-", Signals(0).String())
	require.Equal(t, "parity|overrun", (ParityError | Overrun).String())
}

func TestOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, Paced, Format8N1(4_000_000))
		data := make([]byte, softBuffer*2)
		for i := range data {
			data[i] = byte(i >> 8)
		}
		a.Write(data)
		require.NoError(t, a.Drain())
		a.Write([]byte{0xee})
		a.Drain()
		b.SetReadDeadline(time.Now().Add(time.Second))
		buf := make([]byte, len(data))
		n, f, err := b.Receive(buf)
		require.NoError(t, err)
		require.Zero(t, f)
		for n < softBuffer {
			k, f, err := b.Receive(buf[n:])
			require.NoError(t, err)
			require.Zero(t, f)
			n += k
		}
		require.True(t, bytes.Equal(data[:n], buf[:n]), "what was there before the overrun is whole")
		a.Write([]byte{0xef})
		got := drain(b, 1)
		require.Equal(t, []rxChar{{0xef, Overrun}}, got)
		require.Positive(t, b.Counters().Lost)
	})
}

func TestFlowControl(t *testing.T) {
	for _, flow := range []string{"rtscts", "xonxoff"} {
		t.Run(flow, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, Paced, mode(t, "115200 8N1 "+flow))
				a.SetSignals(DTEOutputs, DTEOutputs)
				b.SetSignals(DTEOutputs, DTEOutputs)
				a.SetTrigger(256)
				b.SetTrigger(256)
				data := bytes.Repeat([]byte("flow control "), 20000)
				go a.Write(data)
				time.Sleep(time.Minute) // b reads nothing: its buffer fills, it must stop a
				require.Less(t, b.Counters().RX, uint64(softBuffer))
				got := make([]byte, len(data))
				_, err := io.ReadFull(b, got)
				require.NoError(t, err)
				require.True(t, bytes.Equal(data, got))
				require.Zero(t, b.Counters().Lost)
			})
		})
	}
	t.Run("CTS holds back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := pair(t, Paced, mode(t, "9600 8N1 rtscts"))
			b.SetSignals(RTS, RTS)
			a.Write([]byte("0123456789"))
			time.Sleep(Format8N1(9600).CharTime(3) + 1)
			b.SetSignals(RTS, 0)
			require.Len(t, drain(b, 99), 4, "the one that had begun goes out")
			b.SetSignals(RTS, RTS)
			require.Len(t, drain(b, 99), 6)
		})
	})
}

func TestDeadlinesAndClose(t *testing.T) {
	for _, speed := range []Speed{Paced, Max} {
		t.Run(speed.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, speed, Format8N1(9600))
				b.SetReadDeadline(time.Now().Add(time.Second))
				start := time.Now()
				_, err := b.Read(make([]byte, 1))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Equal(t, time.Second, time.Since(start))
				b.SetReadDeadline(time.Time{})

				a.SetWriteDeadline(time.Now().Add(time.Second))
				n, err := a.Write(make([]byte, 4*wireSize))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Positive(t, n)
				a.Purge(false, true)

				errs := make(chan error)
				go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
				go func() { _, err := a.WaitChange(context.Background()); errs <- err }()
				synctest.Wait()
				a.WaitChange(canceled())
				require.NoError(t, a.Close())
				require.ErrorIs(t, <-errs, os.ErrClosed)
				require.ErrorIs(t, <-errs, os.ErrClosed)
				require.ErrorIs(t, a.Close(), os.ErrClosed)

				b.SetReadDeadline(time.Now().Add(time.Minute))
				for err = nil; err == nil; {
					_, err = b.Read(make([]byte, 1<<20)) // what was sent before
				}
				b.SetReadDeadline(time.Time{})
				go func() { _, err := b.Read(make([]byte, 1)); errs <- err }()
				synctest.Wait()
				b.Vanish()
				err = <-errs
				require.ErrorIs(t, err, syscall.ENODEV)
				var e *Error
				require.True(t, errors.As(err, &e))
				require.Contains(t, err.Error(), "unplugged")
				_, err = b.Write([]byte("x"))
				require.ErrorIs(t, err, syscall.ENODEV)
			})
		})
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestUnplug(t *testing.T) {
	for _, speed := range []Speed{Paced, Max} {
		t.Run(speed.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, speed, Format8N1(9600))
				a.SetSignals(DTEOutputs, DTEOutputs)
				a.Write([]byte("in"))
				a.Drain2(b)
				b.Unplug()
				s, _ := b.Signals()
				require.Zero(t, s)
				start := time.Now()
				a.Write(bytes.Repeat([]byte("lost"), 4096))
				a.Drain()
				if speed == Paced {
					require.Equal(t, Format8N1(9600).CharTime(4*4096), time.Since(start), "the transmitter does not know")
				}
				b.Plug()
				s, _ = b.Signals()
				require.Equal(t, CTS|DSR|DCD, s)
				a.Write([]byte("out"))
				require.Len(t, drain(b, 99), 5)
			})
		})
	}
}

// Drain2 waits until b has the characters in its buffer.
func (p *Port) Drain2(b *Port) {
	if p.tx.max {
		b.Lock()
		b.settleLocked(0)
		b.Unlock()
		return
	}
	p.Drain()
}

func TestPeerMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := NullModem(Max)
		got := make(chan Mode)
		go func() {
			for {
				c, err := b.WaitChange(context.Background())
				if err != nil {
					close(got)
					return
				}
				if c&PeerMode != 0 {
					got <- b.PeerMode()
				}
			}
		}()
		a.SetMode(mode(t, "57600 7E1"))
		require.Equal(t, "57600 7E1", (<-got).String())
		b.Close()
		_, ok := <-got
		require.False(t, ok)
	})
}

func TestModeChangeAppliesToWhatHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, Paced, Format8N1(9600))
		start := time.Now()
		a.Write([]byte("abcd"))
		time.Sleep(Format8N1(9600).CharTime(1) + 1) // b has begun
		a.SetMode(Format8N1(115200))
		require.Equal(t, []rxChar{{'a', 0}, {'b', 0}}, drain(b, 2))
		require.NoError(t, a.Drain())
		require.Greater(t, time.Since(start), Format8N1(9600).CharTime(2)+Format8N1(115200).CharTime(2)-1)
	})
}

func TestNoAllocs(t *testing.T) {
	for _, speed := range []Speed{Paced, Max} {
		a, b := pair(t, speed, Format8N1(4_000_000))
		buf := make([]byte, 64)
		run := func() {
			if _, err := a.Write(buf); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(b, buf); err != nil {
				t.Error(err)
			}
		}
		run()
		require.Zero(t, testing.AllocsPerRun(100, run), speed.String())
	}
}

func BenchmarkStream(b *testing.B) {
	for _, size := range []int{1, 64, 4096, 65536} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			x, y := pair(b, Max, Format8N1(115200))
			data := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			go func() {
				for range b.N {
					x.Write(data)
				}
			}()
			got := make([]byte, 65536)
			for n := 0; n < b.N*size; {
				k, _ := y.Read(got)
				n += k
			}
		})
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	p := Loopback(Max)
	buf := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		p.Write(buf)
		p.Read(buf)
	}
}

func TestAuto(t *testing.T) {
	for _, speed := range []Speed{Paced, Max} {
		synctest.Test(t, func(t *testing.T) {
			a, b := NullModem(speed)
			b.SetAuto(true)
			for _, s := range []string{"115200 8N1", "300 8E1", "9600 7O2"} {
				m := mode(t, s)
				require.NoError(t, a.SetMode(m))
				require.Equal(t, m, b.Mode())
				a.Write([]byte{0xb5})
				a.SetMode(Format8N1(57600)) // what was sent before it is still good
				b.Write([]byte{0x33})
				require.Equal(t, []rxChar{{0xb5 & m.mask(), 0}}, drain(b, 1))
				require.Equal(t, []rxChar{{0x33, 0}}, drain(a, 1))
			}
		})
	}
}

// A line that is unplugged takes everything at once, however much it is: nobody would ever make
// room.
func TestWriteIntoUnpluggedCable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := NullModem(Max)
		b.Unplug()
		n, err := a.Write(make([]byte, 1<<20))
		require.NoError(t, err)
		require.Equal(t, 1<<20, n)
		b.Plug()
		_, err = a.Write([]byte("x"))
		require.NoError(t, err)
		buf := make([]byte, 8)
		n, err = b.Read(buf)
		require.NoError(t, err)
		require.Equal(t, "x", string(buf[:n]))
	})
}
