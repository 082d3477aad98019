package main

import (
	"fmt"
	"strings"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/usb/usbtest"
	"github.com/kobench/kobench/kernel"
)

// usb tries every device on the USB bus, through the node that its driver made or with the cases of
// testusb.
func (d *demo) usb(t *kernel.Task, msg []byte) {
	for _, p := range d.sim.Plugged() {
		nodes := d.sim.Nodes(p)
		switch p.Kind {
		case "ftdi", "cdc-acm":
			driver := map[string]string{"ftdi": "ftdi_sio", "cdc-acm": "cdc_acm"}[p.Kind]
			if len(nodes) == 0 {
				d.check("usb "+p.Slot.Name(), driver, "Go", "has a terminal", 0, kernel.ENODEV, 0)
				continue
			}
			d.line(nodes[0], driver, p.Line, p.Device, msg)
		case "usbtmc":
			if len(nodes) == 0 {
				d.check("usb "+p.Slot.Name(), "usbtmc", "Go", "has a node", 0, kernel.ENODEV, 0)
				continue
			}
			n, err := d.query(t, "/dev/"+nodes[0], "*IDN?\n", "KOBENCH")
			d.check("/dev/"+nodes[0], "usbtmc", "Go", "*IDN? KOBENCH", n, err, 0)
		case "source-sink":
			d.check("usb "+p.Slot.Name(), "usbtest", "Go", "bulk out, in, queued, halt", 4*8*1024, d.testusb(t, p, 1, 2, 5, 6, 9, 13), 0)
		case "loopback":
			d.check("usb "+p.Slot.Name(), "usbtest", "Go", "chapter 9, queued control", 0, d.testusb(t, p, 9, 10), 0)
		}
	}
}

// query asks an instrument.
func (d *demo) query(t *kernel.Task, path, question, want string) (n int, err error) {
	err = d.with(t, path, func(fd int) error {
		if _, err := t.Write(fd, []byte(question)); err != nil {
			return err
		}
		b := make([]byte, 256)
		if n, err = t.Read(fd, b); err != nil {
			return err
		}
		if !strings.Contains(string(b[:n]), want) {
			return fmt.Errorf("it answered %q", b[:n])
		}
		return nil
	})
	return n, err
}

// testusb runs cases of testusb on a device.
func (d *demo) testusb(t *kernel.Task, p *board.Plugged, cases ...uint32) error {
	node := fmt.Sprintf("/dev/bus/usb/%03d/%03d", p.Slot.Bus().Number(), p.Slot.Address())
	for _, n := range cases {
		if err := usbtest.Ask(t, node, &usbtest.Params{Test: n, Iterations: 8, Length: 1024, Vary: 421, SGLen: 8}); err != nil {
			return fmt.Errorf("test %d: %w", n, err)
		}
	}
	return nil
}
