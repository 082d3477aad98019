package usbtest

import (
	"encoding/binary"

	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/kernel"
)

// Ask is the user space side, Linux's testusb: it opens a node of usbfs, such as
// /dev/bus/usb/001/002, and asks the driver of interface 0 for a test. p.Duration is how long that
// took.
//
// Errors: ENODATA no driver has the interface; EOPNOTSUPP it is another one, or the device cannot
// do the test; those of the test.
func Ask(t *kernel.Task, node string, p *Params) error {
	fd, err := t.Open(node, kernel.O_RDWR)
	if err != nil {
		return err
	}
	defer t.Close(fd)
	b := binary.LittleEndian.AppendUint32(nil, 0)
	b = binary.LittleEndian.AppendUint32(b, Request)
	b = append(b, make([]byte, 8)...)
	b = p.Append(b)
	if _, err = t.Ioctl(fd, usb.USBDEVFS_IOCTL, kernel.Arg{Buf: b}); err != nil {
		return err
	}
	return p.Parse(b[16:])
}
