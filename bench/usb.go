package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/kobench/kobench/hw/usb"
)

// usbTransfers measures single transfers: on a bus of this process, of a device over USB/IP on the
// loop-back interface, and beside it what TCP takes there and back for as many bytes.
//
//	USB/{bus,usbip}/control       GET_STATUS, two bytes in
//	USB/{bus,usbip}/bulk/SIZE     an IN transfer, whose bytes the device writes
//	USB/tcp/echo/SIZE             a byte there, and SIZE bytes back: what an IN transfer takes at
//	                              least
func usbTransfers() []Case {
	var all []Case
	for _, path := range []struct {
		name string
		open func() (usb.Device, func() error, error)
	}{{"bus", busDevice}, {"usbip", importedDevice}} {
		with := func(name string, run func(*testing.B, usb.Device) error) {
			all = append(all, Case{"USB/" + path.name + "/" + name, func(b *testing.B) (err error) {
				d, stop, err := path.open()
				if err != nil {
					return err
				}
				defer closing(&err, stop)
				return run(b, d)
			}})
		}
		with("control", getStatus)
		for _, size := range []int{1, 65536} {
			with(fmt.Sprintf("bulk/%d", size), func(b *testing.B, d usb.Device) error { return bulkIn(b, d, size) })
		}
	}
	for _, size := range []int{1, 65536} {
		all = append(all, Case{fmt.Sprintf("USB/tcp/echo/%d", size), func(b *testing.B) error { return tcpEcho(b, size) }})
	}
	return all
}

func busDevice() (usb.Device, func() error, error) {
	bus, slot, err := plugged()
	if err != nil {
		return nil, nil, err
	}
	return slot, func() error { return bus.Unplug(slot.Path()) }, nil
}

func getStatus(b *testing.B, d usb.Device) error {
	t := usb.Transfer{Type: usb.Control, Data: make([]byte, 2), Setup: usb.Setup{RequestType: usb.DirIn, Request: usb.GetStatus, Length: 2}}
	for b.Loop() {
		if err := usb.Do(context.Background(), d, &t); err != nil {
			return err
		}
	}
	return nil
}

func bulkIn(b *testing.B, d usb.Device, size int) error {
	pipes, err := openBulk(d)
	if err != nil {
		return err
	}
	p := make([]byte, size)
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := pipes.Read(p); err != nil {
			return err
		}
	}
	return nil
}

// tcpEcho sends a byte and waits for size bytes.
func tcpEcho(b *testing.B, size int) (err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("bench: %w: listen on loopback: %w", ErrSkip, err)
	}
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		p := make([]byte, size)
		for {
			if _, err := io.ReadFull(c, p[:1]); err != nil {
				done <- nil
				return
			}
			if _, err := c.Write(p); err != nil {
				done <- err
				return
			}
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer closing(&err, func() error { return errors.Join(c.Close(), l.Close(), <-done) })
	p, one := make([]byte, size), make([]byte, 1)
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := c.Write(one); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, p); err != nil {
			return err
		}
	}
	return nil
}
