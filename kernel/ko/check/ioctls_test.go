package check

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbers that a driver compares with are found, whatever else looks like one.
func TestCommands(t *testing.T) {
	image, err := os.ReadFile("../../../fixtures/ko/chrb.ko")
	require.NoError(t, err)
	require.Contains(t, commands(image), uint32(0x6b01), "CHRB_ADD_ONE")
	require.Equal(t, []uint32{0x80046b01}, commands([]byte{0x41, 0x81, 0xd6, 0x91, 0x80, 0x78}), "_IOR('k', 1, int)")
	require.Empty(t, commands([]byte{0x41, 0x80}), "cut off")
	require.Empty(t, commands(nil))
}
