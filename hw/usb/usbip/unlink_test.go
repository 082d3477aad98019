package usbip_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
)

// TestUnlinkStorm is usbtest's case 24 from this end: unlinks that race with transfers which are
// done at once. Every transfer must end.
func TestUnlinkStorm(t *testing.T) {
	r := serve(t)
	d := r.attach(t, "1-5")
	configure(t, d, 3)
	for range 300 {
		done := make(chan error, 8)
		var ts [8]usb.Transfer
		for i := range ts {
			ts[i] = usb.Transfer{Endpoint: 0x02, Type: usb.Bulk, Data: make([]byte, 1024)}
			ts[i].Done = func(x *usb.Transfer) { done <- x.Err }
			require.NoError(t, d.Submit(&ts[i]))
		}
		d.Cancel(&ts[4])
		d.Cancel(&ts[6])
		for range ts {
			select {
			case err := <-done:
				if err != nil {
					require.ErrorIs(t, err, usb.ECONNRESET)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("a transfer never ended")
			}
		}
	}
}
