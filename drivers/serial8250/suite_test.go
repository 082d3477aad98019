package serial8250_test

import (
	"context"
	"testing"

	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
)

// TestSuite runs the suite of the real ports through the driver, the registers and the line.
func TestSuite(t *testing.T) {
	mode := serial.Format8N1(115200)
	t.Run("loopback", func(t *testing.T) {
		serialtest.TestLine(t, serialtest.Setup{Name: "ttyS0", NoSettle: true, MaxSize: 8192, Open: func(context.Context) (near, far serial.Conn, err error) {
			k := boot(t, serial.Loopback(serial.Max))
			near, err = terminal.Open(k, "/dev/ttyS0", mode)
			return near, nil, err
		}})
	})
	t.Run("null modem", func(t *testing.T) {
		serialtest.TestLine(t, serialtest.Setup{Name: "ttyS0-ttyS1", NoSettle: true, MaxSize: 8192, Open: func(context.Context) (near, far serial.Conn, err error) {
			a, b := serial.NullModem(serial.Max)
			k := boot(t, a, b)
			if near, err = terminal.Open(k, "/dev/ttyS0", mode); err != nil {
				return nil, nil, err
			}
			far, err = terminal.Open(k, "/dev/ttyS1", mode)
			return near, far, err
		}})
	})
}
