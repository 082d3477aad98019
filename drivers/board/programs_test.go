//go:build unix

package board

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// on boots a machine with one line, and opens its terminal.
func on(t *testing.T, line string) (*Machine, *terminal.Conn) {
	t.Helper()
	b, err := Parse("x.yaml", fmt.Appendf(nil, "speed: max\nmodules: [\"8250\"]\nuarts:\n  - {io: 0x3f8, irq: 4, line: %s}\n", line))
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	t.Cleanup(func() { _ = m.Close() })
	require.NoError(t, m.LoadModules())
	c, err := terminal.Open(m.Kernel, "/dev/ttyS0", serial.Format8N1(9600))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return m, c
}

// talk sends and expects.
func talk(t *testing.T, c *terminal.Conn, send, want string) {
	t.Helper()
	_, err := c.Write([]byte(send))
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	got, buf := "", make([]byte, 256)
	for len(got) < len(want) {
		n, err := c.Read(buf)
		require.NoError(t, err, "so far %q", got)
		got += string(buf[:n])
	}
	require.Equal(t, want, got)
}

// Programs at a line's end are reached through driver, chip and line.
func TestPrograms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dev.sh")
	require.NoError(t, os.WriteFile(file, []byte(`
read start <&3
echo "$start" | grep -o '"options":[^,]*'
echo '{"do":"data","data":"ready"}' >&3
echo '{"do":"done"}' >&3
while read event <&3; do echo '{"do":"done"}' >&3; done
`), 0o644))
	for _, c := range []struct{ name, line, send, want, log string }{
		{"exec", `{exec: [sh, -c, "echo up >&2; cat"]}`, "hello", "hello", "ttyS0: up"},
		{"exec at open", `{exec: {run: [cat], start: open, restart: never}}`, "hello", "hello", ""},
		{"program", `{program: {run: [sh, "` + file + `"], options: {x: 1}}}`, "hello", "ready", `ttyS0: "options":{"x":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, conn := on(t, c.line)
			talk(t, conn, c.send, c.want)
			require.Eventually(t, func() bool { return strings.Contains(m.Kernel.Log.Text(), c.log) }, time.Minute, 5*time.Millisecond)
			require.NoError(t, conn.Close())
			require.NoError(t, m.Close())
			require.Empty(t, m.Problems())
		})
	}
}

// A program that cannot be started is a problem of the board, and the machine lives.
func TestProgramThatIsNotThere(t *testing.T) {
	m, _ := on(t, `{exec: [/no/such/program]}`)
	require.Eventually(t, func() bool { return len(m.Problems()) > 0 }, time.Minute, 5*time.Millisecond)
	require.Contains(t, m.Problems()[0], "ttyS0: exec at the end of the line has failed: the program cannot be started: /no/such/program")
}

func TestProgramErrors(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{exec: []}`, "x.yaml:2:38: ttyS0: exec: no program: want a list such as [python3, device.py]"},
		{`{exec: {run: [x], restart: often}}`, `restart "often": want failure, always or never`},
		{`{exec: {runn: [x]}}`, `unknown field "runn"`},
		{`{exec: 5}`, "x.yaml:2:38"},
	} {
		_, err := Parse("x.yaml", fmt.Appendf(nil, "uarts:\n  - {io: 0x3f8, irq: 4, line: %s}\n", c.line))
		require.ErrorContains(t, err, c.want)
	}
}

// A table is a device: in the board, in a file, or as pyvisa-sim has it.
func TestTables(t *testing.T) {
	dir := t.TempDir()
	file, visa := filepath.Join(dir, "scale.yaml"), filepath.Join(dir, "visa.yaml")
	require.NoError(t, os.WriteFile(file, []byte("frame: {end: \"\\r\"}\nvars: {n: 0}\nrules: [{when: W, set: {n: n + 1}, say: \"{n} kg\"}]\n"), 0o644))
	require.NoError(t, os.WriteFile(visa, []byte("spec: \"1.0\"\ndevices: {a: {}, b: {eom: {ASRL INSTR: {q: \"\\r\", r: \"\\r\"}}, dialogues: [{q: W, r: b}]}}\n"), 0o644))
	for _, c := range []struct{ line, want string }{
		{"{table: " + file + "}", "1 kg\r"},
		{"{table: {file: " + visa + ", device: b}}", "b\r"},
		{`{table: {frame: {end: "\r"}, rules: [{when: W, say: inline}]}}`, "inline\r"},
	} {
		_, conn := on(t, c.line)
		talk(t, conn, "W\r", c.want)
	}
	for _, c := range []struct{ line, want string }{
		{`{table: {rules: [{when: W, sya: x}]}}`, `x.yaml:2:58: a rule has no "sya"`},
		{`{table: /no/such/file}`, "x.yaml:2:39: ttyS0: table: open /no/such/file"},
		{"{table: {file: " + visa + ", device: c}}", visa + `:1:1: device "c": want one of a, b`},
	} {
		_, err := Parse("x.yaml", fmt.Appendf(nil, "uarts:\n  - {io: 0x3f8, irq: 4, line: %s}\n", c.line))
		require.ErrorContains(t, err, c.want)
	}
}
