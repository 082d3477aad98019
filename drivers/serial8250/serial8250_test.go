package serial8250_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/serial8250"
	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// boot puts a 16550A at every port and loads the driver.
func boot(t testing.TB, ports ...*serial.Port) *kernel.Kernel {
	k := kerneltest.Boot(t, kerneltest.Parallel())
	var sites []serial8250.Site
	for i, p := range ports {
		chip := uart16550.New(p, uart16550.Options{IRQ: k.IRQ(4 + i).Source()})
		sites = append(sites, serial8250.Site{Chip: chip, Base: 0x3f8 + uint32(8*i), IRQ: 4 + i})
	}
	kerneltest.Load(t, k, serial8250.New(sites), "")
	return k
}

func openRaw(t testing.TB, k *kernel.Kernel, path string, set func(*tty.Termios)) (*kernel.Task, int) {
	task := kerneltest.Task(t, k)
	fd, err := task.Open(path, kernel.O_RDWR|kernel.O_NONBLOCK)
	require.NoError(t, err)
	tm := tty.RawTermios(115200)
	if set != nil {
		set(&tm)
	}
	setTermios(t, task, fd, tm)
	_, err = task.Fcntl(fd, kernel.F_SETFL, 0)
	require.NoError(t, err)
	return task, fd
}

func setTermios(t testing.TB, task *kernel.Task, fd int, tm tty.Termios) {
	buf := tm.Bytes()
	_, err := task.Ioctl(fd, tty.TCSETS2, kernel.Arg{Buf: buf})
	require.NoError(t, err)
}

// A line without time does not wait for a port that nobody has open, before its first opening and
// after its last.
func TestNobodyListens(t *testing.T) {
	a, b := serial.NullModem(serial.Max)
	k := boot(t, a, b)
	task, fd := openRaw(t, k, "/dev/ttyS0", nil)
	msg := make([]byte, 200_000)
	n, err := task.Write(fd, msg)
	require.NoError(t, err)
	require.Equal(t, len(msg), n)
	far, there := openRaw(t, k, "/dev/ttyS1", nil)
	n, err = task.Write(fd, []byte("now"))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	buf := make([]byte, 100)
	n, err = far.Read(there, buf)
	require.NoError(t, err)
	require.Equal(t, "now", string(buf[:n]))
	require.NoError(t, far.Close(there))
	n, err = task.Write(fd, msg)
	require.NoError(t, err)
	require.Equal(t, len(msg), n)
}

func TestLoopbackPlug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := boot(t, serial.Loopback(serial.Paced))
		task, fd := openRaw(t, k, "/dev/ttyS0", nil)
		msg := make([]byte, 1000)
		for i := range msg {
			msg[i] = byte(i)
		}
		start := time.Now()
		n, err := task.Write(fd, msg)
		require.NoError(t, err)
		require.Equal(t, len(msg), n)
		var got []byte
		buf := make([]byte, 4096)
		for len(got) < len(msg) {
			n, err := task.Read(fd, buf)
			require.NoError(t, err)
			got = append(got, buf[:n]...)
		}
		require.Equal(t, msg, got)
		line := time.Since(start)
		require.InDelta(t, 86.8, float64(line.Microseconds())/1000, 2, "1000 characters of 86.8 µs")
	})
}

func TestNullModemWithModemLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := serial.NullModem(serial.Paced)
		k := boot(t, a, b)
		ta, fa := openRaw(t, k, "/dev/ttyS0", nil)
		tb, fb := openRaw(t, k, "/dev/ttyS1", nil)
		bits := func(task *kernel.Task, fd int) uint32 {
			var buf [4]byte
			_, err := task.Ioctl(fd, tty.TIOCMGET, kernel.Arg{Buf: buf[:]})
			require.NoError(t, err)
			v, _ := kernel.Arg{Buf: buf[:]}.Uint32()
			return v
		}
		require.Equal(t, uint32(tty.TIOCM_DTR|tty.TIOCM_RTS|tty.TIOCM_OUT2|tty.TIOCM_CTS|tty.TIOCM_DSR|tty.TIOCM_CAR), bits(ta, fa))
		changed := make(chan error)
		go func() {
			_, err := ta.Ioctl(fa, tty.TIOCMIWAIT, kernel.Arg{Val: tty.TIOCM_DSR})
			changed <- err
		}()
		synctest.Wait()
		dtr := kernel.Arg{Buf: []byte{tty.TIOCM_DTR, 0, 0, 0}}
		_, err := tb.Ioctl(fb, tty.TIOCMBIC, dtr)
		require.NoError(t, err)
		require.NoError(t, <-changed)
		require.Zero(t, bits(ta, fa)&(tty.TIOCM_DSR|tty.TIOCM_CAR))

		_, err = ta.Write(fa, []byte("x"))
		require.NoError(t, err)
		buf := make([]byte, 8)
		n, err := tb.Read(fb, buf)
		require.NoError(t, err)
		require.Equal(t, "x", string(buf[:n]))
	})
}

func TestCanonicalEditing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := serial.NullModem(serial.Paced)
		k := boot(t, a, b)
		user, fu := openRaw(t, k, "/dev/ttyS0", nil)
		host, fh := openRaw(t, k, "/dev/ttyS1", func(tm *tty.Termios) {
			*tm = tty.StdTermios()
			tm.Cflag |= tty.CLOCAL
			tm.SetBaud(115200)
		})
		for _, c := range []struct{ typed, line, echo string }{
			{"hello\r", "hello\n", "hello\r\n"},
			{"helk\x7flo\r", "hello\n", "helk\b \blo\r\n"},
			{"one two\x17three\r", "one three\n", "one two\b \b\b \b\b \bthree\r\n"},
			{"gone\x15new\r", "new\n", "gone\b \b\b \b\b \b\b \bnew\r\n"},
			{"\x16\x03x\r", "\x03x\n", "^\b^Cx\r\n"},
			{"a\tb\x7f\x7f\r", "a\n", "a\tb\b \b\b\b\b\b\b\b\b\r\n"},
			{"eof\x04", "eof", "eof"},
		} {
			_, err := user.Write(fu, []byte(c.typed))
			require.NoError(t, err)
			buf := make([]byte, 100)
			n, err := host.Read(fh, buf)
			require.NoError(t, err)
			require.Equal(t, c.line, string(buf[:n]), "%q", c.typed)
			synctest.Wait()
			time.Sleep(10 * time.Millisecond)
			n, err = user.Read(fu, buf)
			require.NoError(t, err)
			require.Equal(t, c.echo, string(buf[:n]), "%q", c.typed)
		}
		_, err := user.Write(fu, []byte{4})
		require.NoError(t, err)
		n, err := host.Read(fh, make([]byte, 10))
		require.NoError(t, err)
		require.Zero(t, n, "end of file")
	})
}

func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{1, 64, 4096, 65536} {
		b.Run(sizeName(size), func(b *testing.B) {
			k := boot(b, serial.Loopback(serial.Max))
			wt, fd := openRaw(b, k, "/dev/ttyS0", nil)
			rt := wt.Clone()
			defer rt.Exit()
			go func() {
				msg := make([]byte, size)
				for range b.N {
					if _, err := wt.Write(fd, msg); err != nil {
						b.Error(err)
						return
					}
				}
			}()
			b.SetBytes(int64(size))
			b.ResetTimer()
			buf := make([]byte, 65536)
			for left := b.N * size; left > 0; {
				n, err := rt.Read(fd, buf)
				if err != nil {
					b.Fatal(err)
				}
				left -= n
			}
		})
	}
}

func sizeName(n int) string {
	return map[int]string{1: "1B", 64: "64B", 4096: "4KiB", 65536: "64KiB"}[n]
}
