package ftdisio

import (
	"testing"

	"github.com/kobench/kobench/drivers/tty"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/stretchr/testify/require"
)

// The divisors of [AN232B-5], and those at the edges.
func TestDivisor(t *testing.T) {
	for _, c := range []struct {
		baud         uint32
		value, index uint16
		got          uint32
	}{
		{300, 10000, 0, 300},
		{9600, 312 | 1<<14, 0, 9600}, // 312.5
		{38400, 78 | 3<<14, 0, 38400},
		{115200, 26, 0, 115385},
		{921600, 3 | 2<<14, 0, 923077},
		{2_000_000, 1, 0, 2_000_000},
		{3_000_000, 0, 0, 3_000_000},
		{490_000, 6 | 3<<14, 0, 489796}, // 6.125
		{470_588, 6, 1, 470588},         // 6.375: the third bit of the fraction stands in the index
	} {
		value, index, got := divisor(c.baud)
		require.Equal(t, c.value, value, c.baud)
		require.Equal(t, c.index, index, c.baud)
		require.Equal(t, c.got, got, c.baud)
	}
}

// What the chip cannot do is corrected before it is asked.
func TestAdjust(t *testing.T) {
	for _, c := range []struct {
		name        string
		baud, cflag uint32
		custom      int32
		wantBaud    uint32
		wantSize    uint32
	}{
		{"as it is", 115200, tty.CS8, 0, 115200, tty.CS8},
		{"seven bits", 9600, tty.CS7, 0, 9600, tty.CS7},
		{"five bits become eight", 9600, tty.CS5, 0, 9600, tty.CS8},
		{"too fast", 3_500_000, tty.CS8, 0, 9600, tty.CS8},
		{"too slow", 110, tty.CS8, 0, 9600, tty.CS8},
		{"far from a divisor", 2_500_000, tty.CS8, 0, 2_400_000, tty.CS8},
		{"custom divisor", 38400, tty.CS8, 24_000_000 / 250_000, 38400, tty.CS8},
	} {
		t.Run(c.name, func(t *testing.T) {
			chip := &chip{}
			if c.custom > 0 {
				chip.async, chip.custom = tty.ASYNC_SPD_CUST, c.custom // +checklocksignore
				require.EqualValues(t, 250_000, chip.divided(c.baud))
			}
			tm := tty.RawTermios(c.baud)
			tm.Cflag = tm.Cflag&^tty.CSIZE | c.cflag
			chip.Adjust(&tm)
			require.Equal(t, c.wantBaud, tm.Baud())
			require.Equal(t, c.wantSize, tm.Cflag&tty.CSIZE)
		})
	}
}

func TestName(t *testing.T) {
	require.Equal(t, "FT232R", name(0x0600))
	require.Equal(t, "FT-X", name(0x1000))
	require.Empty(t, name(hw.BCD(0x0300)))
}

func TestLines(t *testing.T) {
	require.EqualValues(t, tty.TIOCM_CTS|tty.TIOCM_CAR, lines(0x90))
	require.EqualValues(t, tty.TIOCM_DSR|tty.TIOCM_RNG, lines(0x60))
	require.Zero(t, lines(0x0f))
}
