package serial8250_test

import (
	"testing"

	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// What passes through terminal, driver and UART allocates nothing once the buffers have their size,
// whether the reader finds it or has to wait.
func TestStreamAllocatesNothing(t *testing.T) {
	k := boot(t, serial.Loopback(serial.Max))
	c, err := terminal.Open(k, "/dev/ttyS0", serial.Format8N1(115200))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	// below what a terminal holds: the one goroutine writes all of it first
	for _, size := range []int{1, 64, 2048} {
		out, in := make([]byte, size), make([]byte, size)
		for i := range out {
			out[i] = byte(i) // 255 is doubled on the way up
		}
		there := func() {
			if _, err := c.Write(out); err != nil {
				t.Error("write:", err)
			}
			for n := 0; n < size; {
				k, err := c.Read(in[n:])
				if err != nil {
					t.Error("read:", err)
					return
				}
				n += k
			}
		}
		for range 20 {
			there()
		}
		require.Equal(t, out, in)
		// The other goroutines' allocations count as well: the average over many is below one, and
		// nothing else is at work.
		require.Zero(t, testing.AllocsPerRun(500, there), "%d bytes there and back", size)
	}
}
