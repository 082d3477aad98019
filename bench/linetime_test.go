package bench

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A while of a paced line at 115200 8N1 under testing/synctest: line seconds for each real second.
func TestLineTime(t *testing.T) {
	const seconds = 20
	const size = seconds * 11520
	start := time.Now()
	var line time.Duration
	synctest.Test(t, func(t *testing.T) {
		m, err := machine("paced")
		require.NoError(t, err)
		c, err := openTerminal(m, "ttyS0")
		require.NoError(t, err)
		begin := time.Now()
		go func() { _, _ = c.Write(make([]byte, size)) }()
		_, err = io.ReadFull(c, make([]byte, size))
		require.NoError(t, err)
		line = time.Since(begin)
		require.NoError(t, c.Close())
		require.NoError(t, m.Close())
	})
	require.InDelta(t, seconds, line.Seconds(), 0.1)
	t.Logf("%.0f s of line time in %v: %.0f to 1", line.Seconds(), time.Since(start), line.Seconds()/time.Since(start).Seconds())
}
