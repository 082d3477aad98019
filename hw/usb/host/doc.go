// Package host brings real USB devices onto the simulated bus, through libusb
// (github.com/google/gousb). It needs cgo, libusb-1.0 and the build tag libusb; without the tag
// [Open] says so.
//
//	dev, err := host.Open(host.ID{Vendor: 0x0403, Product: 0x6001})
//	bus.Plug("", dev)
//	…
//	dev.Unplug() // the host's own driver gets the device back
//
// A kernel driver that has the device is detached while the device is configured here, and attached
// again by Unplug. Transfers on different endpoints run at the same time, and several on each
// endpoint ([Option] InFlight): they are handed to libusb and completed in order, each is exactly
// one of libusb's, and is really cancelled. A device that is pulled out is noticed by the next
// transfer, or within a second.
//
// What it does not do: isochronous transfers (EOPNOTSUPP); keeping what a read had when it failed,
// with InFlight above 1; cancelling a control transfer, which ends by its time-out instead;
// resetting the host's data toggle with CLEAR_FEATURE(HALT), which gousb does not offer.
//
// References:
//
//	[libusb] libusb-1.0 API, https://libusb.sourceforge.io/api-1.0/
package host

import "time"

// ID says which device. Bus and Address narrow it down; 0 is any.
type ID struct {
	Vendor, Product uint16
	Bus, Address    int
}

// Option changes how a device is used.
type Option struct {
	InFlight       int           // transfers under way in libusb on each endpoint; 0 is 4
	ControlTimeout time.Duration // 0 is 5 s
}
