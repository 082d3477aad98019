// Package catalog lists the drivers that are linked into the program. A kernel booted with All
// finds them by name, like module files in a directory.
package catalog

import (
	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/drivers/serial8250"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/drivers/usb/cdcacm"
	"github.com/kobench/kobench/drivers/usb/ftdisio"
	"github.com/kobench/kobench/drivers/usb/skeleton"
	"github.com/kobench/kobench/drivers/usb/usbserial"
	"github.com/kobench/kobench/drivers/usb/usbtest"
	"github.com/kobench/kobench/drivers/usb/usbtmc"
	"github.com/kobench/kobench/kernel"
)

// All are the drivers by module name. Each function builds a module anew for every load.
func All() map[string]func() *kernel.Module {
	return map[string]func() *kernel.Module{
		// A board replaces these two by ones that know its chips and its bus.
		"8250":         func() *kernel.Module { return serial8250.New(nil) },
		"usbcore":      func() *kernel.Module { return usb.New() },
		"loopback":     loopback.New,
		"mem":          mem.New,
		"usbserial":    usbserial.New,
		"ftdi_sio":     ftdisio.New,
		"cdc_acm":      cdcacm.New,
		"usbtest":      usbtest.New,
		"usbtmc":       usbtmc.New,
		"usb_skeleton": skeleton.New,
	}
}
