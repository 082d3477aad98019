//go:build !libusb || !cgo

package host

import "github.com/kobench/kobench/hw/usb"

// Device is a real device. It implements [usb.Device].
type Device struct{ usb.Device }

// Open fails: this program was built without libusb.
func Open(ID, ...Option) (*Device, error) {
	return nil, &usb.Error{
		Op: "open", Where: "a real device", Errno: usb.EOPNOTSUPP,
		Reason: "this program was built without libusb; install libusb-1.0-0-dev and build with -tags libusb and cgo",
	}
}

// Close has nothing to give back.
//
// Errors: none.
func (d *Device) Close() error { return nil }
