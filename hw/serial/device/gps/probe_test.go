package gps

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A sentence counts when its checksum is right.
func TestProbe(t *testing.T) {
	_, answered, _ := new(Receiver).Probe()
	require.True(t, answered([]byte("CGA,x*00\r\n$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n")))
	require.False(t, answered([]byte("$GPGLL,4916.45,N,12311.12,W,225444,A*32\r\n")))
	require.False(t, answered([]byte("$GPGLL,4916.45")))
}
