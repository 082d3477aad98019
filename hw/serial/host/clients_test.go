//go:build linux

package host

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
	tarm "github.com/tarm/serial"
)

// program finds a client, or skips.
func program(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (Debian package %s)", name, map[string]string{"tio": "tio", "picocom": "picocom"}[name])
	}
	return p
}

func python(t *testing.T) string {
	t.Helper()
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(p, "-c", "import serial").Run() == nil {
			return p
		}
	}
	t.Skip("pyserial is not installed (Debian package python3-serial)")
	return ""
}

func runClient(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// echoDoor opens a pty door to one end of a null modem whose other end echoes in upper case, and
// tells in what mode the last bytes came: a client may put the mode back before it leaves.
func echoDoor(t *testing.T) (path string, mode func() serial.Mode) {
	t.Helper()
	p, err := OpenPTY(filepath.Join(t.TempDir(), "ttyS0"))
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	a, b := serial.NullModem(serial.Max)
	b.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	b.SetAuto(true)
	ctx, cancel := context.WithCancel(t.Context())
	done, echo := make(chan error, 1), make(chan struct{})
	var last atomic.Value
	go func() { done <- p.Serve(ctx, a) }()
	go func() {
		defer close(echo)
		buf := make([]byte, 4096)
		for {
			n, err := b.Read(buf)
			if err != nil {
				return
			}
			last.Store(b.PeerMode())
			for i, c := range buf[:n] {
				if 'a' <= c && c <= 'z' {
					buf[i] = c - 'a' + 'A'
				}
			}
			b.Write(buf[:n])
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		p.Close()
		b.Close()
		<-echo
	})
	return p.Path(), func() serial.Mode { return last.Load().(serial.Mode) }
}

const pyPTY = `
import serial, sys
s = serial.Serial(sys.argv[1], 57600, timeout=5, stopbits=2)
s.write(b"hello \xff\x00 pyserial\n")
got = s.read_until(b"\n")
assert got == b"HELLO \xff\x00 PYSERIAL\n", got
s.write(bytes(range(256)) * 64)
got = s.read(256 * 64)
assert got == bytes(range(256)).upper() * 64, len(got)
print("ok", s.baudrate)
s.close()
`

func TestPyserialOnPTY(t *testing.T) {
	py := python(t)
	path, mode := echoDoor(t)
	require.Contains(t, runClient(t, py, "-c", pyPTY, path), "ok 57600")
	m, _ := serial.ParseMode("57600 8N2")
	require.Equal(t, m, mode())
}

const py2217 = `
import serial, sys, time
s = serial.serial_for_url(sys.argv[1], 9600, timeout=5)
def check(what, want, f):
    for _ in range(200):
        got = f()
        if got == want: return
        time.sleep(0.01)
    raise SystemExit("%s: expected %r, found %r" % (what, want, got))
def say(w): s.write(w + b"\n"); r = s.read_until(b"\n"); assert r == w + b" done\n", r
data = bytes(range(256)) * 16
s.write(b"echo\n"); s.write(data)
got = s.read(len(data)); assert got == data, (len(got), got[:300])
s.baudrate = 115200; s.parity = serial.PARITY_EVEN; s.bytesize = 7; s.stopbits = 2
say(b"expect 115200 7E2")
s.parity = serial.PARITY_NONE; s.bytesize = 8; s.stopbits = 1
say(b"expect 115200 8N1")
s.rts = False; say(b"cts off"); s.rts = True; say(b"cts on")
s.dtr = False; say(b"dsr off"); s.dtr = True; say(b"dsr on")
say(b"rts off"); check("cts", False, lambda: s.cts)
say(b"rts on"); check("cts", True, lambda: s.cts)
say(b"dtr off"); check("dsr", False, lambda: s.dsr); check("cd", False, lambda: s.cd)
say(b"dtr on"); check("dsr", True, lambda: s.dsr); check("cd", True, lambda: s.cd)
s.break_condition = True; time.sleep(0.05); s.break_condition = False
say(b"breaks 1")
s.reset_input_buffer(); s.reset_output_buffer()
s.rtscts = True
say(b"expect 115200 8N1 rtscts")
s.close()
print("ok")
`

// far2217 is the far end of the pyserial script: it does and checks what the script says.
func far2217(b *serial.Port) (err error) {
	var line []byte
	buf := make([]byte, 1)
	breaks := 0
	b.SetAuto(true)
	for {
		_, f, err := b.Receive(buf)
		if err != nil {
			return nil
		}
		if f&serial.Break != 0 {
			breaks++
			continue
		}
		if buf[0] != '\n' {
			line = append(line, buf[0])
			continue
		}
		cmd := string(line)
		line = nil
		in, _ := b.Signals()
		good := true
		word, rest, _ := strings.Cut(cmd, " ")
		on := serial.Signals(0)
		if rest == "on" {
			on = serial.AllSignals
		}
		switch word {
		case "echo":
			p := make([]byte, 4096)
			if _, err := io.ReadFull(b, p); err != nil {
				return err
			}
			b.Write(p)
			continue
		case "expect":
			good = b.PeerMode().String() == rest
		case "cts":
			good = in&serial.CTS == on&serial.CTS
		case "dsr":
			good = in&serial.DSR == on&serial.DSR
		case "rts":
			defer b.SetSignals(serial.RTS, serial.RTS)
			b.SetSignals(serial.RTS, on)
		case "dtr":
			b.SetSignals(serial.DTR, on)
		case "breaks":
			good = breaks == 1
		}
		if good {
			cmd += " done\n"
		} else {
			cmd += " NOT: " + b.PeerMode().String() + " " + in.String() + "\n"
		}
		b.Write([]byte(cmd))
	}
}

func TestPyserialRFC2217(t *testing.T) {
	py := python(t)
	a, b := serial.NullModem(serial.Max)
	b.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	addr := listen(t, func(ctx context.Context, l net.Listener) error { return Serve2217(ctx, l, a, "kobench") })
	done := make(chan error, 1)
	go func() { done <- far2217(b) }()
	out := runClient(t, py, "-c", py2217, "rfc2217://"+addr)
	require.Contains(t, out, "ok")
	b.Close()
	require.NoError(t, <-done)
}

func TestPicocom(t *testing.T) {
	pico := program(t, "picocom")
	path, mode := echoDoor(t)
	out := runClient(t, pico, "-q", "-b", "38400", "--initstring", "hello picocom", "--exit-after", "400", path)
	require.Contains(t, out, "HELLO PICOCOM")
	require.Equal(t, serial.Baud(38400), mode().Baud)
}

func TestTio(t *testing.T) {
	tio := program(t, "tio")
	path, mode := echoDoor(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	// tio wants a terminal, so it gets one.
	m, s := ptyPair(t)
	cmd := exec.CommandContext(ctx, tio, "-b", "19200", path)
	term, err := os.OpenFile(s.Name(), os.O_RDWR, 0)
	require.NoError(t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term, term, term
	require.NoError(t, cmd.Start())
	term.Close()
	var seen bytes.Buffer
	expect := func(what string) {
		t.Helper()
		buf := make([]byte, 1024)
		m.SetReadDeadline(time.Now().Add(10 * time.Second))
		for !strings.Contains(seen.String(), what) {
			n, err := m.Read(buf)
			require.NoError(t, err, "waiting for %q, seen %q", what, seen.String())
			seen.Write(buf[:n])
		}
	}
	expect("onnected")
	m.Write([]byte("hello tio"))
	expect("HELLO TIO")
	require.Equal(t, serial.Baud(19200), mode().Baud)
	m.Write([]byte{0x14, 'q'}) // ctrl-t q
	require.NoError(t, cmd.Wait())
}

// tarm/serial's own API on the door, as a Go program uses it.
func TestTarmOnPTY(t *testing.T) {
	path, _ := echoDoor(t)
	p, err := tarm.OpenPort(&tarm.Config{Name: path, Baud: 115200, ReadTimeout: 5 * time.Second})
	require.NoError(t, err)
	defer p.Close()
	_, err = p.Write([]byte("hello tarm"))
	require.NoError(t, err)
	got := make([]byte, 10)
	_, err = io.ReadFull(p, got)
	require.NoError(t, err)
	require.Equal(t, "HELLO TARM", string(got))
}
