//go:build !linux && !windows && !cgo

package host

import "github.com/kobench/kobench/hw/serial"

// OpenPort needs cgo on this system, as tarm/serial does.
//
// Errors: EOPNOTSUPP, always.
func OpenPort(name string, _ serial.Mode) (*TTY, error) {
	return nil, serial.Unsupported("open", name, "real ports need cgo on this system: build with CGO_ENABLED=1", nil)
}
