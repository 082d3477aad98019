//go:build unix

package described

import (
	"bytes"
	"testing"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/pcap"
	"github.com/stretchr/testify/require"
)

// A device that was captured is described with the same descriptors, and answers what it answered.
func TestLearn(t *testing.T) {
	near, _ := serial.Straight(serial.Max)
	for _, c := range []struct {
		name  string
		fn    usb.Function
		speed usb.Speed
		ask   usb.Setup
	}{
		{"keyboard", hidkbd.New(), usb.FullSpeed, usb.Setup{RequestType: 0x81, Request: usb.GetDescriptor, Value: usb.DescReport << 8, Length: 200}},
		{"port", cdcacm.New(near, "X1"), usb.HighSpeed, usb.Setup{RequestType: 0xa1, Request: 0x21, Length: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var capture bytes.Buffer
			rec, err := pcap.NewRecorder(&capture)
			require.NoError(t, err)
			bus := usb.NewBus(1, 2)
			bus.Tap(rec)
			slot, err := bus.Plug("1", usb.MustNew(c.fn, c.speed))
			require.NoError(t, err)
			ctx := ask(t)
			host := func(s *usb.Slot) (*usb.Descriptors, string) {
				_, err := usb.Request(ctx, s, 0, usb.SetAddress, 5, 0, nil)
				require.NoError(t, err)
				d, err := usb.ReadDescriptors(ctx, s)
				require.NoError(t, err)
				_, err = usb.Request(ctx, s, 0, usb.SetConfiguration, 1, 0, nil)
				require.NoError(t, err)
				b := make([]byte, c.ask.Length)
				n, err := usb.Request(ctx, s, c.ask.RequestType, c.ask.Request, c.ask.Value, c.ask.Index, b)
				require.NoError(t, err)
				return d, string(b[:n])
			}
			d, answer := host(slot)
			require.NoError(t, bus.Unplug("1"))
			require.NoError(t, rec.Close())
			events, err := pcap.Read(&capture)
			require.NoError(t, err)
			text, err := Learn("x.pcapng", events, 0, 0)
			require.NoError(t, err)
			spec, err := Parse("x.yaml", "", text)
			require.NoError(t, err, "%s", text)
			again, err := usb.New(New(spec), spec.Speed)
			require.NoError(t, err)
			slot, err = bus.Plug("2", again)
			require.NoError(t, err)
			d2, answer2 := host(slot)
			require.Equal(t, d, d2)
			require.Equal(t, answer, answer2)
		})
	}
}
