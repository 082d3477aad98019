package ko_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko"
)

// Regions are claimed once, ports where nothing is give all ones, and jiffies moves by itself.
func TestIoregion(t *testing.T) {
	k := boot(t, ko.Config{})
	require.NoError(t, insmod(t, k, "ioregion", ""), k.Log.Text())
	var lines []string
	for _, l := range logged(k) {
		if text, ok := strings.CutPrefix(l, "ioregion: "); ok && !strings.Contains(l, "taint") {
			lines = append(lines, text)
		}
	}
	require.Equal(t, []string{
		"claimed 1, ports 4f0 to 4f7",
		"a part of it again: 0",
		"inb ff, inw ffff, inl ffffffff, insb ff ff",
		"given back, claimed again 1",
		"the clock went on: 1",
	}, lines)
	rmmod(t, k, "ioregion")
}
