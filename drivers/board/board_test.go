package board

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// Every mistake says where it is and what to write.
func TestMistakes(t *testing.T) {
	uart := func(rest string) string { return "uarts:\n  - {io: 0x3f8, irq: 4, " + rest + "}\n" }
	for _, c := range []struct{ name, text, want string }{
		{"not yaml", "uarts: [", "1:8: sequence end token ']' not found"},
		{"a list", "- a\n", "1:1: sequence was used where mapping is expected"},
		{"unknown key", "name: a\nuart: []\n", `2:1: unknown field "uart"`},
		{"unknown key of a uart", uart("lines: loopback"), `2:25: unknown field "lines"`},
		{"speed", "speed: fast\n", `1:8: speed "fast": want paced or max`},
		{"cmdline", "cmdline: \"a\\nb\"\n", "1:10: cmdline: want one line"},
		{"empty module", "modules: [mem, \"\"]\n", "1:16: a module needs a name"},
		{"8250 built in", "builtin: [\"8250\"]\n", `1:11: driver "8250" cannot be built in`},
		{"wrong tty", "uarts:\n  - {tty: ttyS1, io: 0x3f8, irq: 4}\n", `2:11: uart number 0 is ttyS0, not "ttyS1"`},
		{"no io", "uarts:\n  - {irq: 4}\n", "2:5: ttyS0: io: want an I/O port from 0x1 to 0xfff8"},
		{"io too large", "uarts:\n  - {io: 0xfff9, irq: 4}\n", "2:10: ttyS0: io: want an I/O port from 0x1 to 0xfff8"},
		{"io not a number", "uarts:\n  - {io: here, irq: 4}\n", "2:10: cannot unmarshal string"},
		{"no irq", "uarts:\n  - {io: 0x3f8}\n", "ttyS0: irq: want an interrupt line from 0 to 255"},
		{"irq", "uarts:\n  - {io: 0x3f8, irq: 256}\n", "2:22: ttyS0: irq: want an interrupt line from 0 to 255"},
		{"same io", "uarts:\n  - {io: 0x3f8, irq: 4}\n  - {io: 0x3f8, irq: 3}\n", "3:10: ttyS1: I/O port 0x3f8 is ttyS0's already"},
		{"chip", uart("chip: 16750"), `2:31: ttyS0: chip "16750": want 16550A, 16550, 16450 or 8250`},
		{"line", uart("line: loop"), `2:31: ttyS0: line "loop": want one of loopback, open,`},
		{"line is a number", uart("line: 7"), "2:31: ttyS0: line: want one of loopback, open,"},
		{"two ends", uart("line: {gps: {}, scpi: {}}"), "ttyS0: a line has one end: give one of loopback, open,"},
		{"device option", uart("line: {gps: {lat: 1, long: 2}}"), `unknown field "long"`},
		{"latitude", uart("line: {gps: {lat: 91}}"), "ttyS0: gps: latitude 91, longitude 0: want degrees"},
		{"modem", uart("line: {modem: {dial: udp}}"), `ttyS0: modem: dial "udp": want tcp, or leave it out`},
		{"modbus", uart("line: {modbus: {address: 248}}"), "ttyS0: modbus: address 248, size 100: want 1 to 247 and 1 to 65536"},
		{"no name", uart("line: port"), "2:31: ttyS0: port: want a name, such as {port: /dev/ttyUSB0}"},
		{"no address", uart("line: {tcp: \"\"}"), "ttyS0: tcp: want a name, such as {tcp: host:port}"},
		{"null modem to nobody", uart("line: {null-modem: ttyS7}"), `ttyS0: null-modem: there is no uart "ttyS7"`},
		{"null modem to itself", uart("line: {null-modem: ttyS0}"), "ttyS0: null-modem: to itself; that is a loopback"},
		{"null modem to a line", uart("line: {null-modem: ttyS1}") + "  - {io: 0x2f8, irq: 3, line: gps}\n", "ttyS0: null-modem: ttyS1 has a line of its own; leave it out there"},
		{"door", uart("door: {rfc2217: here}"), `ttyS0: door: rfc2217 "here": want host:port, such as 127.0.0.1:2217`},
		{"door's key", uart("door: {telnet: \"a:1\"}"), `unknown field "telnet"`},
		{"faults", uart("line: loopback, faults: {out: \"dorp=1\"}"), "ttyS0: faults: out: "},
		{"faults in", uart("line: loopback, faults: {in: drop=0.1}"), "ttyS0: faults: in: a loop-back plug has one direction"},
		{"record", uart("record: a.log"), `ttyS0: record "a.log": want a file that ends in .script, .pcapng or .vcd`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(c.text))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, c.want)
			require.Regexp(t, `^x\.yaml:\d+:\d+: `, err.Error())
		})
	}
}

// The boards that come with the program boot, and every device of the default one answers through
// its terminal.
func TestDefaultBoardAnswers(t *testing.T) {
	b, err := Load("default")
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, m.LoadModules())
	require.Len(t, m.Ports, 7)
	for _, c := range []struct{ tty, mode, ask, answer string }{
		{"ttyS0", "115200 8N1", "looped", "^looped$"},
		{"ttyS3", "4800 8N1", "", `\$GP[A-Z]{3},.*\*[0-9A-F]{2}\r\n`},
		{"ttyS4", "9600 8N1", "ATI\r", `\r\nOK\r\n$`},
		{"ttyS5", "19200 8E1", "\x01\x03\x00\x00\x00\x01\x84\x0a", "^\x01\x03\x02"},
		{"ttyS6", "9600 8N1", "*IDN?\n", "^KOBENCH,PSU1,0,1.0\n$"},
	} {
		t.Run(c.tty, func(t *testing.T) {
			mode, err := serial.ParseMode(c.mode)
			require.NoError(t, err)
			conn, err := terminal.Open(m.Kernel, "/dev/"+c.tty, mode)
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, c.ask)
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			want := regexp.MustCompile(c.answer)
			var got []byte
			buf := make([]byte, 256)
			for !want.Match(got) {
				n, err := conn.Read(buf)
				require.NoError(t, err, "after %q", got)
				got = append(got, buf[:n]...)
			}
		})
	}
}

// Faults are injected and reported, and what happened is recorded.
func TestFaultsAndRecording(t *testing.T) {
	file := filepath.Join(t.TempDir(), "line.script")
	b, err := Parse("x.yaml", []byte("speed: max\nmodules: [\"8250\"]\nuarts:\n  - {io: 0x3f8, irq: 4, line: {null-modem: ttyS1}, faults: {out: drop@3, seed: 1}, record: "+
		file+"}\n  - {io: 0x2f8, irq: 3}\n"))
	require.NoError(t, err)
	m := b.Power(kernel.Config{})
	require.NoError(t, m.LoadModules())
	mode, err := serial.ParseMode("9600 8N1")
	require.NoError(t, err)
	near, err := terminal.Open(m.Kernel, "/dev/ttyS0", mode)
	require.NoError(t, err)
	far, err := terminal.Open(m.Kernel, "/dev/ttyS1", mode)
	require.NoError(t, err)
	_, err = near.Write([]byte("abcd"))
	require.NoError(t, err)
	require.NoError(t, far.SetReadDeadline(time.Now().Add(10*time.Second)))
	got := make([]byte, 3)
	_, err = io.ReadFull(far, got)
	require.NoError(t, err)
	require.Equal(t, "abd", string(got))
	require.NoError(t, near.Close())
	require.NoError(t, far.Close())
	require.Contains(t, m.FaultReport(), "ttyS0 out:")
	require.Contains(t, m.FaultReport(), "drop")
	require.NoError(t, m.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "ab")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"speed: max\nuarts:\n  - {io: 0x3f8, irq: 4, line: loopback, door: {rfc2217: a:1}, faults: {out: drop=1}, record: x.vcd}\n",
		"uarts:\n  - {io: 1, irq: 4, line: {null-modem: ttyS1}}\n  - {io: 8, irq: 3}\n", "uarts: [{line: {gps: {lat: x}}}]\n", "- \n", "a: &a [*a]\n", "modules: [~]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Parse("x.yaml", text)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Positive(t, e.Line)
			require.Positive(t, e.Col)
			return
		}
		for _, u := range b.UARTs {
			require.NotNil(t, u.Line)
			require.NotEmpty(t, u.TTY)
		}
	})
}
