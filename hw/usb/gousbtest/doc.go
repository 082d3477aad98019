// Package gousbtest tests programs that use github.com/google/gousb with emulated devices: no hardware, no cgo, no libusb, no root, and no
// change to the program. gousb cannot be faked from outside (google/gousb#75 asks for it): its types are structs that hold libusb's.
// This package has the same types with the same methods on the devices of hw/usb; package gousbtest/gousb gives them gousb's own
// names; and the go command puts that package in gousb's place for a test.
//
// References:
//
//	[gousb]  https://pkg.go.dev/github.com/google/gousb@v1.1.3
//	[libusb] libusb 1.0.26, https://github.com/libusb/libusb
package gousbtest
