//go:build linux

package doors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
	tarm "github.com/tarm/serial"
)

const desk = `
name: desk
speed: max
modules: ["8250"]
uarts:
  - {tty: ttyS0, io: 0x3f8, irq: 4, line: loopback, door: {rfc2217: "127.0.0.1:0"}}
  - {tty: ttyS1, io: 0x2f8, irq: 3, line: modbus}
  - {tty: ttyS2, io: 0x3e8, irq: 5, line: {gps: {lat: 52.52, lon: 13.405}}}
  - {tty: ttyS3, io: 0x2e8, irq: 6, line: {scpi: {id: "ACME,PSU,1,2"}}}
  - {tty: ttyS4, io: 0x4f8, irq: 7, line: modem}
`

// open boots the desk with its doors open; at the end everything must go.
func open(t *testing.T) (*board.Machine, *Doors) {
	t.Helper()
	b, err := board.Parse("desk.yaml", []byte(desk))
	require.NoError(t, err)
	m := b.Power(kernel.Config{})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, m.LoadModules())
	d, err := Open(t.Context(), m, t.TempDir(), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return m, d
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

func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func tarmPort(t *testing.T, path string, baud int) *tarm.Port {
	t.Helper()
	p, err := tarm.OpenPort(&tarm.Config{Name: path, Baud: baud, ReadTimeout: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

func TestTarm(t *testing.T) {
	_, d := open(t)
	p := tarmPort(t, d.List[0].Path, 115200)
	msg := make([]byte, 40000)
	for i := range msg {
		msg[i] = byte(i * 7)
	}
	go p.Write(msg)
	got := make([]byte, len(msg))
	_, err := io.ReadFull(p, got)
	require.NoError(t, err)
	require.Equal(t, msg, got)
}

func TestModem(t *testing.T) {
	_, d := open(t)
	p := tarmPort(t, d.List[4].Path, 19200)
	_, err := p.Write([]byte("ATI\r"))
	require.NoError(t, err)
	var got []byte
	buf := make([]byte, 64)
	for !strings.Contains(string(got), "\nOK\r\n") {
		n, err := p.Read(buf)
		require.NoError(t, err, "after %q", got)
		got = append(got, buf[:n]...)
	}
}

// What a client has written arrives although it closes at once.
func TestNothingIsLostAtClose(t *testing.T) {
	d := nullModem(t)
	rx := tarmPort(t, d.List[1].Path, 9600)
	for i := range 20 {
		tx, err := tarm.OpenPort(&tarm.Config{Name: d.List[0].Path, Baud: 9600})
		require.NoError(t, err)
		// up to more than the terminal and its chip hold
		msg := strings.Repeat(fmt.Sprintf("message %02d ", i), 1+i*20)
		_, err = tx.Write([]byte(msg))
		require.NoError(t, err)
		require.NoError(t, tx.Close())
		got := make([]byte, len(msg))
		n, err := io.ReadFull(rx, got)
		require.NoError(t, err, "after %q of message %d", got[:n], i)
		require.Equal(t, msg, string(got))
	}
}

// nullModem boots two ports joined by a null modem, with their doors.
func nullModem(t *testing.T) *Doors {
	t.Helper()
	b, err := board.Parse("pair.yaml", []byte("speed: max\nmodules: [\"8250\"]\nuarts:\n"+
		"  - {io: 0x3f8, irq: 4, line: {null-modem: ttyS1}}\n  - {io: 0x2f8, irq: 3}\n"))
	require.NoError(t, err)
	m := b.Power(kernel.Config{})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, m.LoadModules())
	d, err := Open(t.Context(), m, t.TempDir(), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// What is written at once after both ends were opened and set arrives as it was written: when
// tcsetattr has returned, the rate is set.
func TestModeIsSetBeforeBytesCome(t *testing.T) {
	d := nullModem(t)
	check := func(t *testing.T, from, to string, i int) {
		baud := []int{9600, 115200, 57600}[i%3]
		a, err := tarm.OpenPort(&tarm.Config{Name: from, Baud: baud, ReadTimeout: 30 * time.Second})
		require.NoError(t, err)
		defer a.Close()
		b, err := tarm.OpenPort(&tarm.Config{Name: to, Baud: baud, ReadTimeout: 30 * time.Second})
		require.NoError(t, err)
		defer b.Close()
		_, err = a.Write([]byte("hello"))
		require.NoError(t, err)
		got := make([]byte, 5)
		_, err = io.ReadFull(b, got)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got), "%d Bd, run %d", baud, i)
	}
	for i := range 40 {
		check(t, d.List[0].Path, d.List[1].Path, i)
		check(t, d.List[1].Path, d.List[0].Path, i)
	}
	t.Run("pyserial", func(t *testing.T) {
		py := python(t)
		out := client(t, py, "-c", `
import serial, sys
for i in range(40):
    rate = (9600, 115200, 57600)[i % 3]
    a = serial.Serial(sys.argv[1], rate, timeout=30); b = serial.Serial(sys.argv[2], rate, timeout=30)
    a.write(b"hello"); got = b.read(5); assert got == b"hello", (i, rate, got)
    a.baudrate = b.baudrate = 230400
    b.write(b"and back"); got = a.read(8); assert got == b"and back", (i, got)
    a.close(); b.close()
print("ok")
`, d.List[0].Path, d.List[1].Path)
		require.Contains(t, out, "ok")
	})
}

// A client that has gone left more than a slow line sends in a minute. Shutting the doors does not
// wait for it.
func TestShutWhileTheLineIsBusy(t *testing.T) {
	// in the terminal, waited for by its close; more than it holds, waited for by a write
	for _, size := range []int{1000, 8000} {
		b, err := board.Parse("slow.yaml", []byte("modules: [\"8250\"]\nuarts: [{io: 0x3f8, irq: 4, line: loopback}]\n"))
		require.NoError(t, err)
		m := b.Power(kernel.Config{})
		require.NoError(t, m.LoadModules())
		d, err := Open(t.Context(), m, t.TempDir(), 0)
		require.NoError(t, err)
		p, err := tarm.OpenPort(&tarm.Config{Name: d.List[0].Path, Baud: 50})
		require.NoError(t, err)
		written := make(chan error, 1)
		go func() {
			_, err := p.Write(make([]byte, size))
			written <- errors.Join(err, p.Close())
		}()
		if size < 4096 {
			require.NoError(t, <-written)
		}
		require.Eventually(t, func() bool { return m.Ports[0].Near.Counters().TX > 0 }, time.Minute, time.Millisecond)
		// not after the minutes that the line would take: the test's own limit says so
		require.NoError(t, d.Close())
		require.Less(t, m.Ports[0].Near.Counters().TX, uint64(900))
		if size >= 4096 {
			<-written // EIO, or done: the pty may have had room for it
		}
		require.NoError(t, m.Close())
	}
}

// A GPS through its door: sentences whose checksums are right.
func TestNMEA(t *testing.T) {
	_, d := open(t)
	p := tarmPort(t, d.List[2].Path, 4800)
	sentence := regexp.MustCompile(`\$(GP[A-Z]{3},[^*\r\n]*)\*([0-9A-F]{2})\r\n`)
	var text []byte
	buf := make([]byte, 512)
	var found [][][]byte
	for len(found) < 2 {
		n, err := p.Read(buf)
		require.NoError(t, err)
		text = append(text, buf[:n]...)
		found = sentence.FindAllSubmatch(text, -1)
	}
	for _, s := range found {
		sum := byte(0)
		for _, c := range s[1] {
			sum ^= c
		}
		require.Equal(t, fmt.Sprintf("%02X", sum), string(s[2]), "%s", s[0])
	}
}

func TestMbpoll(t *testing.T) {
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		t.Skip("mbpoll is not installed (Debian package mbpoll)")
	}
	_, d := open(t)
	path := d.List[1].Path
	client(t, mbpoll, "-m", "rtu", "-b", "19200", "-P", "even", "-a", "1", "-r", "5", "-t", "4", path, "1234", "777")
	out := client(t, mbpoll, "-m", "rtu", "-b", "19200", "-P", "even", "-a", "1", "-r", "5", "-c", "2", "-1", "-t", "4", path)
	require.Regexp(t, `\[5\]:\s+1234`, out)
	require.Regexp(t, `\[6\]:\s+777`, out)
}

func TestPyserial(t *testing.T) {
	py := python(t)
	_, d := open(t)
	out := client(t, py, "-c", `
import serial, sys
s = serial.Serial(sys.argv[1], 9600, timeout=5)
s.write(b"*IDN?\n")
print(s.read_until(b"\n"))
`, d.List[3].Path)
	require.Contains(t, out, "ACME,PSU,1,2")
	out = client(t, py, "-c", `
import serial, sys, time
s = serial.serial_for_url(sys.argv[1], 115200, timeout=5)
def check(what, want, f):
    for _ in range(300):
        if f() == want: return
        time.sleep(0.01)
    raise SystemExit("%s: expected %r" % (what, want))
data = bytes(range(256)) * 8
s.write(data)
got = s.read(len(data)); assert got == data, len(got)
s.parity = serial.PARITY_EVEN; s.write(b"even"); assert s.read(4) == b"even"
s.parity = serial.PARITY_NONE
s.rts = False; check("cts", False, lambda: s.cts)
s.rts = True; check("cts", True, lambda: s.cts)
s.dtr = False; check("dsr", False, lambda: s.dsr); check("cd", False, lambda: s.cd)
s.dtr = True; check("dsr", True, lambda: s.dsr)
s.break_condition = True; time.sleep(0.02); s.break_condition = False
s.reset_input_buffer()
s.write(b"after the break"); assert s.read_until(b"break")[-15:] == b"after the break"
s.close()
print("ok")
`, "rfc2217://"+d.List[0].RFC2217)
	require.Contains(t, out, "ok")
}

func TestPicocom(t *testing.T) {
	pico, err := exec.LookPath("picocom")
	if err != nil {
		t.Skip("picocom is not installed (Debian package picocom)")
	}
	_, d := open(t)
	out := client(t, pico, "-q", "-b", "38400", "--initstring", "hello picocom", "--exit-after", "400", d.List[0].Path)
	require.Contains(t, out, "hello picocom")
}

// The module can go while no client is there; a client that comes then is hung up; the door works
// again with the next module.
func TestDoorOutlivesItsDriver(t *testing.T) {
	m, d := open(t)
	p := tarmPort(t, d.List[0].Path, 9600)
	_, err := p.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(p, make([]byte, 1))
	require.NoError(t, err)
	require.ErrorIs(t, m.Kernel.Init().DeleteModule("8250", kernel.O_NONBLOCK), kernel.EWOULDBLOCK)
	p.Close()
	require.Eventually(t, func() bool { return m.Kernel.Init().DeleteModule("8250", kernel.O_NONBLOCK) == nil }, 10*time.Second, 5*time.Millisecond)

	q, err := tarm.OpenPort(&tarm.Config{Name: d.List[0].Path, Baud: 9600, ReadTimeout: 5 * time.Second})
	require.NoError(t, err)
	_, _ = q.Write([]byte("x"))
	_, err = q.Read(make([]byte, 1))
	require.Error(t, err)
	q.Close()
	require.Eventually(t, func() bool { return strings.Contains(m.Kernel.Log.Text(), "hangs up") }, 5*time.Second, 5*time.Millisecond)

	require.NoError(t, m.LoadModules())
	require.Eventually(t, func() bool { _, err := os.Stat(d.List[0].Path); return err == nil }, 5*time.Second, 5*time.Millisecond)
	p = tarmPort(t, d.List[0].Path, 9600)
	_, err = p.Write([]byte("y"))
	require.NoError(t, err)
	_, err = io.ReadFull(p, make([]byte, 1))
	require.NoError(t, err)
}

func TestOpenErrors(t *testing.T) {
	b, err := board.Parse("desk.yaml", []byte(desk))
	require.NoError(t, err)
	m := b.Power(kernel.Config{})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ttyS2"), nil, 0o600))
	_, err = Open(t.Context(), m, dir, 0)
	require.ErrorContains(t, err, "a door for ttyS2:")
	require.ErrorContains(t, err, "not a symbolic link")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the doors before it are closed")
}

// A USB terminal has its door while it is plugged in, with a name that stays.
func TestUSB(t *testing.T) {
	b, err := board.Parse("desk.yaml", []byte("speed: max\nmodules: [usbcore, usbserial, ftdi_sio]\nusb: {devices: [{port: \"1\", device: ftdi, line: loopback}]}\n"))
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, m.LoadModules())
	m.Settle()
	dir := t.TempDir()
	d, err := Open(t.Context(), m, dir, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	require.Equal(t, []Door{{TTY: "ttyUSB0", Path: filepath.Join(dir, "ttyUSB0")}}, d.List)
	echoes := func(name string) {
		p := tarmPort(t, filepath.Join(dir, name), 115200)
		_, err := p.Write([]byte("there and back"))
		require.NoError(t, err)
		got := make([]byte, 14)
		_, err = io.ReadFull(p, got)
		require.NoError(t, err)
		require.Equal(t, "there and back", string(got))
	}
	link := func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err == nil
	}
	echoes("ttyUSB0")
	_, err = m.Plug(board.USBDevice{Port: "2", Kind: "ftdi", Speed: usb.FullSpeed, Line: board.Loopback{}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return link("ttyUSB1") }, 10*time.Second, time.Millisecond)
	echoes("ttyUSB1")
	require.NoError(t, m.Unplug("2"))
	require.Eventually(t, func() bool { return !link("ttyUSB1") }, 10*time.Second, time.Millisecond)
	require.True(t, link("ttyUSB0"))
}
