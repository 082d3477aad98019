package tty

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// A driver may call the core from inside each method of its port: nothing that it calls waits for a
// lock that is held around one.
func TestPortMayCallBack(t *testing.T) {
	r := boot(t, SerialTermios())
	fd := r.open()
	r.tty.Receive([]byte("abc\n"), nil)
	require.Equal(t, "abc\r\n", r.port.took())
	got, err := r.read(fd, 10)
	require.NoError(t, err)
	require.Equal(t, "abc\n", got)
	n, err := r.task.Write(fd, []byte("x\n"))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, "x\r\n", r.port.took())
	r.set(fd, RawTermios(9600))
	for _, c := range []struct {
		cmd  uint32
		val  uint64
		want string
	}{{TIOCSBRK, 0, "break"}, {TCXONC, TCOOFF, "stop"}, {TCXONC, TCOON, "start"}, {TCFLSH, TCOFLUSH, "flush"}} {
		r.port.told()
		require.NoError(t, r.ioctl(fd, c.cmd, c.val))
		require.Equal(t, []string{c.want}, r.port.told())
	}
	require.NoError(t, r.task.Close(fd))
	require.Contains(t, r.port.told(), "shutdown")
}

// What a port sends comes back before its Write returns, and is echoed again, for ever: neither a
// write nor a close waits for the end.
func TestEchoStorm(t *testing.T) {
	r := boot(t, SerialTermios())
	r.port.loop = true
	fd := r.open()
	for range 10 {
		_, err := r.task.Write(fd, []byte("hello"))
		require.NoError(t, err)
	}
	require.NoError(t, r.task.Close(fd))
}

// An echo that the port has no room for waits, and is not lost nor sent twice.
func TestEchoWaitsForRoom(t *testing.T) {
	r := boot(t, SerialTermios())
	fd := r.open()
	r.port.setRoom(0)
	r.tty.Receive([]byte("abc"), nil)
	require.Empty(t, r.port.took())
	_, err := r.task.Write(fd, []byte("x"))
	require.Equal(t, kernel.EAGAIN, err)
	r.port.setRoom(2)
	r.tty.Wakeup()
	require.Equal(t, "ab", r.port.took())
	r.port.setRoom(100)
	_, err = r.task.Write(fd, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, "cx", r.port.took(), "the echo comes first")
	require.NoError(t, r.task.Close(fd))
}

func TestThrottle(t *testing.T) {
	tm := RawTermios(9600)
	tm.Iflag |= IXOFF
	r := boot(t, tm)
	fd := r.open()
	data := bytes.Repeat([]byte("0123456789abcdef"), 600) // 9600 bytes
	room := 0
	for at := 0; at < len(data); at += 64 {
		room = r.tty.Receive(data[at:at+64], nil)
	}
	require.True(t, r.tty.Throttled())
	require.Equal(t, []string{"throttle", "xS"}, r.port.told(), "once, and with STOP for the other side")
	require.Equal(t, maxBacklog-(len(data)-(bufSize-1)), room)
	var got []byte
	buf := make([]byte, 1000)
	for {
		n, err := r.task.Read(fd, buf)
		if err != nil {
			require.Equal(t, kernel.EAGAIN, err)
			break
		}
		got = append(got, buf[:n]...)
	}
	require.Equal(t, data, got)
	require.False(t, r.tty.Throttled())
	require.Equal(t, []string{"unthrottle", "xQ"}, r.port.told())
	require.NoError(t, r.task.Close(fd))
}

// The port may refuse a rate; what it made of it is what the line says, and what the discipline
// goes by.
func TestPortCorrectsTheRate(t *testing.T) {
	r := boot(t, SerialTermios())
	fd := r.open()
	r.port.set = func(now, old *Termios) {
		require.NotNil(t, old)
		require.EqualValues(t, 9600, old.Baud())
		now.SetBaud(50)
	}
	r.set(fd, RawTermios(115200))
	require.EqualValues(t, 50, ttyBaud(r))
	require.NoError(t, r.task.Close(fd))
}

func ttyBaud(r *rig) uint32 {
	tm := r.tty.Termios()
	return tm.Baud()
}

// A hang-up ends reads, writes and ioctls that wait and those that come; the next open starts anew.
func TestHangup(t *testing.T) {
	for _, c := range []struct {
		name string
		call func(task *kernel.Task, fd int) (int, error)
		n    int
		want error
	}{
		{"read", func(task *kernel.Task, fd int) (int, error) { return task.Read(fd, make([]byte, 1)) }, 0, nil},
		{"write", func(task *kernel.Task, fd int) (int, error) { return task.Write(fd, []byte("x")) }, 0, kernel.EIO},
		{"TIOCMIWAIT", func(task *kernel.Task, fd int) (int, error) {
			return task.Ioctl(fd, TIOCMIWAIT, kernel.Arg{Val: TIOCM_CTS})
		}, 0, kernel.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := boot(t, RawTermios(9600))
				other := kerneltest.Task(t, r.k)
				fd, err := other.Open("/dev/ttyF0", kernel.O_RDWR)
				require.NoError(t, err)
				r.port.setRoom(0)
				var wg sync.WaitGroup
				wg.Go(func() {
					n, err := c.call(other, fd)
					require.Equal(t, c.want, err)
					require.Equal(t, c.n, n)
				})
				synctest.Wait()
				mine := r.open()
				require.NoError(t, r.ioctl(mine, TIOCVHANGUP, 0))
				wg.Wait()
				require.Equal(t, 1, strings.Count(strings.Join(r.port.told(), " "), "shutdown"))
				_, err = other.Write(fd, []byte("x"))
				require.Equal(t, kernel.EIO, err)
				n, err := other.Read(fd, make([]byte, 1))
				require.NoError(t, err)
				require.Zero(t, n)
				require.Equal(t, kernel.EIO, r.ioctl(mine, TIOCSBRK, 0))
				again := r.open()
				r.tty.Receive([]byte("new"), nil)
				got, err := r.read(again, 10)
				require.NoError(t, err)
				require.Equal(t, "new", got)
				for _, f := range []int{mine, again} {
					require.NoError(t, r.task.Close(f))
				}
				require.NoError(t, other.Close(fd))
			})
		})
	}
}

// An open that is caught in a hang-up while it waits for the carrier begins again: the port is
// started up once more, and has its DTR.
func TestHangupDuringOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := RawTermios(9600)
		tm.Cflag &^= CLOCAL
		r := boot(t, tm)
		var wg sync.WaitGroup
		other := kerneltest.Task(t, r.k)
		var fd int
		wg.Go(func() {
			var err error
			fd, err = other.Open("/dev/ttyF0", kernel.O_RDWR)
			require.NoError(t, err)
		})
		synctest.Wait()
		calls := strings.Join(r.port.told(), " ")
		require.Equal(t, 1, strings.Count(calls, "startup"))
		r.tty.hangup(false)
		synctest.Wait()
		calls = strings.Join(r.port.told(), " ")
		require.Equal(t, 1, strings.Count(calls, "shutdown"), calls)
		require.Equal(t, 1, strings.Count(calls, "startup"), calls)
		r.port.mu.Lock()
		require.EqualValues(t, TIOCM_DTR|TIOCM_RTS, r.port.modem&(TIOCM_DTR|TIOCM_RTS))
		r.port.modem |= TIOCM_CAR
		r.port.mu.Unlock()
		r.tty.CarrierChanged(true)
		wg.Wait()
		n, err := other.Write(fd, []byte("x"))
		require.NoError(t, err, "this file has not been hung up")
		require.Equal(t, 1, n)
		require.NoError(t, other.Close(fd))
	})
}

// A lost carrier hangs up in the background, but for CLOCAL.
func TestCarrierLost(t *testing.T) {
	for _, local := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			tm := RawTermios(9600)
			if !local {
				tm.Cflag &^= CLOCAL
			}
			r := boot(t, tm)
			fd := r.open()
			r.tty.CarrierChanged(false)
			synctest.Wait()
			_, err := r.task.Write(fd, []byte("x"))
			if local {
				require.NoError(t, err)
			} else {
				require.Equal(t, kernel.EIO, err)
			}
			require.NoError(t, r.task.Close(fd))
		})
	}
}

// The port may take its time to be set: who comes meanwhile waits, and what is received is taken.
func TestSlowPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := boot(t, RawTermios(9600))
		fd := r.open()
		r.port.set = func(*Termios, *Termios) { time.Sleep(time.Second) }
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			task := kerneltest.Task(t, r.k)
			wg.Go(func() {
				fd, err := task.Open("/dev/ttyF0", kernel.O_RDWR|kernel.O_NONBLOCK)
				require.NoError(t, err)
				tm := RawTermios(115200)
				_, err = task.Ioctl(fd, TCSETS2, kernel.Arg{Buf: tm.Bytes()})
				require.NoError(t, err)
				require.NoError(t, task.Close(fd))
			})
		}
		synctest.Wait()
		r.tty.Receive([]byte("abc"), nil)
		got, err := r.read(fd, 10)
		require.NoError(t, err)
		require.Equal(t, "abc", got)
		require.Zero(t, time.Since(start))
		wg.Wait()
		require.Equal(t, 3*time.Second, time.Since(start), "one after the other")
		require.NoError(t, r.task.Close(fd))
	})
}
