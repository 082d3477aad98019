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

// A server that lets a device be imported and says nothing from then on, whether it reads what it
// is sent or not, costs the device and not whoever waits for a transfer.
func TestMuteServer(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"reads":         func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"does not read": func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, there := mute(t, serve)
				defer there.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				_, err := usb.Request(ctx, d, usb.DirIn, usb.GetDescriptor, 0x100, 0, make([]byte, 18))
				require.Error(t, err)
				require.Equal(t, time.Second+unlinkWait, time.Since(start))
				<-d.Gone()
				require.ErrorIs(t, d.Err(), usb.ETIMEDOUT)
				require.ErrorContains(t, d.Err(), "has not answered an unlink")
			})
		})
	}
}

// Unplug waits for no server: transfers under way end at once, cancelled or not, and whether or not
// the server reads.
func TestUnplugMute(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"reads":         func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"does not read": func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, there := mute(t, serve)
				defer there.Close()
				done := make(chan error, 2)
				var ts [2]usb.Transfer
				for i := range ts {
					ts[i] = usb.Transfer{Endpoint: 0x02, Type: usb.Bulk, Data: make([]byte, 1<<20), Done: func(x *usb.Transfer) { done <- x.Err }}
					require.NoError(t, d.Submit(&ts[i]))
				}
				synctest.Wait()
				d.Cancel(&ts[0])
				start := time.Now()
				d.Unplug()
				for range ts {
					require.ErrorIs(t, <-done, usb.ESHUTDOWN)
				}
				<-d.Gone()
				require.Zero(t, time.Since(start))
				require.NoError(t, d.Err())
				require.ErrorIs(t, d.Submit(&ts[0]), usb.ENODEV)
			})
		})
	}
}

// mute is a device of a server that lets it be imported and then does what serve does.
func mute(t *testing.T, serve func(net.Conn)) (*Device, net.Conn) {
	here, there := net.Pipe()
	go func() {
		_, _ = io.ReadFull(there, make([]byte, 40))
		_, _ = there.Write(append(op(opRepImport, stOK), make([]byte, deviceSize)...))
		serve(there)
	}()
	d, err := importOn(here, "1-1")
	require.NoError(t, err)
	d.start()
	return d, there
}
