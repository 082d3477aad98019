package fault

import (
	"testing"
	"time"

	"github.com/kobench/kobench/hw/usb"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	got, err := Parse("crc=0.01, stall@3 on 0x81,nak@2/100ms , disconnect@500 on control")
	require.NoError(t, err)
	require.Equal(t, []Rule{
		{Kind: CRC, Rate: 0.01}, {Kind: Stall, At: 3, Endpoint: 0x81}, {Kind: NAK, At: 2, For: 100 * time.Millisecond}, {Kind: Disconnect, At: 500, Control: true},
	}, got)
	got, err = Parse(" ")
	require.NoError(t, err)
	require.Empty(t, got)
	for _, bad := range []string{"crc", "crc=2", "crc=x", "crash=0.1", "stall@0", "stall@x", "nak@1", "nak@1/soon", "nak@1/-1s", "stall@1 on 0x80", "stall@1 on 300", "stall=0"} {
		_, err := Parse(bad)
		require.ErrorIs(t, err, usb.EINVAL, bad)
	}
}
