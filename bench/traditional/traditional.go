// Package traditional is the kernel of section 3 of the handout, before loadable modules: each
// system call is one switch statement over the major numbers, so that a new driver means a new case
// in every switch and a new kernel. It does nothing but dispatch; it is here to be measured beside
// the tables that register_chrdev fills.
//
// The switches are written by `go generate`, for kernels with 4, 64 and 512 drivers.
//
// References: [lkm] the handout "Loadable Kernel Module", section 3.
package traditional

import (
	_ "embed" // the switches' source
	"errors"
	"fmt"
	"strings"
)

//go:generate go run ./gen -o switch_gen.go

// ErrNoDevice is what a switch answers for a major without a case: ENXIO.
var ErrNoDevice = errors.New("no such device or address")

// Kernel is a system call interface with a fixed set of drivers, majors 0 to Drivers-1.
type Kernel struct {
	Drivers int
	Read    func(major uint32, p []byte) (int, error)
	Write   func(major uint32, p []byte) (int, error)
	Ioctl   func(major uint32, cmd uint32) (int, error)
}

//go:embed switch_gen.go
var source string

// Source is the switch of read in a kernel of so many drivers, as it was built; "" if there is
// none.
func Source(drivers int) string {
	_, text, ok := strings.Cut(source, fmt.Sprintf("\nfunc read%d(", drivers))
	if !ok {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n}\n")
	return fmt.Sprintf("func read%d(%s\n}\n", drivers, text)
}

// Kernels are the kernels that have been built, smallest first.
func Kernels() []Kernel {
	return []Kernel{
		{4, read4, write4, ioctl4},
		{64, read64, write64, ioctl64},
		{512, read512, write512, ioctl512},
	}
}

// The drivers: every fourth major is of one kind. They are kept from being inlined into the switch,
// as code of other files of a kernel is.

//go:noinline
func nullRead([]byte) (int, error) { return 0, nil }

//go:noinline
func zeroRead(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

//go:noinline
func onesRead(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

//go:noinline
func failRead([]byte) (int, error) { return 0, ErrNoDevice }

//go:noinline
func nullWrite(p []byte) (int, error) { return len(p), nil }

//go:noinline
func zeroWrite(p []byte) (int, error) { return len(p), nil }

//go:noinline
func onesWrite(p []byte) (int, error) { return len(p), nil }

//go:noinline
func failWrite([]byte) (int, error) { return 0, ErrNoDevice }

//go:noinline
func nullIoctl(cmd uint32) (int, error) { return int(cmd), nil }

//go:noinline
func zeroIoctl(cmd uint32) (int, error) { return int(cmd) + 1, nil }

//go:noinline
func onesIoctl(cmd uint32) (int, error) { return int(cmd) + 2, nil }

//go:noinline
func failIoctl(uint32) (int, error) { return 0, ErrNoDevice }
