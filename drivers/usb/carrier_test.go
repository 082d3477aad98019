package usb_test

import (
	"sync"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// Opens that wait for the carrier get it, however the openings and closings of some tasks fall
// together: a loop-back plug's is the port's own DTR. With ECHO on, and no time on the line, what
// is written goes round and round as long as anybody has the port open; that must stop nobody.
func TestOpenWaitsForTheCarrier(t *testing.T) {
	for name, a := range adapters() {
		t.Run(name, func(t *testing.T) {
			r := start(t, a.modules()...)
			a.plug(r, serial.Loopback(serial.Max))
			task := kerneltest.Task(t, r.k)
			fd, err := task.Open("/dev/"+a.node, kernel.O_RDWR|kernel.O_NONBLOCK)
			require.NoError(t, err)
			tm := tty.SerialTermios()
			tm.Cflag &^= tty.CLOCAL
			_, err = task.Ioctl(fd, tty.TCSETS2, kernel.Arg{Buf: tm.Bytes()})
			require.NoError(t, err)
			require.NoError(t, task.Close(fd))
			var wg sync.WaitGroup
			for w := range 4 {
				task := kerneltest.Task(t, r.k)
				late := time.AfterFunc(time.Minute, func() { task.Kill(kernel.SIGKILL) })
				wg.Go(func() {
					defer late.Stop()
					for i := range 50 {
						fd, err := task.Open("/dev/"+a.node, kernel.O_RDWR)
						if err != nil {
							t.Errorf("opening %d: %v", i, err)
							return
						}
						if w%2 == 0 {
							_, _ = task.Write(fd, []byte("hello"))
						}
						time.Sleep(time.Duration(i%7*w) * 50 * time.Microsecond)
						_ = task.Close(fd)
					}
				})
			}
			wg.Wait()
		})
	}
}
