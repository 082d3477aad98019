package dialogue

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// session is a table at a line, in a bubble of its own time.
func session(t *testing.T, speed serial.Speed, table string, f func(t *testing.T, host *serial.Port)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tab, err := Parse("t.yaml", "", []byte(table))
		require.NoError(t, err)
		dte, dce := serial.Straight(speed)
		if m, ok := tab.Format(); ok {
			require.NoError(t, dte.SetMode(m))
		}
		require.NoError(t, dte.SetSignals(serial.DTEOutputs, serial.DTEOutputs))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		d := tab.New()
		d.SetLog(func(s string) { t.Log(s) })
		go func() { done <- d.Run(ctx, dce) }()
		synctest.Wait()
		f(t, dte)
		stop()
		require.NoError(t, <-done)
	})
}

func send(t *testing.T, p *serial.Port, s string) {
	t.Helper()
	_, err := p.Write([]byte(s))
	require.NoError(t, err)
}

// expect reads what comes within a minute of the bubble's time.
func expect(t *testing.T, p *serial.Port, want string) {
	t.Helper()
	require.NoError(t, p.SetReadDeadline(time.Now().Add(time.Minute)))
	got, buf := "", make([]byte, 1)
	for len(got) < len(want) {
		n, err := p.Read(buf)
		require.NoError(t, err, "so far %q", got)
		got += string(buf[:n])
	}
	require.Equal(t, want, got)
}

func silent(t *testing.T, p *serial.Port) {
	t.Helper()
	require.NoError(t, p.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	buf := make([]byte, 64)
	n, err := p.Read(buf)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "%q", buf[:n])
}

func TestTable(t *testing.T) {
	const scale = `
mode: 9600 7E1
frame: {end: "\r", out: "\r\n"}
vars: {weight: 12.5, tare: 0, n: 0}
rules:
  - {when: W, say: "{weight - tare:+08.3f} kg"}
  - {when: {regex: "T=([0-9.]+)"}, if: num(m1) < 100, set: {tare: m1}, say: OK}
  - {when: N, set: {n: n + 1}, say: ["{n}", "{choose(n > 1, \"more\", \"one\")}"]}
  - {when: Z, delay: 200ms, set: {tare: weight}, say: {text: "> ", bare: true}}
  - {when: {hex: "1b {c:u8}"}, say: "esc {c:d}"}
else: "ERR {len(frame)}"
`
	for _, speed := range []serial.Speed{serial.Max, serial.Paced} {
		session(t, speed, scale, func(t *testing.T, p *serial.Port) {
			for _, c := range []struct{ ask, want string }{
				{"W", "+012.500 kg\r\n"}, {"T=2.5", "OK\r\n"}, {"W", "+010.000 kg\r\n"}, {"T=200", "ERR 5\r\n"}, {"W", "+010.000 kg\r\n"},
				{"N", "1\r\none\r\n"}, {"N", "2\r\nmore\r\n"}, {"Z", "> "}, {"W", "+000.000 kg\r\n"}, {"\x1bA", "esc 65\r\n"}, {"", "ERR 0\r\n"},
			} {
				send(t, p, c.ask+"\r")
				expect(t, p, c.want)
			}
			start := time.Now()
			send(t, p, "Z\r")
			expect(t, p, "> ")
			require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
		})
	}
}

func TestChecksums(t *testing.T) {
	session(t, serial.Max, `
frame: {length: 8, gap: 20ms}
check: modbus
vars: {reg: [1, 2, 300]}
rules:
  - {when: {hex: "01 03 {a:u16} {n:u16}"}, if: a + n <= len(reg), say: {hex: "01 03 {n*2} {reg[a:a+n]:u16}"}}
  - {when: {hex: "01 06 {a:u16} {v:u16}"}, set: {reg: "put(reg, a, v)"}, say: {hex: "01 06 {a:u16} {v:u16}"}}
  - {when: {hex: "01 {f:u8} {rest:*}"}, say: {hex: "01 {f+128} 02"}}
`, func(t *testing.T, p *serial.Port) {
		crc := func(s string) string { return string(checksums()[0].add([]byte(s))) }
		send(t, p, crc("\x01\x03\x00\x01\x00\x02"))
		expect(t, p, crc("\x01\x03\x04\x00\x02\x01\x2c"))
		send(t, p, "\x01\x03\x00\x01\x00\x02xx") // damaged: not heard
		silent(t, p)
		send(t, p, "\x01\x03") // and what is not finished is forgotten
		silent(t, p)
		send(t, p, crc("\x01\x06\x00\x00\x00\x07"))
		expect(t, p, crc("\x01\x06\x00\x00\x00\x07"))
		send(t, p, crc("\x01\x03\x00\x00\x00\x01"))
		expect(t, p, crc("\x01\x03\x02\x00\x07"))
		send(t, p, crc("\x01\x03\x00\x09\x00\x01"))
		expect(t, p, crc("\x01\x83\x02"))
	})
	for _, c := range []struct{ check, ask, want string }{
		{"xor", "AB\x03", "ok\x04"}, {"sum", "AB\x83", "ok\xda"}, {"nmea", "$AB*03", "$ok*04"},
	} {
		session(t, serial.Max, "frame: {end: \"\\n\"}\ncheck: "+c.check+"\nrules: [{when: AB, say: ok}]\n", func(t *testing.T, p *serial.Port) {
			send(t, p, "bad\n"+c.ask+"\n")
			expect(t, p, c.want+"\n")
		})
	}
}

func TestStatesAndTimers(t *testing.T) {
	session(t, serial.Max, `
frame: {end: "\r"}
state: idle
vars: {n: 0}
start: "up"
rules:
  - {when: go, in: idle, go: busy, say: started, lines: {DCD: on}}
  - {when: go, in: busy, say: busy}
  - {when: {off: DTR}, in: busy, go: idle, lines: {DCD: off}}
  - {when: {break: true}, say: broken, break: 100ms}
timers:
  - {after: 3s, in: busy, go: idle, say: done, lines: {DCD: off}}
  - {every: 1s, in: busy, set: {n: n + 1}, say: "tick {n}"}
`, func(t *testing.T, p *serial.Port) {
		expect(t, p, "up\r")
		silent(t, p)
		send(t, p, "go\rgo\r")
		expect(t, p, "started\rbusy\rtick 1\rtick 2\rdone\r")
		silent(t, p)
		send(t, p, "go\r")
		expect(t, p, "started\r")
		s, _ := p.Signals()
		require.Equal(t, serial.DCD|serial.CTS|serial.DSR, s)
		require.NoError(t, p.SetSignals(serial.DTR, 0))
		time.Sleep(2 * time.Second)
		s, _ = p.Signals()
		require.Equal(t, serial.CTS|serial.DSR, s)
		silent(t, p)
		require.NoError(t, p.SetBreak(true))
		require.NoError(t, p.SetBreak(false))
		require.NoError(t, p.SetReadDeadline(time.Time{}))
		_, f, err := p.Receive(make([]byte, 8))
		require.NoError(t, err)
		require.Equal(t, serial.Break, f)
		expect(t, p, "broken\r")
	})
}

// Without frames a table waits for its texts in whatever comes.
func TestStream(t *testing.T) {
	session(t, serial.Max, `{rules: [{when: AT, say: one}, {when: ATZ, say: never}, {when: {hex: "7f"}, say: two}, {when: xyz, say: three}]}`,
		func(t *testing.T, p *serial.Port) {
			send(t, p, "noise A")
			silent(t, p)
			send(t, p, "T\x7fxyxyz")
			expect(t, p, "onetwothree")
		})
}

func TestGapAndMode(t *testing.T) {
	session(t, serial.Paced, `
mode: 9600 8N1
frame: {gap: 20ms}
rules:
  - {when: {regex: "(?s)x.*"}, say: "got {len(frame)}", mode: 19200 8N1}
`, func(t *testing.T, p *serial.Port) {
		send(t, p, "x12")
		time.Sleep(10 * time.Millisecond)
		send(t, p, "345")
		expect(t, p, "got 6")
		require.NoError(t, p.SetMode(serial.Format8N1(19200)))
		send(t, p, "x")
		expect(t, p, "got 1")
	})
}

func TestTableErrors(t *testing.T) {
	for _, c := range []struct{ table, want string }{
		{"rules: [{when: a, sya: b}]", `t.yaml:1:19: a rule has no "sya"; it may have when, in, if, set, say`},
		{"rules: [{when: a, say: \"{wieght}\"}]", "there is no variable wieght"},
		{"frame: {end: x}\nrules: [{when: a, set: {b: 1}}]", `there is no variable "b"`},
		{"rules: [{when: {regex: a}, say: b}]", "without a frame nobody knows where a message ends"},
		{"frame: {end: x}\nrules: [{when: {regex: \"(\"}, say: b}]", "missing closing )"},
		{"frame: {end: x, length: 3}\nrules: [{when: a}]", "a frame ends by its end or by its length"},
		{"check: crc\nrules: [{when: a}]", `t.yaml:1:8: check "crc": want modbus, xor, sum, nmea`},
		{"check: xor\nrules: [{when: a}]", "what is checked is a frame"},
		{"frame: {end: x}\nrules: [{when: {hex: \"01 {a:u17}\"}}]", "want u8, u16, u32"},
		{"rules: [{when: a, say: {hex: \"0\"}}]", `"0": want bytes in hexadecimal`},
		{"rules: [{when: a, say: \"{1 + }\"}]", "is no expression"},
		{"rules: [{when: a, say: \"{foo(1)}\"}]", "there is no such function; there are abs, ceil"},
		{"rules: [{when: a, say: \"{1:q}\"}]", "want a format such as 8.3f"},
		{"rules: [{when: a, say: \"{\"}]", "a { without }"},
		{"rules: [{when: a, in: b}]", `state "b": nothing goes there`},
		{"rules: [{when: a, lines: {DTR: on}}]", "want CTS, DSR, DCD or RI"},
		{"rules: [{when: {on: CTS}}]", "want DTR or RTS"},
		{"timers: [{say: a}]", "a timer needs every or after"},
		{"timers: [{every: 0s, say: a}]", "want at least 1ms"},
		{"mode: fast\nrules: [{when: a}]", `t.yaml:1:7: serial: mode`},
		{"about: nothing", "a table needs rules or timers"},
		{"rules: [{when: \"\"}]", "an empty text is always there"},
		{"spec: \"2.0\"\ndevices: {a: {}}", `spec "2.0": want 1.0 or 1.1`},
		{"spec: \"1.0\"\ndevices: {a: {}, b: {}}", `device "": want one of a, b`},
	} {
		_, err := Parse("t.yaml", "", []byte(c.table))
		require.ErrorContains(t, err, c.want, c.table)
		require.True(t, strings.HasPrefix(err.Error(), "t.yaml:"), err.Error())
	}
}

// What a table makes of its own values is bounded too.
func TestValuesAreBounded(t *testing.T) {
	tab, err := Parse("t.yaml", "", []byte("frame: {end: x}\nvars: {s: abc, l: [1]}\nrules:\n  - {when: s, set: {s: s + s}}\n  - {when: l, set: {l: \"list(l, l)\"}}\n"))
	require.NoError(t, err)
	d := tab.New()
	var log []string
	d.SetLog(func(s string) { log = append(log, s) })
	for range 100 {
		d.hear([]byte("sxlx"), false)
	}
	require.LessOrEqual(t, len(d.vars["s"].(string)), maxSay)
	require.Len(t, d.vars["l"], 1)
	require.Contains(t, strings.Join(log, "\n"), "a text of more than 65536 bytes")
	require.Contains(t, strings.Join(log, "\n"), "a list in a list")
}

// An expression that has no value when it is asked is logged; the device goes on.
func TestWrongAtRunTime(t *testing.T) {
	tab, err := Parse("t.yaml", "", []byte("frame: {end: x}\nvars: {l: [1, 2], z: 0}\nrules: [{when: {regex: \"(.*)\"}, say: \"{l[num(m1)]} {1/z}\"}]\n"))
	require.NoError(t, err)
	d := tab.New()
	var log []string
	d.SetLog(func(s string) { log = append(log, s) })
	require.Empty(t, d.hear([]byte("9x0xax"), false))
	require.Len(t, log, 3)
	require.Contains(t, log[0], "9:10 is outside of its 2 parts")
	require.Contains(t, log[1], "a division by 0")
	require.Contains(t, log[2], `"a" is no number`)
}

func TestMemoryIsBounded(t *testing.T) {
	for _, frame := range []string{"{end: x}", "{gap: 1h}", "{length: 4000}"} {
		tab, err := Parse("t.yaml", "", []byte("frame: "+frame+"\nrules: [{when: a}]\n"))
		require.NoError(t, err)
		d := tab.New()
		for range 1000 {
			d.hear(make([]byte, 4096), false)
		}
		require.LessOrEqual(t, len(d.buf), maxFrame+4096)
	}
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("frame: {end: x}\ncheck: nmea\nvars: {a: [1]}\nrules: [{when: {hex: \"01 {b:u8} {c:*}\"}, if: b > 0, say: {hex: \"{b:u16le}\"}}]\n"), []byte("$ab*00x"))
	f.Add([]byte("rules: [{when: a, say: \"{frame[0:1]}\"}]"), []byte("aaa"))
	f.Fuzz(func(_ *testing.T, table, input []byte) {
		if tab, err := Parse("t", "", table); err == nil {
			d := tab.New()
			d.hear(input, false)
			d.hear(nil, true)
		}
	})
}
