package usbip

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
)

// A server that lets a device be imported and says nothing from then on, whether it reads what it is sent or not, costs the device and not
// whoever waits for a transfer.
func TestMuteServer(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"reads":         func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"does not read": func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				go func() {
					_, _ = io.ReadFull(there, make([]byte, 40))
					_, _ = there.Write(append(op(opRepImport, stOK), make([]byte, deviceSize)...))
					serve(there)
				}()
				d, err := importOn(here, "1-1")
				require.NoError(t, err)
				d.start()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				_, err = usb.Request(ctx, d, usb.DirIn, usb.GetDescriptor, 0x100, 0, make([]byte, 18))
				require.Error(t, err)
				require.Equal(t, time.Second+unlinkWait, time.Since(start))
				<-d.Gone()
				require.ErrorIs(t, d.Err(), usb.ETIMEDOUT)
				require.ErrorContains(t, d.Err(), "has not answered an unlink")
			})
		})
	}
}
