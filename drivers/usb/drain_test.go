package usb_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/drivers/usb/ftdisio"
	"github.com/kobench/kobench/drivers/usb/usbserial"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// The last close waits for what the chip still has to send, not for the bus alone.
func TestDrainAsksTheChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, usbserial.New(), ftdisio.New())
		line, _ := serial.NullModem(serial.Paced)
		r.plug(ftdi.New(line, "A1"), hw.FullSpeed)
		task := kerneltest.Task(t, r.k)
		fd, err := task.Open("/dev/ttyUSB0", kernel.O_RDWR)
		require.NoError(t, err)
		tm := tty.RawTermios(9600)
		_, err = task.Ioctl(fd, tty.TCSETS2, kernel.Arg{Buf: tm.Bytes()})
		require.NoError(t, err)
		began := time.Now()
		_, err = task.Write(fd, make([]byte, 96))
		require.NoError(t, err)
		require.NoError(t, task.Close(fd))
		require.InDelta(t, 100*time.Millisecond, time.Since(began), float64(3*time.Millisecond))
	})
}
