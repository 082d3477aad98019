package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// TCP is a raw TCP connection as a serial end: bytes, and nothing else.
type TCP struct {
	net.Conn
	name string
}

// DialTCP connects to a TCP address.
func DialTCP(ctx context.Context, addr string) (*TCP, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serial: tcp: %w", err)
	}
	return &TCP{c, "tcp://" + addr}, nil
}

// SetMode says EOPNOTSUPP: a raw connection carries no mode.
func (t *TCP) SetMode(m serial.Mode) error {
	return serial.Unsupported("mode", t.name, "a raw TCP connection carries bytes only; use rfc2217://", nil)
}

// Read is [serial.Conn]'s.
func (t *TCP) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	return n, t.fix("read", err)
}

// Write is [serial.Conn]'s.
func (t *TCP) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	return n, t.fix("write", err)
}

func (t *TCP) fix(op string, err error) error {
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, net.ErrClosed):
		return os.ErrClosed
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &serial.Error{Op: op, Port: t.name, Reason: "the other side closed the connection", Errno: syscall.ENODEV, Err: err}
	}
	return err
}

// ServeTCP gives conn to one network client after another, as bytes only. A second client is turned
// away while the first is there; one that comes while it leaves has its turn.
//
// Errors: as [Serve2217].
func ServeTCP(ctx context.Context, l net.Listener, conn serial.Conn) error {
	return serve(ctx, l, func(ctx context.Context, c net.Conn, left func()) error {
		return splice(ctx, &TCP{c, "tcp"}, conn, left)
	})
}

// splice carries bytes both ways until the client goes or conn fails; conn stays open.
func splice(ctx context.Context, client io.ReadWriteCloser, conn serial.Conn, left func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wr, _ := conn.(interface{ SetWriteDeadline(time.Time) error })
	conn.SetReadDeadline(time.Time{})
	if wr != nil {
		wr.SetWriteDeadline(time.Time{})
	}
	settled := afterFunc(ctx, func() {
		client.Close()
		conn.SetReadDeadline(time.Now())
		if wr != nil {
			wr.SetWriteDeadline(time.Now())
		}
	})
	var wg sync.WaitGroup
	var devErr error
	wg.Go(func() {
		defer cancel()
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					devErr = err
				}
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			break
		}
		if _, err = conn.Write(buf[:n]); err != nil {
			break
		}
	}
	left()
	cancel()
	wg.Wait()
	settled()
	conn.SetReadDeadline(time.Time{})
	if wr != nil {
		wr.SetWriteDeadline(time.Time{})
	}
	if devErr != nil {
		return errDevice{devErr}
	}
	return nil
}
