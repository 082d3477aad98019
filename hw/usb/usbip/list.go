package usbip

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

func dial(ctx context.Context, addr string) (net.Conn, func() bool, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, &usb.Error{Op: "usbip", Where: addr, Errno: usb.ENODEV, Reason: "no connection; is a USB/IP server running there?", Err: err}
	}
	return c, context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }), nil
}

// List asks the server at addr (host:port) what it exports.
//
// Errors: ENODEV without a connection; EPROTO for an answer that breaks the protocol.
func List(ctx context.Context, addr string) ([]Info, error) {
	c, stop, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer stop()
	if _, err := c.Write(op(opReqDevlist, 0)); err != nil {
		return nil, err
	}
	return readList(bufio.NewReader(c))
}

func readList(r io.Reader) ([]Info, error) {
	if err := expect(r, opRepDevlist, "the list"); err != nil {
		return nil, err
	}
	var b [deviceSize]byte
	if _, err := io.ReadFull(r, b[:4]); err != nil {
		return nil, protocol("the list has no count: %v", err)
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > devlistOf {
		return nil, protocol("the list has %d devices; up to %d are believed", n, devlistOf)
	}
	var infos []Info
	for range n {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, protocol("the list ended after %d of %d devices: %v", len(infos), n, err)
		}
		i, k := parseInfo(b[:])
		f := make([]byte, 4*k)
		if _, err := io.ReadFull(r, f); err != nil {
			return nil, protocol("the list ended within the interfaces of %s: %v", i.BusID, err)
		}
		for ; len(f) > 0; f = f[4:] {
			i.Interfaces = append(i.Interfaces, usb.Interface{Number: uint8(len(i.Interfaces)), Class: f[0], SubClass: f[1], Protocol: f[2]})
		}
		infos = append(infos, i)
	}
	return infos, nil
}

func expect(r io.Reader, want uint16, what string) error {
	code, status, err := readOp(r)
	switch {
	case err != nil && usb.ErrnoOf(err) == usb.EPROTO:
		return err
	case err != nil:
		return protocol("no answer to %s: %v", what, err)
	case code != want:
		return protocol("operation %#04x came in answer to %s; %#04x was expected", code, what, want)
	case status == stBusy:
		return &usb.Error{Op: "usbip", Errno: usb.EBUSY, Reason: what + " was refused: the device is in use"}
	case status != stOK:
		return &usb.Error{Op: "usbip", Errno: usb.ENODEV, Reason: fmt.Sprintf("%s was refused with status %d; is the device exported (usbip bind)?", what, status)}
	}
	return nil
}
