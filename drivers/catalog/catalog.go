// Package catalog lists the drivers that are linked into the program. A kernel booted with All finds them by
// name, like module files in a directory.
package catalog

import (
	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/drivers/serial8250"
	"github.com/kobench/kobench/kernel"
)

// All are the drivers by module name. Each function builds a module anew for every load.
func All() map[string]func() *kernel.Module {
	return map[string]func() *kernel.Module{
		// A board replaces this one by one that knows its chips.
		"8250":     func() *kernel.Module { return serial8250.New(nil) },
		"loopback": loopback.New,
		"mem":      mem.New,
	}
}
