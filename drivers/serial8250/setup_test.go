package serial8250_test

import (
	"encoding/binary"
	"testing"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// What a rate reads back as; each follows the one before. A 6.1 says the same.
func TestRates(t *testing.T) {
	k := boot(t, serial.Loopback(serial.Max))
	task, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.SetBaud(9600) })
	for _, c := range []struct {
		name        string
		code, speed uint32
		wantCode    uint32
		wantSpeed   uint32
	}{
		{"a rate without a code", tty.BOTHER, 74880, tty.BOTHER, 74880},
		{"one that is too fast leaves the old one", tty.BOTHER, 250000, tty.BOTHER, 74880},
		{"one with a code has it", tty.BOTHER, 115200, 0o10002, 115200},
		{"too fast, by its code", 0o10004, 0, 0o10002, 115200},
		{"what the divisor cannot do exactly", tty.BOTHER, 100000, tty.BOTHER, 100000},
		{"hang up", 0, 0, 0, 0},
		{"and back", 0o15, 0, 0o15, 9600},
	} {
		t.Run(c.name, func(t *testing.T) {
			tm := tty.RawTermios(9600)
			tm.Cflag = tm.Cflag&^tty.CBAUD | c.code
			tm.Ispeed, tm.Ospeed = c.speed, c.speed
			setTermios(t, task, fd, tm)
			buf := tm.Bytes()
			_, err := task.Ioctl(fd, tty.TCGETS2, kernel.Arg{Buf: buf})
			require.NoError(t, err)
			now, err := tty.ParseTermios(buf)
			require.NoError(t, err)
			require.Equal(t, c.wantCode, now.Cflag&tty.CBAUD)
			require.Equal(t, c.wantSpeed, now.Ospeed)
		})
	}
	require.NoError(t, task.Close(fd))
}

type serialStruct [72]byte

func (s *serialStruct) at(i int) uint32     { return binary.LittleEndian.Uint32(s[4*i:]) }
func (s *serialStruct) put(i int, v uint32) { binary.LittleEndian.PutUint32(s[4*i:], v) }

func TestSerialStruct(t *testing.T) {
	k := boot(t, serial.Loopback(serial.Max))
	task, fd := openRaw(t, k, "/dev/ttyS0", nil)
	get := func() (s serialStruct) {
		_, err := task.Ioctl(fd, tty.TIOCGSERIAL, kernel.Arg{Buf: s[:]})
		require.NoError(t, err)
		return s
	}
	old := get()
	require.Equal(t, []uint32{4, 0, 0x3f8, 4, 0x10000040, 16, 0, 115200}, []uint32{
		old.at(0), old.at(1), old.at(2), old.at(3), old.at(4), old.at(5), old.at(6), old.at(7)})
	require.EqualValues(t, 50, binary.LittleEndian.Uint16(old[32:]), "close_delay")
	require.EqualValues(t, 3000, binary.LittleEndian.Uint16(old[40:]), "closing_wait")
	for _, c := range []struct {
		name   string
		field  int
		value  uint32
		want   error
		anyone error // who is not root
	}{
		{"low latency", 4, old.at(4) | tty.ASYNC_LOW_LATENCY, nil, nil},
		{"custom divisor", 6, 12, nil, nil},
		{"another port", 2, 0x2f8, kernel.EINVAL, kernel.EPERM},
		{"another interrupt", 3, 3, kernel.EINVAL, kernel.EPERM},
		{"another clock", 7, 921600, nil, kernel.EPERM},
		{"a clock that is too slow", 7, 300, kernel.EINVAL, kernel.EPERM},
		{"FIFO", 5, 1, nil, kernel.EPERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := func(task *kernel.Task, s serialStruct) error {
				_, err := task.Ioctl(fd, tty.TIOCSSERIAL, kernel.Arg{Buf: s[:]})
				return err
			}
			s := old
			s.put(c.field, c.value)
			other := task.Clone(kernel.WithCred(kernel.Cred{UID: 1000, GID: 1000}))
			require.Equal(t, c.anyone, set(other, s))
			other.Exit()
			require.Equal(t, c.want, set(task, s))
			if c.want == nil {
				now := get()
				require.Equal(t, c.value, now.at(c.field))
			}
			require.NoError(t, set(task, old))
		})
	}
	require.NoError(t, task.Close(fd))
}

// With a custom divisor 38400 means the clock divided by it: the far end hears what was sent at
// 9600 so.
func TestCustomDivisor(t *testing.T) {
	a, b := serial.NullModem(serial.Max)
	k := boot(t, a, b)
	near, fd := openRaw(t, k, "/dev/ttyS0", func(tm *tty.Termios) { tm.SetBaud(38400) })
	far, ffd := openRaw(t, k, "/dev/ttyS1", func(tm *tty.Termios) { tm.SetBaud(9600) })
	var s serialStruct
	_, err := near.Ioctl(fd, tty.TIOCGSERIAL, kernel.Arg{Buf: s[:]})
	require.NoError(t, err)
	s.put(4, s.at(4)|tty.ASYNC_SPD_CUST)
	s.put(6, 12)
	_, err = near.Ioctl(fd, tty.TIOCSSERIAL, kernel.Arg{Buf: s[:]})
	require.NoError(t, err)
	_, err = near.Write(fd, []byte("hello"))
	require.NoError(t, err)
	buf := make([]byte, 5)
	for n := 0; n < len(buf); {
		m, err := far.Read(ffd, buf[n:])
		require.NoError(t, err)
		n += m
	}
	require.Equal(t, "hello", string(buf))
	require.NoError(t, near.Close(fd))
	require.NoError(t, far.Close(ffd))
}

func TestLineStatusAndRS485(t *testing.T) {
	k := boot(t, serial.Loopback(serial.Max))
	task, fd := openRaw(t, k, "/dev/ttyS0", nil)
	var lsr [4]byte
	_, err := task.Ioctl(fd, tty.TIOCSERGETLSR, kernel.Arg{Buf: lsr[:]})
	require.NoError(t, err)
	require.Equal(t, [4]byte{tty.TIOCSER_TEMT}, lsr)
	rs := [32]byte{1}
	_, err = task.Ioctl(fd, tty.TIOCSRS485, kernel.Arg{Buf: rs[:]})
	require.Equal(t, kernel.ENOTTY, err)
	_, err = task.Ioctl(fd, tty.TIOCGRS485, kernel.Arg{Buf: rs[:]})
	require.NoError(t, err)
	require.Equal(t, [32]byte{}, rs)
	require.NoError(t, task.Close(fd))
}

// TIOCMSET sets all lines that it can: without OUT2 the chip's interrupts go nowhere, as on a PC.
func TestModemSet(t *testing.T) {
	k := boot(t, serial.Loopback(serial.Max))
	task, fd := openRaw(t, k, "/dev/ttyS0", nil)
	for _, set := range []uint32{tty.TIOCM_DTR | tty.TIOCM_RTS, tty.TIOCM_DTR | tty.TIOCM_OUT2, 0} {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], set)
		_, err := task.Ioctl(fd, tty.TIOCMSET, kernel.Arg{Buf: b[:]})
		require.NoError(t, err)
		_, err = task.Ioctl(fd, tty.TIOCMGET, kernel.Arg{Buf: b[:]})
		require.NoError(t, err)
		const outputs = tty.TIOCM_DTR | tty.TIOCM_RTS | tty.TIOCM_OUT1 | tty.TIOCM_OUT2
		require.Equal(t, set, binary.LittleEndian.Uint32(b[:])&outputs)
	}
	require.NoError(t, task.Close(fd))
}

// The files of a terminal in /sys, as a 6.1 shows those of a 16550A.
func TestAttributes(t *testing.T) {
	k := boot(t, serial.Loopback(serial.Max))
	task := kerneltest.Task(t, k)
	for name, want := range map[string]string{
		"close_delay": "50", "closing_wait": "3000", "console": "N", "custom_divisor": "0", "dev": "4:64", "flags": "0x10000040", "io_type": "0",
		"iomem_base": "0x0", "iomem_reg_shift": "0", "irq": "4", "line": "0", "port": "0x3F8", "rx_trig_bytes": "8", "type": "4",
		"uartclk": "1843200", "xmit_fifo_size": "16",
	} {
		require.Equal(t, want+"\n", cat(t, task, "/sys/class/tty/ttyS0/"+name), name)
	}
	f, err := task.OpenFile("/sys/class/tty/ttyS0/rx_trig_bytes", kernel.O_WRONLY)
	require.NoError(t, err)
	_, err = f.Write([]byte("13\n"))
	require.NoError(t, err)
	_, err = f.Write([]byte("x\n"))
	require.ErrorIs(t, err, kernel.EINVAL)
	require.NoError(t, f.Close())
	require.Equal(t, "8\n", cat(t, task, "/sys/class/tty/ttyS0/rx_trig_bytes"))
}

func cat(t testing.TB, task *kernel.Task, path string) string {
	f, err := task.OpenFile(path, kernel.O_RDONLY)
	require.NoError(t, err, path)
	buf := make([]byte, 4096)
	n, err := f.Read(buf)
	require.NoError(t, err, path)
	require.NoError(t, f.Close())
	return string(buf[:n])
}
