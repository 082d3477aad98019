// Package bench measures what dispatch costs, what each layer adds, how it grows, and how all that
// compares with the kernel below.
//
// A [Case] is one benchmark. Its name is a path, so that benchstat groups by it and -bench picks by
// it:
//
//	Dispatch      one call: a bare indirect call, a switch, a table, an open file, a descriptor; a
//	              driver in Go and one in C
//	Registration  register_chrdev and cdev_add, and open, as the tables fill
//	Throughput    bytes through each path, 1 B to 1 MiB a call
//	Module        insmod and rmmod, kernels
//	Parallel      several readers
//	Latency       percentiles
//	USB           transfers on the bus and over USB/IP
//	Host          the same calls of the kernel that the program runs on
//
// The same cases run under `go test -bench` and from the installed program.
//
// References:
//   - [benchfmt] Go proposal 14313, the format of benchmark results
//   - [lkm] the handout "Loadable Kernel Module", section 3
package bench

import (
	"errors"
	"slices"
	"testing"
)

// Case is one benchmark.
type Case struct {
	// Name is a path without the word Benchmark: "Dispatch/go/read/1".
	Name string
	// Run sets up, measures and cleans up. It loops with b.Loop, or over b.N where several
	// goroutines share the work, and reports allocations.
	//
	// Errors: wrapping ErrSkip with the reason, where the case cannot run on this host; any other
	// is a failure.
	Run func(b *testing.B) error
}

// ErrSkip is what a case's error wraps when the host lacks something.
var ErrSkip = errors.New("not possible on this host")

// Cases are all benchmarks, in the order of the report.
func Cases() []Case {
	all := slices.Concat(dispatch(), registration(), throughput(), modules(), parallel(), latency(), usbTransfers(), host())
	for i := range all {
		run := all[i].Run
		all[i].Run = func(b *testing.B) error {
			b.ReportAllocs()
			return run(b)
		}
	}
	return all
}

// closing adds what a clean-up says to the error of the function that defers it.
func closing(err *error, f func() error) { *err = errors.Join(*err, f()) }
