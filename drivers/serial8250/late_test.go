package serial8250_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/serial8250"
	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// late makes the host late with line n's interrupts: it leaves the goroutine alone for a while
// before the driver's handler, until the test is over.
func late(t testing.TB, line *kernel.IRQLine, by time.Duration) {
	var over atomic.Bool
	free := line.Request("late", func() bool {
		if !over.Load() {
			time.Sleep(by) // of the host's time
		}
		return false
	})
	t.Cleanup(func() {
		over.Store(true)
		time.Sleep(2 * by)
		free()
	})
}

// machine is a kernel with a chip at every port and one clock.
func machine(t testing.TB, kind uart16550.Kind, wire func(serial.Cables) []*serial.Port) *kernel.Kernel {
	c := clock.New()
	k := kerneltest.Boot(t, kerneltest.Parallel(), kerneltest.WithConfig(kernel.Config{Clock: c}))
	var sites []serial8250.Site
	for i, p := range wire(serial.On(c)) {
		o := uart16550.Options{Kind: kind, Clock: 16 * 4_000_000, IRQ: k.IRQ(4 + i).Source()}
		sites = append(sites, serial8250.Site{
			Chip: uart16550.New(p, o), Base: 0x3f8 + uint32(8*i), IRQ: 4 + i, Clock: 4_000_000,
		})
	}
	kerneltest.Load(t, k, serial8250.New(sites), "")
	return k
}

func nullModem(c serial.Cables) []*serial.Port {
	a, b := c.NullModem(serial.Paced)
	return []*serial.Port{a, b}
}

func loopback(c serial.Cables) []*serial.Port { return []*serial.Port{c.Loopback(serial.Paced)} }

// counts are TIOCGICOUNT's.
func counts(t testing.TB, task *kernel.Task, fd int) (rx, overrun, bufOverrun uint32) {
	var buf [80]byte
	_, err := task.Ioctl(fd, tty.TIOCGICOUNT, kernel.Arg{Buf: buf[:]})
	require.NoError(t, err)
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(buf[4*i:]) }
	return word(4), word(7), word(10)
}

// A host that is late loses nothing: the machine is late as a whole. The delay is hundreds of
// characters long.
func TestHostIsLate(t *testing.T) {
	for _, baud := range []uint32{9600, 115200, 4_000_000} {
		for name, wire := range map[string]func(serial.Cables) []*serial.Port{"null modem": nullModem, "loopback": loopback} {
			for _, kind := range []uart16550.Kind{uart16550.PC16550A, uart16550.NS16450} {
				t.Run(fmt.Sprintf("%d/%s/%v", baud, name, kind), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						k := machine(t, kind, wire)
						late(t, k.IRQ(4), 20*time.Millisecond)
						late(t, k.IRQ(5), 20*time.Millisecond)
						set := func(tm *tty.Termios) { tm.SetBaud(baud) }
						from, out := openRaw(t, k, "/dev/ttyS0", set)
						to, in := from, out
						if name == "null modem" {
							to, in = openRaw(t, k, "/dev/ttyS1", set)
						} else {
							to = from.Clone()
							t.Cleanup(to.Exit)
						}
						msg := make([]byte, 3000)
						for i := range msg {
							msg[i] = byte(i % 251)
						}
						go func() {
							n, err := from.Write(out, msg)
							require.NoError(t, err)
							require.Equal(t, len(msg), n)
						}()
						var got []byte
						buf := make([]byte, 256)
						for len(got) < len(msg) {
							ready, err := to.Poll([]kernel.PollFD{{FD: in, Events: kernel.PollIn}}, 10*time.Second)
							require.NoError(t, err)
							require.Equal(t, 1, ready, "after %d characters none comes: they were lost", len(got))
							n, err := to.Read(in, buf)
							require.NoError(t, err)
							got = append(got, buf[:n]...)
							require.Equal(t, msg[:len(got)], got)
						}
						rx, overrun, _ := counts(t, to, in)
						require.EqualValues(t, len(msg), rx)
						require.Zero(t, overrun)
					})
				})
			}
		}
	}
}

// A driver that is late by the line's own time loses what a real one would, and it is counted: here
// interrupts are off.
func TestDriverIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := machine(t, uart16550.PC16550A, nullModem)
		from, out := openRaw(t, k, "/dev/ttyS0", nil)
		to, in := openRaw(t, k, "/dev/ttyS1", nil)
		k.IRQ(5).Disable()
		_, err := from.Write(out, []byte("0123456789abcdefghijklmnopqrstuvwxyz"))
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond) // 36 characters take 3 ms
		require.True(t, k.IRQ(5).Enable())
		synctest.Wait()
		buf := make([]byte, 100)
		n, err := to.Read(in, buf)
		require.NoError(t, err)
		require.Equal(t, "0123456789abcdef", string(buf[:n]), "the FIFO's 16")
		rx, overrun, _ := counts(t, to, in)
		require.EqualValues(t, 16, rx)
		require.EqualValues(t, 1, overrun, "the chip's bit is one for all that were lost")
		require.Contains(t, k.Log.Text(), "ttyS ttyS1: 1 input overrun(s)\n")
		h, err := k.Init().OpenFile("/proc/tty/driver/serial", kernel.O_RDONLY)
		require.NoError(t, err)
		text, err := io.ReadAll(h)
		require.NoError(t, err)
		require.NoError(t, h.Close())
		require.Contains(t, string(text), "serinfo:1.0 driver revision:\n0: uart:16550A port:")
		require.Regexp(t, `(?m)^1: uart:16550A port:[0-9A-F]{8} irq:5 tx:0 rx:16 oe:1 RTS\|CTS\|DTR\|DSR\|CD$`, string(text))
	})
}
