package serial8250_test

import (
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// far boots one 8250 with a bare line's end beyond it, in the same mode.
func far(t testing.TB) (*kernel.Kernel, *serial.Port) {
	dte, dce := serial.Straight(serial.Paced)
	require.NoError(t, dce.SetMode(serial.Format8N1(115200)))
	return boot(t, dte), dce
}

func TestMinAndTime(t *testing.T) {
	tenth := 100 * time.Millisecond
	for _, c := range []struct {
		name      string
		min, time byte
		ask       int
		send      []time.Duration // when each byte comes
		want      int
		takes     time.Duration
	}{
		{"MIN only", 3, 0, 10, []time.Duration{0, tenth, 2 * tenth}, 3, 2 * tenth},
		{"MIN only, fewer asked for", 5, 0, 2, []time.Duration{0, tenth, 2 * tenth}, 2, tenth},
		{"MIN and TIME, enough", 2, 5, 10, []time.Duration{tenth, 2 * tenth}, 2, 2 * tenth},
		{"MIN and TIME, a pause after the first", 5, 2, 10, []time.Duration{4 * tenth, 5 * tenth}, 2, 7 * tenth},
		{"TIME only, a byte", 0, 5, 10, []time.Duration{3 * tenth}, 1, 3 * tenth},
		{"TIME only, none", 0, 5, 10, nil, 0, 5 * tenth},
		{"neither", 0, 0, 10, nil, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, line := far(t)
				task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.CC[tty.VMIN], tm.CC[tty.VTIME] = c.min, c.time })
				start := time.Now()
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() {
					for _, at := range c.send {
						time.Sleep(at - time.Since(start))
						_, _ = line.Write([]byte("x"))
					}
				})
				n, err := task.Read(fd, make([]byte, c.ask))
				require.NoError(t, err)
				require.Equal(t, c.want, n)
				require.InDelta(t, c.takes.Seconds(), time.Since(start).Seconds(), 0.005)
			})
		})
	}
}

func TestBadCharacters(t *testing.T) {
	for _, c := range []struct {
		name  string
		iflag uint32
		want  string
	}{
		{"not checked", 0, "ab\x00c"},
		{"checked", tty.INPCK, "a\x00\x00c"},
		{"ignored", tty.INPCK | tty.IGNPAR | tty.IGNBRK, "ac"},
		{"marked", tty.INPCK | tty.PARMRK, "a\xff\x00b\xff\x00\x00c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, line := far(t)
				even := serial.Format8N1(115200)
				even.Parity = serial.ParityEven
				require.NoError(t, line.SetMode(even))
				task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) {
					tm.Iflag = c.iflag
					tm.Cflag |= tty.PARENB
				})
				_, _ = line.Write([]byte("a"))
				require.NoError(t, line.SendFrame('b', even.ParityFlip()))
				require.NoError(t, line.SendBreak(10*time.Millisecond))
				_, _ = line.Write([]byte("c"))
				time.Sleep(50 * time.Millisecond)
				buf := make([]byte, 100)
				n, err := task.Read(fd, buf)
				require.NoError(t, err)
				require.Equal(t, c.want, string(buf[:n]))

				var counts [80]byte
				_, err = task.Ioctl(fd, tty.TIOCGICOUNT, kernel.Arg{Buf: counts[:]})
				require.NoError(t, err)
				at := func(i int) uint32 { return binary.LittleEndian.Uint32(counts[4*i:]) }
				require.EqualValues(t, 1, at(8), "parity errors")
				require.EqualValues(t, 1, at(9), "breaks")
			})
		})
	}
}

func TestSignalsOfTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, line := far(t)
		task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) {
			tm.Lflag = tty.ISIG
			tm.Iflag = tty.BRKINT
		})
		for _, c := range []struct {
			send func()
			want kernel.Signal
		}{
			{func() { _, _ = line.Write([]byte{3}) }, kernel.SIGINT},
			{func() { _, _ = line.Write([]byte{28}) }, kernel.SIGQUIT},
			{func() { _, _ = line.Write([]byte{26}) }, kernel.SIGTSTP},
			{func() { _ = line.SendBreak(10 * time.Millisecond) }, kernel.SIGINT},
		} {
			res := make(chan error)
			go func() {
				_, err := task.Read(fd, make([]byte, 1))
				res <- err
			}()
			synctest.Wait()
			c.send()
			require.Equal(t, kernel.EINTR, <-res)
			sig, ok := task.TakeSignal()
			require.True(t, ok)
			require.Equal(t, c.want, sig)
		}
	})
}

func TestHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, line := far(t)
		require.NoError(t, line.SetSignals(serial.DCD, serial.DCD))
		task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.Cflag &^= tty.CLOCAL })
		res := make(chan error, 1)
		go func() {
			n, err := task.Read(fd, make([]byte, 1))
			if n == 0 && err == nil {
				err = kernel.EIO // end of file, to tell it from a byte
			}
			res <- err
		}()
		synctest.Wait()
		require.NoError(t, line.SetSignals(serial.DCD, 0)) // the carrier is lost
		err := <-res
		require.Contains(t, []error{kernel.EIO, kernel.EINTR}, err, "end of file, or SIGHUP first")
		_, _ = task.TakeSignal()
		_, err = task.Write(fd, []byte("x"))
		require.Equal(t, kernel.EIO, err)
		_, err = task.Ioctl(fd, tty.TCGETS, kernel.Arg{Buf: make([]byte, 36)})
		require.Equal(t, kernel.EIO, err)
		fds := []kernel.PollFD{{FD: fd, Events: kernel.PollIn}}
		_, err = task.Poll(fds, 0)
		require.NoError(t, err)
		require.NotZero(t, fds[0].Revents&kernel.PollHup)
	})
}

func TestOpenWaitsForTheCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, line := far(t)
		task := kerneltest.Task(t, k)
		fd, err := task.Open("/dev/ttyS0", kernel.O_RDWR)
		require.NoError(t, err, "CLOCAL is what a port begins with")
		require.NoError(t, task.Close(fd))
		task, fd = openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.Cflag = tm.Cflag&^tty.CLOCAL | tty.HUPCL })
		require.NoError(t, task.Close(fd))
		res := make(chan error, 1)
		go func() {
			fd, err := task.Open("/dev/ttyS0", kernel.O_RDWR)
			if err == nil {
				err = task.Close(fd)
			}
			res <- err
		}()
		synctest.Wait()
		s, err := line.Signals()
		require.NoError(t, err)
		require.NotZero(t, s&serial.DTR, "an open that waits raises DTR")
		select {
		case err := <-res:
			t.Fatalf("open did not wait: %v", err)
		default:
		}
		require.NoError(t, line.SetSignals(serial.DCD, serial.DCD))
		require.NoError(t, <-res)
		s, err = line.Signals()
		require.NoError(t, err)
		require.Zero(t, s&(serial.DTR|serial.RTS), "HUPCL: the last close drops DTR and RTS")
	})
}

// What comes while the last close waits for its output is not echoed: on a loop-back plug that
// would go round until the wait is over. Flow control works.
func TestClosingEchoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := boot(t, serial.Loopback(serial.Paced))
		task := kerneltest.Task(t, k)
		fd, err := task.Open("/dev/ttyS0", kernel.O_RDWR)
		require.NoError(t, err)
		_, err = task.Write(fd, []byte("hello, hello\n"))
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, task.Close(fd))
		require.Less(t, time.Since(start), 30*time.Millisecond, "14 characters at 9600 baud take 14.6 ms")
	})
	synctest.Test(t, func(t *testing.T) {
		k, line := far(t)
		task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.Iflag, tm.Lflag = tty.IXON, tty.ICANON|tty.ECHO })
		_, _ = line.Write([]byte{19})
		time.Sleep(time.Millisecond)
		_, err := task.Write(fd, []byte("held"))
		require.NoError(t, err)
		closed := make(chan error)
		go func() { closed <- task.Close(fd) }()
		time.Sleep(time.Second)
		_, _ = line.Write([]byte("x\x11"))
		require.NoError(t, <-closed)
		got := make([]byte, 8)
		n, err := line.Read(got)
		require.NoError(t, err)
		require.Equal(t, "held", string(got[:n]))
	})
}

func TestExclusive(t *testing.T) {
	k, _ := far(t)
	task, fd := openRaw(t, k, "/dev/ttyS0", nil)
	_, err := task.Ioctl(fd, tty.TIOCEXCL, kernel.Arg{})
	require.NoError(t, err)
	nobody := kerneltest.Task(t, k, kernel.WithCred(kernel.Cred{UID: 1000}))
	require.NoError(t, k.Init().Chmod("/dev/ttyS0", 0o666))
	_, err = nobody.Open("/dev/ttyS0", kernel.O_RDWR|kernel.O_NONBLOCK)
	require.Equal(t, kernel.EBUSY, err)
}

func TestFlowControl(t *testing.T) {
	t.Run("XON/XOFF", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k, line := far(t)
			task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.Iflag = tty.IXON | tty.IXOFF })
			_, _ = line.Write([]byte{19})
			time.Sleep(time.Millisecond)
			_, err := task.Write(fd, []byte("held"))
			require.NoError(t, err)
			require.NoError(t, line.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
			n, err := line.Read(make([]byte, 10))
			require.Error(t, err, "%d bytes came after STOP", n)
			_, _ = line.Write([]byte{17})
			require.NoError(t, line.SetReadDeadline(time.Now().Add(time.Second)))
			buf := make([]byte, 10)
			n, err = line.Read(buf)
			require.NoError(t, err)
			require.NotZero(t, n)

			_, _ = line.Write(make([]byte, 4090)) // nobody reads: the terminal asks for a pause
			require.NoError(t, line.SetReadDeadline(time.Now().Add(time.Second)))
			for buf[0] != 19 {
				_, err = line.Read(buf[:1])
				require.NoError(t, err)
			}
		})
	})
	t.Run("RTS/CTS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k, line := far(t)
			task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.Cflag |= tty.CRTSCTS })
			_, err := task.Write(fd, []byte("held"))
			require.NoError(t, err)
			require.NoError(t, line.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
			_, err = line.Read(make([]byte, 10))
			require.Error(t, err, "CTS is off")
			require.NoError(t, line.SetSignals(serial.CTS, serial.CTS))
			require.NoError(t, line.SetReadDeadline(time.Now().Add(time.Second)))
			n, err := line.Read(make([]byte, 10))
			require.NoError(t, err)
			require.NotZero(t, n)
		})
	})
}

func TestOldTermio(t *testing.T) {
	k, _ := far(t)
	task, fd := openRaw(t, k, "/dev/ttyS0", nil)
	var old [18]byte
	_, err := task.Ioctl(fd, tty.TCGETA, kernel.Arg{Buf: old[:]})
	require.NoError(t, err)
	require.EqualValues(t, 0x18b2|tty.CLOCAL, binary.LittleEndian.Uint16(old[4:]), "c_cflag: 115200 8N1, CREAD, CLOCAL")
	old[9+tty.VEOF] = 5 // MIN in raw mode
	_, err = task.Ioctl(fd, tty.TCSETA, kernel.Arg{Buf: old[:]})
	require.NoError(t, err)
	var now [36]byte
	_, err = task.Ioctl(fd, tty.TCGETS, kernel.Arg{Buf: now[:]})
	require.NoError(t, err)
	require.EqualValues(t, 5, now[17+tty.VEOF])
	_, err = task.Ioctl(fd, tty.TCGETS, kernel.Arg{Buf: now[:35]})
	require.Equal(t, kernel.EFAULT, err)
}

// tcdrain and the last close wait until the last bit has left, which raises no interrupt, and no
// longer.
func TestDrain(t *testing.T) {
	for _, n := range []int{1, 2, 15, 16, 17, 100} {
		synctest.Test(t, func(t *testing.T) {
			a, _ := serial.NullModem(serial.Paced)
			k := boot(t, a)
			task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.SetBaud(9600) })
			takes := serial.Format8N1(9600).CharTime(n)
			for what, wait := range map[string]func() error{
				"tcdrain": func() error { _, err := task.Ioctl(fd, tty.TCSBRK, kernel.Arg{Val: 1}); return err },
				"tcsetattr": func() error {
					tm := tty.RawTermios(9600)
					_, err := task.Ioctl(fd, tty.TCSETSW2, kernel.Arg{Buf: tm.Bytes()})
					return err
				},
			} {
				start := time.Now()
				_, err := task.Write(fd, make([]byte, n))
				require.NoError(t, err)
				require.NoError(t, wait())
				require.InDelta(t, takes, time.Since(start), float64(serial.Format8N1(9600).CharTime(1)), what)
			}
			start := time.Now()
			_, err := task.Write(fd, make([]byte, n))
			require.NoError(t, err)
			require.NoError(t, task.Close(fd))
			require.InDelta(t, takes, time.Since(start), float64(serial.Format8N1(9600).CharTime(1)), "close")
		})
	}
}
