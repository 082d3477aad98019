//go:build !linux

package bench

import (
	"fmt"
	"runtime"
	"testing"
)

// host has the names of Linux's cases; none of them runs here.
func host() []Case {
	var cases []Case
	for _, name := range []string{"read/1", "write/1", "ioctl", "poll", "lseek", "open+close"} {
		cases = append(cases, Case{"Host/" + name, func(*testing.B) error { return notLinux() }})
	}
	return cases
}

// hostPaths likewise.
func hostPaths() []path {
	return []path{
		{"host-zero", "host-null", openDoor},
		{"host-pipe", "host-pipe", openDoor},
		{"host-pty", "host-pty", openDoor},
	}
}

func openDoor() (*ends, error) { return nil, notLinux() }

func notLinux() error {
	return fmt.Errorf("bench: %w: the comparison needs Linux's system calls, this is %s", ErrSkip, runtime.GOOS)
}
