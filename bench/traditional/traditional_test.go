package traditional_test

import (
	"strings"
	"testing"

	"github.com/kobench/kobench/bench/traditional"
	"github.com/stretchr/testify/require"
)

func TestEveryCase(t *testing.T) {
	for _, k := range traditional.Kernels() {
		for major := range uint32(k.Drivers) {
			p := []byte{7, 7}
			n, err := k.Read(major, p)
			switch major % 4 {
			case 0:
				require.Zero(t, n)
				require.NoError(t, err)
			case 1:
				require.Equal(t, []byte{0, 0}, p)
			case 2:
				require.Equal(t, []byte{1, 1}, p)
			case 3:
				require.ErrorIs(t, err, traditional.ErrNoDevice)
			}
		}
		_, err := k.Read(uint32(k.Drivers), nil)
		require.ErrorIs(t, err, traditional.ErrNoDevice, "no case")
	}
}

// The source that is shown is that of the kernel that was built.
func TestSource(t *testing.T) {
	for _, k := range traditional.Kernels() {
		text := traditional.Source(k.Drivers)
		require.Equal(t, k.Drivers, strings.Count(text, "\tcase "), "%d drivers", k.Drivers)
		require.True(t, strings.HasSuffix(text, "\n}\n"))
	}
	require.Empty(t, traditional.Source(5))
}
