package usbip

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
)

// pipes is a listener whose connections come from within the program.
type pipes struct {
	net.Listener
	in  chan net.Conn
	end chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.in:
		return c, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { close(p.end); return nil }

// Peers that say nothing are not worth a line of the log; of those that talk nonsense it gets ten
// in five seconds.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log []string
		s := NewServer(func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, fmt.Sprintf(format, args...))
		}, usb.NewBus(1, 1))
		l := &pipes{in: make(chan net.Conn), end: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, l) }()
		connect := func(n int, say string) {
			for range n {
				here, there := net.Pipe()
				l.in <- there
				_, _ = here.Write([]byte(say))
				here.Close()
			}
			synctest.Wait()
		}
		connect(2*maxConns, "")
		require.Empty(t, log)
		var silent []net.Conn
		for range 2 * maxConns { // half of them make room
			here, there := net.Pipe()
			l.in <- there
			silent = append(silent, here)
			synctest.Wait()
		}
		for _, c := range silent {
			c.Close()
		}
		synctest.Wait()
		require.Empty(t, log)
		connect(100, "nonsense")
		require.Len(t, log, logLines)
		require.Contains(t, log[0], "usbip: version")
		time.Sleep(logTime)
		connect(1, "nonsense")
		require.Len(t, log, logLines+2)
		require.Equal(t, "90 messages suppressed", log[logLines])
		stop()
		require.NoError(t, <-served)
	})
}
