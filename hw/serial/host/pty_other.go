//go:build !unix

package host

import (
	"context"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

func noPTY() error {
	return serial.Unsupported("pty", "", "this system has no pseudo terminals: use a TCP end", nil)
}

// PTYPair needs a Unix system.
//
// Errors: EOPNOTSUPP, always.
func PTYPair() (master, slave *TTY, err error) { return nil, nil, noPTY() }

// PTY is a way in for other programs; there is none here.
type PTY struct{}

// OpenPTY needs a Unix system.
//
// Errors: EOPNOTSUPP, always.
func OpenPTY(string) (*PTY, error) { return nil, noPTY() }

// Watch is for systems that have pseudo terminals.
type Watch struct{}

// NewWatch makes one.
func NewWatch(time.Duration) *Watch { return &Watch{} }

// OpenPTY needs a Unix system.
//
// Errors: EOPNOTSUPP, always.
func (*Watch) OpenPTY(string) (*PTY, error) { return nil, noPTY() }

// Close ends it.
func (*Watch) Close() error { return nil }

// Path is empty.
func (*PTY) Path() string { return "" }

// Device is empty.
func (*PTY) Device() string { return "" }

// Close does nothing.
func (*PTY) Close() error { return nil }

// Greet does nothing.
func (*PTY) Greet() {}

// Serving is never closed.
func (*PTY) Serving() <-chan struct{} { return nil }

// Serve fails at once.
func (*PTY) Serve(context.Context, serial.Conn) error { return noPTY() }
