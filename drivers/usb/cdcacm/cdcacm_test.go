package cdcacm_test

import (
	"testing"

	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/drivers/usb/cdcacm"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	acm "github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// plugged is a terminal on a device of the class, and its line's other end.
func plugged(t *testing.T) (*terminal.Conn, *serial.Port) {
	k := kerneltest.Boot(t)
	chip, far := serial.NullModem(serial.Max)
	bus := hw.NewBus(1, 2)
	core := usb.New(bus)
	kerneltest.Load(t, k, core, "")
	kerneltest.Load(t, k, cdcacm.New(), "")
	d, err := hw.New(acm.New(chip, "B2"), hw.HighSpeed)
	require.NoError(t, err)
	slot, err := bus.Plug("", d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bus.Unplug(slot.Path())) })
	core.Exports[0].Value.(*usb.Core).Settle()
	c, err := terminal.Open(k, "/dev/ttyACM0", serial.Format8N1(9600))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c, far
}

// The line coding that the device gets is what termios says: both ends agree, in each direction.
func TestLineCoding(t *testing.T) {
	c, far := plugged(t)
	for _, m := range []serial.Mode{
		serial.Format8N1(300), serial.Format8N1(115200),
		{Baud: 9600, Data: 7, Parity: serial.ParityEven, Stop: serial.Stop1},
		{Baud: 9600, Data: 8, Parity: serial.ParityOdd, Stop: serial.Stop2},
		{Baud: 9600, Data: 8, Parity: serial.ParityMark, Stop: serial.Stop1},
		{Baud: 9600, Data: 8, Parity: serial.ParitySpace, Stop: serial.Stop1},
		{Baud: 9600, Data: 5, Parity: serial.ParityNone, Stop: serial.Stop1},
	} {
		t.Run(m.String(), func(t *testing.T) {
			require.NoError(t, c.SetMode(m))
			require.NoError(t, far.SetMode(m))
			for _, dir := range []struct{ from, to serial.Conn }{{c, far}, {far, c}} {
				_, err := dir.from.Write([]byte{1, 2, 21})
				require.NoError(t, err)
				buf := make([]byte, 3)
				for n := 0; n < 3; {
					k, f, err := dir.to.(serial.Receiver).Receive(buf[n:])
					require.NoError(t, err)
					require.Zero(t, f)
					n += k
				}
				require.Equal(t, []byte{1, 2, 21}, buf)
			}
		})
	}
}

// A break comes as a notification, beside the data, and is given to the line discipline.
func TestBreak(t *testing.T) {
	c, far := plugged(t)
	require.NoError(t, far.SetMode(serial.Format8N1(9600)))
	require.NoError(t, far.SetBreak(true))
	require.NoError(t, far.SetBreak(false))
	var b [1]byte
	n, f, err := c.Receive(b[:])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, serial.Break, f)
}
