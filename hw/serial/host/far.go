package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/kobench/kobench/hw/serial"
)

// DialUnix connects to a stream socket of this computer.
func DialUnix(ctx context.Context, path string) (*TCP, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("serial: unix: %w", err)
	}
	return &TCP{c, "unix:" + path}, nil
}

// Listen makes the far end of a line wait for the program that is the device: at a TCP address, or,
// where addr has a slash, at a stream socket of this computer. One after another may come;
// meanwhile bytes go nowhere else but to the line's buffer.
//
// Errors: the address cannot be had; ctx's end is none.
func Listen(ctx context.Context, far *serial.Port, addr string) error {
	network := "tcp"
	if strings.Contains(addr, "/") {
		network = "unix"
		if c, err := net.Dial(network, addr); err == nil {
			c.Close()
		} else if st, err := os.Lstat(addr); err == nil && st.Mode()&os.ModeSocket != 0 {
			_ = os.Remove(addr) // one that was left behind
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, network, addr)
	if err != nil {
		return fmt.Errorf("serial: listen: %w", err)
	}
	far.SetAuto(true)
	_ = far.SetSignals(serial.DCEOutputs, serial.CTS|serial.DSR)
	defer func() { _ = far.SetSignals(serial.DCEOutputs, 0) }()
	return ended(ctx, ServeTCP(ctx, l, &farEnd{far}))
}

// ServeFar makes the far end of a line a pseudo terminal that the program that is the device opens,
// by a symbolic link. CTS, DSR and DCD are on while it has it open; its rate does not matter.
//
// Errors: as [OpenPTY]; ctx's end is none.
func ServeFar(ctx context.Context, far *serial.Port, link string) error {
	p, err := OpenPTY(link)
	if err != nil {
		return err
	}
	far.SetAuto(true)
	return errors.Join(ended(ctx, p.Serve(ctx, &farEnd{far})), p.Close())
}

// ended is nil where something ended because it was told to.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// farEnd is the device's end of a line to a program that takes it for its own serial port: it has
// no rate of its own, and its DTR is the device's readiness.
type farEnd struct{ *serial.Port }

// SetMode changes nothing: the end follows the host's.
func (f *farEnd) SetMode(serial.Mode) error { return nil }

// SetSignals shows the host a device that is ready, or none.
func (f *farEnd) SetSignals(mask, value serial.Signals) error {
	if mask&serial.DTR == 0 {
		return nil
	}
	on := serial.Signals(0)
	if value&serial.DTR != 0 {
		on = serial.CTS | serial.DSR | serial.DCD
	}
	return f.Port.SetSignals(serial.CTS|serial.DSR|serial.DCD, on)
}
