package fault

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/stretchr/testify/require"
)

type rx struct {
	b byte
	f serial.Flags
}

func line(t *testing.T, s serial.Speed, mode string) (a, b *serial.Port) {
	a, b = serial.NullModem(s)
	m, err := serial.ParseMode(mode)
	require.NoError(t, err)
	a.SetMode(m)
	b.SetMode(m)
	a.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	b.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	return a, b
}

func all(p *serial.Port) (got []rx, err error) {
	buf := make([]byte, 256)
	for {
		p.SetReadDeadline(time.Now().Add(time.Second))
		n, f, e := p.Receive(buf)
		if e != nil {
			return got, e
		}
		for _, b := range buf[:n] {
			got = append(got, rx{b, f})
		}
	}
}

// send writes data in random pieces.
func send(p *serial.Port, data []byte, pieces uint64) {
	r := rand.New(rand.NewPCG(pieces, 0))
	for len(data) > 0 {
		n := min(len(data), 1+r.IntN(700))
		p.Write(data[:n])
		data = data[n:]
	}
}

func TestReproducible(t *testing.T) {
	data := make([]byte, 20000)
	for i := range data {
		data[i] = byte(i)
	}
	run := func(seed, pieces uint64) (got []rx, list []Injected) {
		synctest.Test(t, func(t *testing.T) {
			a, b := line(t, serial.Paced, "115200 8E1")
			in, err := Parse(seed, "biterror=1e-3 drop=2e-3 duplicate=2e-3 delay=1e-3:3ms break@500=20ms")
			require.NoError(t, err)
			in.Install(a)
			done := make(chan struct{})
			b.SetTrigger(64)
			go func() { got, _ = all(b); close(done) }()
			send(a, data, pieces)
			<-done
			list, _ = in.Injected()
		})
		for i := range list {
			list[i].Time = 0 // depends on when the writer was ready
		}
		return got, list
	}
	got, list := run(7, 1)
	got2, list2 := run(7, 99)
	require.Equal(t, list, list2, "the same faults, however the bytes were written")
	require.Equal(t, got, got2)
	_, other := run(8, 1)
	require.NotEqual(t, list, other)

	n := map[Kind]int{}
	for _, x := range list {
		n[x.Kind]++
	}
	expect := func(k Kind, mean float64) {
		require.InDelta(t, mean, float64(n[k]), 5*math.Sqrt(mean), "%s", k)
	}
	expect(BitError, 20000*11*1e-3)
	expect(Drop, 40)
	expect(Duplicate, 40)
	expect(Delay, 20)
	require.Equal(t, 1, n[Break])
	flags := map[serial.Flags]int{}
	for _, c := range got {
		flags[c.f]++
	}
	require.Greater(t, flags[serial.ParityError], 100, "a bit error shows as a parity error")
	require.GreaterOrEqual(t, flags[serial.Break], 1)
}

func TestAtCharacters(t *testing.T) {
	for _, speed := range []serial.Speed{serial.Paced, serial.Max} {
		synctest.Test(t, func(t *testing.T) {
			a, b := line(t, speed, "9600 8E1")
			in, err := Parse(1, "drop@2 duplicate@4 biterror@6 break@8=50ms")
			require.NoError(t, err)
			in.Install(a)
			a.Write([]byte("abcdefghi"))
			got, _ := all(b)
			require.Len(t, got, 10)
			good := ""
			for _, c := range got {
				if c.f == 0 {
					good += string(c.b)
				}
			}
			require.Equal(t, "acddeghi", good)
			require.Equal(t, serial.ParityError, got[5].f)
			require.Equal(t, rx{0, serial.Break}, got[7])
			require.Contains(t, in.Report(), "faults injected: 4 (seed 1)")
			require.Equal(t, 5, strings.Count(in.Report(), "\n"))
		})
	}
}

func TestUnplugReplug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := line(t, serial.Paced, "9600 8N1")
		in, err := Parse(1, "unplug@5 plug@1s stuckoff@2s=DSR stuckon@3s=RI|CTS unstick@4s=DSR|RI|CTS vanish@5s return@6s break@7s=100ms")
		require.NoError(t, err)
		in.Install(a)
		a.Write([]byte("0123456789"))
		time.Sleep(100 * time.Millisecond)
		a.Write([]byte("lost too"))
		got, _ := all(b)
		require.Len(t, got, 4, "what had arrived when the cable came out, and nothing else")
		s, _ := a.Signals()
		require.Equal(t, serial.CTS|serial.DSR|serial.DCD, s, "plugged again")
		at := func(d time.Duration, want serial.Signals) {
			t.Helper()
			time.Sleep(d - in.p.Clock().Now() - in.start + time.Millisecond)
			s, _ := a.Signals()
			require.Equal(t, want, s)
		}
		at(2*time.Second, serial.CTS|serial.DCD)
		at(3*time.Second, serial.CTS|serial.DCD|serial.RI)
		at(4*time.Second, serial.CTS|serial.DSR|serial.DCD)
		at(5*time.Second, 0)
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.ENODEV)
		at(6*time.Second, serial.CTS|serial.DSR|serial.DCD)
		_, err = a.Write([]byte("x"))
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		got, _ = all(b)
		require.Equal(t, []rx{{'x', 0}, {0, serial.Break}}, got)
		in.Remove()
	})
}

// Behind a chip: what the driver wrote before the fault is what arrives.
func TestChipWithFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := line(t, serial.Paced, "115200 8N1")
		in, _ := Parse(1, "drop@3")
		in.Install(a)
		c := uart16550.New(a, uart16550.Options{})
		c.Out8(uart16550.LCR, 0x83)
		c.Out8(uart16550.DLL, 1)
		c.Out8(uart16550.DLM, 0)
		c.Out8(uart16550.LCR, 3)
		c.Out8(uart16550.FCR, 1)
		require.Equal(t, 16, c.WriteFIFO([]byte("0123456789ABCDEF")))
		got := make([]byte, 15)
		b.SetReadDeadline(time.Now().Add(time.Second))
		_, err := io.ReadFull(b, got)
		require.NoError(t, err)
		require.True(t, bytes.Equal([]byte("013456789ABCDEF"), got), "%q", got)
	})
}

func TestBadRules(t *testing.T) {
	for text, want := range map[string]string{
		"explode=0.1":        "is not a fault",
		"biterror":           "expected a rate",
		"biterror=2":         "expected a rate",
		"biterror=NaN":       "expected a rate",
		"drop@0":             "neither a character's number",
		"drop@2s":            "not a time",
		"unplug=0.1":         "not at a rate",
		"break@5":            "say for how long",
		"break@5=-1s":        "not a time such as",
		"delay=0.1":          "say for how long",
		"stuckon@1s":         "say which lines",
		"stuckon@1s=CTS|FOO": `"FOO" is not a modem line`,
		"unplug@-2s":         "neither a character's number",
	} {
		_, err := Parse(1, text)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, text)
	}
	_, err := New(1, Rule{Kind: Drop, Rate: 0.1, AtByte: 4})
	require.ErrorContains(t, err, "rule 1: drop: give exactly one")
}

func FuzzParse(f *testing.F) {
	f.Add("biterror=1e-5 drop@2 delay=0.1:5ms stuckon@1s=CTS|RI")
	f.Fuzz(func(t *testing.T, text string) {
		if in, err := Parse(1, text); err == nil && in == nil {
			t.Fatal("nothing and no error")
		}
	})
}
