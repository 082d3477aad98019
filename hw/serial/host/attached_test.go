//go:build linux

package host

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// tiocmLoop is TIOCM_LOOP of Linux include/uapi/asm-generic/termios.h.
const tiocmLoop = 0x8000

// The suite on a port that is really there: KOBENCH_PORT=/dev/ttyUSB0 with a loop-back plug, or
// with KOBENCH_FAR=/dev/ttyUSB1 at the other end of a null modem. KOBENCH_LOOP=1 uses the chip's
// own loop-back mode (Linux TIOCM_LOOP) in place of a plug. KOBENCH_SKIP=break,lines leaves checks
// out.
func TestAttachedPort(t *testing.T) {
	name, far := os.Getenv("KOBENCH_PORT"), os.Getenv("KOBENCH_FAR")
	if name == "" {
		t.Skip("no port is attached: set KOBENCH_PORT, and KOBENCH_FAR or a loop-back plug")
	}
	skip := map[string]string{}
	for s := range strings.SplitSeq(os.Getenv("KOBENCH_SKIP"), ",") {
		skip[s] = "left out by KOBENCH_SKIP"
	}
	rep := serialtest.TestLine(t, serialtest.Setup{
		Name: name,
		Skip: skip,
		Wait: 300 * time.Millisecond,
		Open: func(context.Context) (serial.Conn, serial.Conn, error) {
			p := openPort(t, name)
			if os.Getenv("KOBENCH_LOOP") != "" {
				require.NoError(t, setLoop(p, unix.TIOCMBIS))
				t.Cleanup(func() { // the driver keeps it over a close
					if q, err := OpenPort(name, serial.DefaultMode); err == nil {
						_ = setLoop(q, unix.TIOCMBIC)
						q.Close()
					}
				})
			}
			if far == "" {
				return p, nil, nil
			}
			return p, openPort(t, far), nil
		},
	})
	for _, r := range rep.Results {
		if r.Status == serialtest.Skip {
			t.Logf("skip %s: %s", r.Check, r.Reason)
		}
	}
	figures(t, rep)
}

func setLoop(p *TTY, req uint) error {
	return p.control("loop", func(fd int) error { return unix.IoctlSetPointerInt(fd, req, tiocmLoop) })
}
