package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	hwclock "github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/stretchr/testify/require"
)

// dialogue is a recorded exchange at 9600 Bd with a break, a parity error and modem lines.
func dialogue(t *testing.T, mode string, too ...func(p *serial.Port) (stop func())) *Trace {
	var tr *Trace
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.Straight(serial.Paced)
		m, err := serial.ParseMode(mode)
		require.NoError(t, err)
		dte.SetMode(m)
		dce.SetMode(m)
		r := Start(dte)
		var stops []func()
		for _, f := range too {
			stops = append(stops, f(dte))
		}
		dte.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
		dce.SetSignals(serial.CTS|serial.DSR, serial.CTS|serial.DSR)
		time.Sleep(50 * time.Millisecond)
		dte.Write([]byte("AT\r"))
		dte.Drain()
		time.Sleep(30 * time.Millisecond)
		dce.Write([]byte("O"))
		dce.Write([]byte("K\r\n"))
		dce.Drain()
		time.Sleep(20 * time.Millisecond)
		dce.SetSignals(serial.DCD, serial.DCD)
		dte.Write([]byte("^\x00\xff more"))
		dte.Drain()
		time.Sleep(20 * time.Millisecond)
		dce.SendBreak(100 * time.Millisecond)
		time.Sleep(5 * time.Millisecond)
		if m.ParityFlip() != 0 {
			dce.SendFrame('P', m.ParityFlip())
		}
		dce.SendFrame('F', m.StopFlip())
		dce.Drain()
		require.NoError(t, r.Stop())
		for _, stop := range stops {
			stop()
		}
		dte.Write([]byte("not recorded"))
		tr = r.Trace()
	})
	return tr
}

// dialogueOf is a trace that has a place in a script, read back.
func dialogueOf(t *testing.T, tr *Trace) Script {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, tr.WriteScript(&b))
	s, err := ParseScript(&b)
	require.NoError(t, err)
	return s
}

const dialogueScript = "w 50 AT^M\nr 33 OK^M^J\nw 24 ^`^@\xff more\n"

func TestScript(t *testing.T) {
	tr := dialogue(t, "9600 8N1")
	var b bytes.Buffer
	err := tr.WriteScript(&b)
	require.Equal(t, dialogueScript, b.String())
	require.ErrorContains(t, err, "6 breaks, modem-line changes and damaged characters cannot be written")
	s, err := ParseScript(strings.NewReader("# comment\n\n" + dialogueScript + "Q\nanything"))
	require.NoError(t, err)
	require.Len(t, s, 3)
	require.Equal(t, "^\x00\xff more", string(s[2].Data))
	require.Equal(t, 5, s[2].Line)
	var again bytes.Buffer
	require.NoError(t, s.Write(&again))
	require.Equal(t, dialogueScript, again.String())
	for in, want := range map[string]string{
		"x 0 a":           `line 1: operation "x"`,
		"r 0 a\nrr 0 b":   `line 2: operation "rr"`,
		"r a b":           `"a" is not a number of milliseconds`,
		"r -1 b":          "is not a number",
		"f 101 -":         "per cent",
		"w 5":             "no data",
		"w 5 abc^":        "middle of an escape",
		"w 5 abc^a":       "^a is no escape",
		"r 99999999999 x": "is not a number",
	} {
		_, err := ParseScript(strings.NewReader(in))
		require.ErrorContains(t, err, want, in)
	}
}

func TestReplay(t *testing.T) {
	script := func(s string) Script {
		x, err := ParseScript(strings.NewReader(s))
		require.NoError(t, err)
		return x
	}
	run := func(t *testing.T, s Script, host func(p *serial.Port)) (runErr, closeErr error) {
		synctest.Test(t, func(t *testing.T) {
			dte, dce := serial.Straight(serial.Paced)
			rp := NewReplay(s)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- rp.Run(ctx, dce) }()
			dte.SetReadDeadline(time.Now().Add(time.Minute))
			host(dte)
			time.Sleep(time.Minute)
			cancel()
			runErr, closeErr = <-done, rp.Close()
		})
		return
	}
	expect := func(p *serial.Port, s string) {
		t.Helper()
		b := make([]byte, len(s))
		_, err := io.ReadFull(p, b)
		require.NoError(t, err)
		require.Equal(t, s, string(b))
	}
	t.Run("as recorded", func(t *testing.T) {
		e, c := run(t, script(dialogueScript), func(p *serial.Port) {
			p.Write([]byte("A"))
			p.Write([]byte("T\r"))
			start := time.Now()
			expect(p, "OK\r\n")
			m := serial.DefaultMode
			require.Equal(t, m.CharTime(3)+33*time.Millisecond+m.CharTime(4), time.Since(start), "the device takes its time")
			p.Write([]byte("^\x00\xff more"))
		})
		require.NoError(t, e)
		require.NoError(t, c)
	})
	t.Run("something else", func(t *testing.T) {
		e, c := run(t, script(dialogueScript), func(p *serial.Port) { p.Write([]byte("AX\r")) })
		var m *Mismatch
		require.ErrorAs(t, e, &m)
		require.Equal(t, []int{1, 1, 1}, []int{m.Op, m.Line, m.Offset})
		require.EqualError(t, c, `replay: operation 1 (line 1), byte 1: recorded was a write of "AT\r", written was "X"`)
	})
	t.Run("a write split around its echo", func(t *testing.T) {
		// Recorded at a loop-back without time: the driver had filled the chip, and the echo was
		// there before the rest.
		e, c := run(t, script("w 0 01234567\nr 0 01234567\nw 0 89\nr 0 89\n"), func(p *serial.Port) {
			p.Write([]byte("0123456789"))
			expect(p, "0123456789")
		})
		require.NoError(t, errors.Join(e, c))
		e, _ = run(t, script("w 0 01234567\nr 0 01234567\nw 0 89\nr 0 89\n"), func(p *serial.Port) { p.Write([]byte("01234567XX")) })
		require.ErrorContains(t, e, `replay: operation 3 (line 3), byte 0: recorded was a write of "89", written was "X`)
	})
	t.Run("ended at once", func(t *testing.T) { // what has been written is compared nevertheless
		synctest.Test(t, func(t *testing.T) {
			dte, dce := serial.Straight(serial.Max)
			dte.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
			dce.SetSignals(serial.DCEOutputs, serial.DCEOutputs)
			dte.Write([]byte("bye"))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			rp := NewReplay(script("w 0 bye\n"))
			require.NoError(t, rp.Run(ctx, dce))
			require.NoError(t, rp.Close())
		})
	})
	t.Run("not all of it", func(t *testing.T) {
		e, c := run(t, script(dialogueScript), func(p *serial.Port) { p.Write([]byte("AT\r")); expect(p, "OK\r\n") })
		require.NoError(t, e)
		var u *Uncovered
		require.ErrorAs(t, c, &u)
		require.Len(t, u.Left, 1)
		require.ErrorContains(t, c, `1 recorded operations did not take place, first a write of "^\x00\xff more"`)
	})
	t.Run("more than that", func(t *testing.T) {
		_, c := run(t, script("r 0 hi\n"), func(p *serial.Port) { expect(p, "hi"); p.Write([]byte("hello?")) })
		require.ErrorContains(t, c, `6 bytes were written that the recording does not have: "hello?"`)
	})
	t.Run("fuzz", func(t *testing.T) {
		e, c := run(t, script("f 20 -\nw 0 time 12:34\n"), func(p *serial.Port) { p.Write([]byte("time 12:99")) })
		require.NoError(t, errors.Join(e, c))
		e, _ = run(t, script("f 20 -\nw 0 time 12:34\n"), func(p *serial.Port) { p.Write([]byte("time 99:99")) })
		require.Error(t, e)
	})
}

func TestPcapng(t *testing.T) {
	tr := dialogue(t, "9600 8E1")
	var b bytes.Buffer
	require.NoError(t, tr.WritePcapng(&b))
	r, err := pcapgo.NewNgReader(bytes.NewReader(b.Bytes()), pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	n := 0
	for {
		if _, _, err := r.ReadPacketData(); err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		n++
	}
	require.Equal(t, len(tr.Events)-1, n, "all but the break's end")
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed (Debian package tshark)")
	}
	f := filepath.Join(t.TempDir(), "line.pcapng")
	require.NoError(t, os.WriteFile(f, b.Bytes(), 0o600))
	cmd := exec.Command(tshark, "-r", f, "-T", "fields", "-e", "frame.time_relative", "-e", "frame.protocols", "-e", "rtacser.eventtype", "-e", "rtacser.rts", "-e", "rtacser.cts", "-e", "data.data")
	out, err := cmd.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, lines, n)
	require.Contains(t, lines[0], "rtacser")
	text := string(out)
	require.Regexp(t, regexp.MustCompile(`0\.050\d*\trtacser\S*\t(0x)?0*1\t(1|True)\t(1|True)\t41540d`), text)
	require.Contains(t, text, "4f")
}

func TestVCD(t *testing.T) {
	tr := dialogue(t, "9600 8E1")
	var b bytes.Buffer
	require.NoError(t, tr.WriteVCD(&b))
	require.Contains(t, b.String(), "$var wire 1 ! TX $end")
	require.Contains(t, b.String(), "#50000000\n0!\n", "the first start bit, 50 ms after the beginning")
	sigrok, err := exec.LookPath("sigrok-cli")
	if err != nil {
		t.Skip("sigrok-cli is not installed (Debian package sigrok-cli)")
	}
	f := filepath.Join(t.TempDir(), "line.vcd")
	require.NoError(t, os.WriteFile(f, b.Bytes(), 0o600))
	decode := func(ann string) string {
		out, err := exec.Command(sigrok, "-I", "vcd:downsample=1000", "-i", f, "-P", "uart:tx=TX:rx=RX:baudrate=9600:parity=even", "-A", "uart="+ann).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.ReplaceAll(strings.TrimSpace(string(out)), "uart-1: ", "")
	}
	require.Equal(t, "41\n54\n0D\n5E\n00\nFF\n20\n6D\n6F\n72\n65", decode("tx-data"))
	require.Regexp(t, `^4F\n4B\n0D\n0A\n`, decode("rx-data"))
	require.Contains(t, decode("rx-parity-err"), "Parity error")
	require.Contains(t, decode("rx-break"), "Break condition")
}

// A chip on the line, a loop-back plug, and a line without time.
func TestRecordChip(t *testing.T) {
	for _, speed := range []serial.Speed{serial.Paced, serial.Max} {
		synctest.Test(t, func(t *testing.T) {
			p := serial.Loopback(speed)
			c := uart16550.New(p, uart16550.Options{})
			c.Out8(uart16550.LCR, 0x83)
			c.Out8(uart16550.DLL, 1)
			c.Out8(uart16550.DLM, 0)
			c.Out8(uart16550.LCR, 3)
			c.Out8(uart16550.FCR, 1)
			r := Start(p)
			c.WriteFIFO([]byte("0123456789"))
			c.Out8(uart16550.FCR, 5) // the rest of the FIFO is thrown away
			time.Sleep(time.Second)
			r.Stop()
			s := dialogueOf(t, r.Trace())
			want := "0123456789"
			if speed == serial.Paced {
				want = "0" // only that had begun
			}
			require.Len(t, s, 2)
			require.Equal(t, want, string(s[0].Data))
			require.Equal(t, want, string(s[1].Data))
		})
	}
}

func FuzzScript(f *testing.F) {
	f.Add([]byte(dialogueScript))
	f.Add([]byte("f 20 -\nw 0 a^`b\nQ\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := ParseScript(bytes.NewReader(in))
		if err != nil {
			return
		}
		var b bytes.Buffer
		require.NoError(t, s.Write(&b))
		again, err := ParseScript(&b)
		require.NoError(t, err)
		require.Len(t, again, len(s))
		for i := range s {
			require.Equal(t, s[i].Op, again[i].Op)
			require.Equal(t, s[i].Value, again[i].Value)
			require.True(t, bytes.Equal(s[i].Data, again[i].Data))
		}
	})
}

// A recorded pause is the machine's, and so are the times in a recording of a line without time.
func TestMachineTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.Straight(serial.Max)
		clock := dte.Clock()
		rec := Start(dte)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- NewReplay(Script{{Op: 'r', Value: 1000, Data: []byte("late")}}).Run(ctx, dce) }()
		time.Sleep(900 * time.Millisecond)
		clock.Hold()
		time.Sleep(2500 * time.Millisecond)
		clock.Release()
		time.Sleep(time.Second)
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, rec.Stop())
		said := rec.Trace().Events
		require.Len(t, said, 1)
		require.LessOrEqual(t, said[0].At, time.Second+hwclock.MaxLag)
	})
}
