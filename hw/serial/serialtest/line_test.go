package serialtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/stretchr/testify/require"
)

// opens gives Setup.Open for two ends, or one.
func opens(f func() (a, b serial.Conn, err error)) func(context.Context) (serial.Conn, serial.Conn, error) {
	return func(context.Context) (serial.Conn, serial.Conn, error) { return f() }
}

func figures(t *testing.T, r *serialtest.Report) {
	for _, x := range r.Results {
		switch {
		case x.Latency != nil:
			t.Logf("%s: round trip median %v, 99 %% %v", r.Line, x.Latency.P50, x.Latency.P99)
		case x.Rate > 0:
			t.Logf("%s: %.1f MB/s", r.Line, x.Rate/1e6)
		}
	}
	t.Logf("%s: %d passed, %d skipped", r.Line, r.Count(serialtest.Pass), r.Count(serialtest.Skip))
}

func skipped(r *serialtest.Report, check string) string {
	for _, x := range r.Results {
		if x.Check == check && x.Status == serialtest.Skip {
			return x.Reason
		}
	}
	return ""
}

// The suite is proven on a real kernel first: the host's own pty, both ways round.
func TestHostPTY(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the pty's modes are set with Linux's ioctls")
	}
	for _, dir := range []string{"slave to master", "master to slave"} {
		t.Run(dir, func(t *testing.T) {
			rep := serialtest.TestLine(t, serialtest.Setup{
				Name: "host pty, " + dir,
				Open: opens(func() (serial.Conn, serial.Conn, error) {
					m, s, err := host.PTYPair()
					if err != nil {
						t.Skipf("no pty here: %v", err)
					}
					if dir == "slave to master" {
						return s, m, nil
					}
					return m, s, nil
				}),
			})
			figures(t, rep)
			require.Regexp(t, "the device stays at 115200 8N1|carries 8 bits without parity", skipped(rep, "modes/115200 7E1"))
			require.Contains(t, skipped(rep, "lines/RTS"), "the device has none")
		})
	}
}

func nullModem(s serial.Speed) func(context.Context) (serial.Conn, serial.Conn, error) {
	return opens(func() (serial.Conn, serial.Conn, error) { a, b := serial.NullModem(s); return a, b, nil })
}

func loopback(s serial.Speed) func(context.Context) (serial.Conn, serial.Conn, error) {
	return opens(func() (serial.Conn, serial.Conn, error) { return serial.Loopback(s), nil, nil })
}

func TestSimulated(t *testing.T) {
	t.Run("null modem, max", func(t *testing.T) {
		rep := serialtest.TestLine(t, serialtest.Setup{Name: "null modem", Open: nullModem(serial.Max)})
		figures(t, rep)
		for _, r := range rep.Results {
			require.Equal(t, serialtest.Pass, r.Status, "%s: %s", r.Check, r.Reason)
		}
	})
	t.Run("loop-back plug, max", func(t *testing.T) {
		rep := serialtest.TestLine(t, serialtest.Setup{Name: "loop-back plug", Open: loopback(serial.Max)})
		figures(t, rep)
		require.Equal(t, 3, rep.Count(serialtest.Skip), "duplex, parity errors and XON/XOFF need a far end")
	})
}

// At line speed, in virtual time: every size up to 64 KiB, every mode.
func TestPaced(t *testing.T) {
	for name, open := range map[string]func(context.Context) (serial.Conn, serial.Conn, error){
		"null modem": nullModem(serial.Paced), "loop-back plug": loopback(serial.Paced),
	} {
		var rep *serialtest.Report
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			var virtual time.Duration
			synctest.Test(t, func(t *testing.T) {
				v := time.Now()
				var err error
				rep, err = serialtest.Run(t.Context(), serialtest.Setup{Name: name, Open: open}, nil)
				require.NoError(t, err)
				virtual = time.Since(v)
			})
			for _, r := range rep.Results {
				require.NotEqual(t, serialtest.Fail, r.Status, "%s: %s", r.Check, r.Reason)
				if r.Check == "throughput" {
					require.InDelta(t, 11520, r.Rate, 120, "115200 8N1 is 11,520 bytes a second")
				}
				if r.Check == "latency" {
					want := serial.Format8N1(115200).CharTime(1)
					if name == "null modem" {
						want *= 2
					}
					require.InDelta(t, want, r.Latency.P50, 100)
				}
			}
			t.Logf("%v of line time in %v", virtual.Round(time.Second), time.Since(start).Round(time.Millisecond))
		})
	}
}

// bad is a line with one mistake; the suite must find it.
type bad struct {
	*serial.Port
	write func(p *serial.Port, b []byte) (int, error)
	read  func(p *serial.Port, b []byte) (int, error)
	set   func(p *serial.Port, mask, value serial.Signals) error
}

func (b *bad) Write(p []byte) (int, error) {
	if b.write != nil {
		return b.write(b.Port, p)
	}
	return b.Port.Write(p)
}

func (b *bad) Read(p []byte) (int, error) {
	if b.read != nil {
		return b.read(b.Port, p)
	}
	return b.Port.Read(p)
}

func (b *bad) SetSignals(mask, value serial.Signals) error {
	if b.set != nil {
		return b.set(b.Port, mask, value)
	}
	return b.Port.SetSignals(mask, value)
}

func TestFindsMistakes(t *testing.T) {
	n := 0
	for name, c := range map[string]struct {
		bad    bad
		check  string
		reason string
	}{
		"7-bit": {bad{write: func(p *serial.Port, b []byte) (int, error) {
			c := make([]byte, len(b))
			for i := range b {
				c[i] = b[i] & 0x7f
			}
			return p.Write(c)
		}}, "patterns/all-values", "byte 128 of 256: expected 0x80, saw 0x00"},
		"eats XON": {bad{write: func(p *serial.Port, b []byte) (int, error) {
			_, err := p.Write([]byte(strings.ReplaceAll(string(b), "\x11", "")))
			return len(b), err
		}}, "patterns/control", "expected 0x11, saw 0x13"},
		"loses a byte": {bad{write: func(p *serial.Port, b []byte) (int, error) {
			if len(b) == 1023 {
				p.Write(b[:1022])
				return len(b), nil
			}
			return p.Write(b)
		}}, "sizes/1023", "expected 1023 bytes, saw 1022 and then nothing"},
		"short write": {bad{write: func(p *serial.Port, b []byte) (int, error) { return p.Write(b[:min(len(b), 4096)]) }},
			"sizes/4097", "of 4097 bytes"},
		"time-out is EOF": {bad{read: func(p *serial.Port, b []byte) (int, error) {
			n, err := p.Read(b)
			if err != nil && strings.Contains(err.Error(), "timeout") {
				err = errors.New("EOF")
			}
			return n, err
		}}, "deadline", "expected os.ErrDeadlineExceeded, saw EOF"},
		"RTS is stuck": {bad{set: func(p *serial.Port, mask, value serial.Signals) error {
			return p.SetSignals(mask, value|serial.RTS)
		}}, "lines/RTS", "RTS was switched off: expected CTS off at the far end, saw CTS on"},
	} {
		n++
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rep, err := serialtest.Run(t.Context(), serialtest.Setup{
					Name:  name,
					Modes: []serial.Mode{serial.DefaultMode},
					Open: opens(func() (serial.Conn, serial.Conn, error) {
						p := serial.Loopback(serial.Max)
						b := c.bad
						b.Port = p
						return &b, nil, nil
					}),
				}, nil)
				require.NoError(t, err)
				require.False(t, rep.OK())
				for _, r := range rep.Results {
					if r.Check == c.check {
						require.Equal(t, serialtest.Fail, r.Status)
						require.Contains(t, r.Reason, c.reason)
						return
					}
				}
				t.Fatalf("check %s did not run", c.check)
			})
		})
	}
	require.Equal(t, 6, n)
}

func TestDeadLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rep, err := serialtest.Run(t.Context(), serialtest.Setup{Name: "cut", Skip: map[string]string{"sizes": "not today"}, Open: opens(func() (serial.Conn, serial.Conn, error) {
			a, b := serial.NullModem(serial.Paced)
			a.Unplug()
			return a, b, nil
		})}, nil)
		require.NoError(t, err)
		require.Equal(t, 1, rep.Count(serialtest.Fail))
		require.Zero(t, rep.Count(serialtest.Pass))
		require.Contains(t, rep.Results[0].Reason, "expected 256 bytes, saw 0 and then nothing for 5s")
		require.Contains(t, skipped(rep, "latency"), "look at the cable")
		require.Equal(t, "not today", skipped(rep, "sizes/16"))
	})
}

func TestOpenFails(t *testing.T) {
	_, err := serialtest.Run(t.Context(), serialtest.Setup{Name: "nothing", Open: opens(func() (serial.Conn, serial.Conn, error) {
		return nil, nil, errors.New("no such port")
	})}, nil)
	require.EqualError(t, err, "open nothing: no such port")
}

func TestReportJSON(t *testing.T) {
	r := serialtest.Report{Line: "x", Results: []serialtest.Result{{Check: "latency", Status: serialtest.Pass, Latency: serialtest.PercentilesOf([]time.Duration{3, 1, 2})}}}
	b, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(t, `{"line":"x","looped":false,"results":[{"check":"latency","status":"pass","duration_ns":0,
		"latency":{"n":3,"min_ns":1,"p50_ns":2,"p90_ns":3,"p99_ns":3,"max_ns":3}}]}`, string(b))
}

func TestTable(t *testing.T) {
	r := serialtest.Report{Line: "ttyS0", Results: []serialtest.Result{
		{Check: "sizes/1", Status: serialtest.Pass}, {Check: "sizes/2", Status: serialtest.Pass}, {Check: "sizes/3", Status: serialtest.Fail, Reason: "lost"},
		{Check: "flow/a", Status: serialtest.Skip, Reason: "none"}, {Check: "flow/b", Status: serialtest.Skip, Reason: "none"},
		{Check: "break", Status: serialtest.Skip, Reason: "none"}, {Check: "throughput", Status: serialtest.Pass, Rate: 11520},
	}}
	var b strings.Builder
	require.NoError(t, r.WriteTable(&b))
	require.Equal(t, "ttyS0\npass  sizes       2 checks\nfail  sizes/3     lost\nskip  flow        2 checks: none\nskip  break       none\npass  throughput  0.012 MB/s\n3 passed, 1 failed, 3 skipped\n", b.String())
}

// slow is an end that gives a byte a read, and not at once: its sender has long finished when the
// last one comes.
type slow struct{ serial.Conn }

func (s slow) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p[:min(len(p), 16)])
	time.Sleep(time.Duration(n) * 3 * time.Millisecond)
	return n, err
}

// A reader that is still busy when the budget of the sender is over gets all that was sent.
func TestThroughputSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		skip := map[string]string{}
		for _, c := range []string{"patterns", "sizes", "duplex", "modes", "lines", "break", "errors", "flow", "deadline", "latency", "close"} {
			skip[c] = "not what this test is about"
		}
		r, err := serialtest.Run(t.Context(), serialtest.Setup{Budget: time.Second, Skip: skip, Open: opens(func() (serial.Conn, serial.Conn, error) {
			a, b := serial.NullModem(serial.Paced)
			return a, slow{b}, nil
		})}, nil)
		require.NoError(t, err)
		for _, c := range r.Results {
			if c.Check == "throughput" {
				require.Equal(t, serialtest.Pass, c.Status, c.Reason)
				return
			}
		}
		t.Fatal("no throughput in the report")
	})
}

// talks is an end of a device that says its own things.
type talks struct{ serial.Conn }

func (talks) Read(p []byte) (int, error) {
	return copy(p, "$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n"), nil
}

// A device that does not send back what it gets costs one check, not the time-outs of them all.
func TestNoLoop(t *testing.T) {
	r, err := serialtest.Run(t.Context(), serialtest.Setup{Open: opens(func() (serial.Conn, serial.Conn, error) {
		a, b := serial.NullModem(serial.Max)
		return a, talks{b}, nil
	})}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, r.Count(serialtest.Fail))
	require.Equal(t, 0, r.Count(serialtest.Pass))
	require.Contains(t, r.Results[1].Reason, "what speaks on this line")
}

func TestNamesOfChecks(t *testing.T) {
	require.Equal(t, []string{"patterns", "sizes", "duplex", "modes", "lines", "break", "errors", "flow", "deadline", "latency", "throughput", "close"}, serialtest.Groups())
	for name, known := range map[string]bool{"sizes": true, "sizes/16": true, "modes/115200 8N1": true, "break": true, "sizes/5": false, "size": false, "": false} {
		require.Equal(t, known, serialtest.Known(name), "%q", name)
	}
}
