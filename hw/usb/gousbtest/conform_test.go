package gousbtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/usb/gousbtest/gousb"
)

// conform does with a probe all that gousb can, right and wrong, and writes down what came of it.
// TestConform runs it with this package; TestOracleConform runs the same text with the real gousb
// on a real kernel.
func conform(w io.Writer) {
	c := &conformer{w: w}
	c.run()
}

type conformer struct {
	w   io.Writer
	dev *gousb.Device
}

// say writes a line without what differs from machine to machine.
func (c *conformer) say(format string, args ...any) {
	for i, a := range args {
		if err, ok := a.(error); ok {
			args[i] = name(err)
		}
	}
	s := regexp.MustCompile(`bus=\d+,addr=\d+`).ReplaceAllString(fmt.Sprintf(format, args...), "bus=B,addr=A")
	fmt.Fprintln(c.w, s)
}

// name is the text of an error and, of gousb's own types, the number.
func name(err error) string {
	var e gousb.Error
	var s gousb.TransferStatus
	switch {
	case errors.As(err, &e):
		return fmt.Sprintf("Error %d: %v", int(e), err)
	case errors.As(err, &s):
		return fmt.Sprintf("TransferStatus %d: %v", int(s), err)
	}
	return err.Error()
}

func (c *conformer) run() {
	ctx := gousb.NewContext()
	dev, err := ctx.OpenDeviceWithVIDPID(0x1209, 0xffff)
	c.say("no such device: %v %v", dev, err)
	devs, err := ctx.OpenDevices(func(d *gousb.DeviceDesc) bool { return d.Vendor == 0x1209 && d.Product == 0x42 })
	c.say("open: %d %v", len(devs), err)
	if len(devs) != 1 {
		return
	}
	c.dev = devs[0]
	c.say("%v", c.dev)
	c.describe()
	c.say("close the context: %v", ctx.Close())
	c.strings()
	c.control()
	c.claims(ctx)
	c.transfers()
	c.streams()
	c.isochronous()
	c.say("reset: %v", c.dev.Reset())
	n, err := c.dev.ActiveConfigNum()
	c.say("configuration: %d %v", n, err)
	c.unplug()
	c.closed(ctx)
}

func (c *conformer) describe() {
	d := c.dev.Desc
	c.say("%s", strings.TrimLeft(d.String(), "0123456789."))
	c.say("%v %v %v %v %v %v %v %v %d", d.Speed, d.Spec, d.Device, d.Vendor, d.Product, d.Class, d.SubClass, d.Protocol, d.MaxControlPacketSize)
	for _, n := range slices.Sorted(maps.Keys(d.Configs)) {
		cfg := d.Configs[n]
		c.say("%v: %d mA, %v %v", cfg, cfg.MaxPower, cfg.SelfPowered, cfg.RemoteWakeup)
		for _, f := range cfg.Interfaces {
			c.say("  %v", f)
			for _, s := range f.AltSettings {
				c.say("    %v: %v %v %v", s, s.Class, s.SubClass, s.Protocol)
				for _, a := range slices.Sorted(maps.Keys(s.Endpoints)) {
					c.say("      %v, %v", s.Endpoints[a], s.Endpoints[a].PollInterval)
				}
			}
		}
	}
}

func (c *conformer) strings() {
	for i, f := range []func() (string, error){
		c.dev.Manufacturer, c.dev.Product, c.dev.SerialNumber,
		func() (string, error) { return c.dev.ConfigDescription(2) },
		func() (string, error) { return c.dev.ConfigDescription(9) },
		func() (string, error) { return c.dev.InterfaceDescription(1, 0, 0) },
		func() (string, error) { return c.dev.InterfaceDescription(1, 1, 0) },
		func() (string, error) { return c.dev.InterfaceDescription(1, 0, 7) },
		func() (string, error) { return c.dev.InterfaceDescription(1, 7, 0) },
		func() (string, error) { return c.dev.GetStringDescriptor(99) },
	} {
		s, err := f()
		c.say("string %d: %q %v", i, s, err)
	}
}

func (c *conformer) control() {
	const in, out = gousb.ControlIn | gousb.ControlVendor | gousb.ControlDevice, gousb.ControlOut | gousb.ControlVendor | gousb.ControlDevice
	b := make([]byte, 64)
	n, err := c.dev.Control(in, 1, 0, 0, b)
	c.say("control in: %d %v %q", n, err, b[:max(n, 0)])
	n, err = c.dev.Control(in, 1, 0, 0, b[:3])
	c.say("control in, short: %d %v %q", n, err, b[:3])
	n, err = c.dev.Control(out, 3, 7, 0, nil)
	c.say("control out: %d %v", n, err)
	n, err = c.dev.Control(out, 99, 0, 0, nil)
	c.say("control stall: %d %v", n, err)
	n, err = c.dev.Control(in, 1, 0, 0, make([]byte, 4097))
	c.say("control of 4097 bytes: %d %v", n, err)
	c.dev.ControlTimeout = 50 * time.Millisecond
	n, err = c.dev.Control(in, 2, 0, 0, b)
	c.say("control time-out: %d %v", n, err)
	c.dev.ControlTimeout = 0
}

func (c *conformer) claims(ctx *gousb.Context) {
	_, err := c.dev.Config(9)
	c.say("config 9: %v", err)
	cfg, err := c.dev.Config(2)
	c.say("config 2: %v %v", cfg, err)
	n, err := c.dev.ActiveConfigNum()
	c.say("active: %d %v", n, err)
	c.say("close: %v %v", cfg.Close(), cfg.Close())
	cfg, err = c.dev.Config(1)
	c.say("config 1: %v", err)
	c.say("reset: %v", c.dev.Reset())
	_, err = cfg.Interface(7, 0)
	c.say("interface 7: %v", err)
	_, err = cfg.Interface(0, 7)
	c.say("setting 7: %v", err)
	f, err := cfg.Interface(0, 1)
	c.say("interface: %v %v", f, err)
	_, err = cfg.Interface(0, 0)
	c.say("again: %v", err)
	_, err = f.InEndpoint(2)
	c.say("endpoint: %v", err)
	_, err = f.OutEndpoint(1)
	c.say("endpoint: %v", err)
	in, err := f.InEndpoint(1)
	c.say("endpoint: %v %v", in, err)

	other, err := ctx.OpenDeviceWithVIDPID(0x1209, 0x42)
	c.say("another handle: %v", err)
	cfg2, err := other.Config(1)
	c.say("another config: %v", err)
	_, err = cfg2.Interface(0, 0)
	c.say("another interface: %v", err)
	_, err = other.Config(2)
	c.say("other config: %v", err)
	c.say("close: %v %v", cfg2.Close(), other.Close())

	c.say("close: %v", c.dev.Close())
	c.say("close: %v", cfg.Close())
	f.Close()
	f.Close()
	_, err = f.InEndpoint(1)
	c.say("closed: %v %v", f, err)
	_, err = f.OutEndpoint(2)
	c.say("closed: %v", err)
	c.say("close: %v", cfg.Close())
	_, err = cfg.Interface(0, 0)
	c.say("closed: %v", strings.Contains(err.Error(), "after Close"))
}

// claim is interface n in its setting alt, and how to give it back.
func (c *conformer) claim(n, alt int) (*gousb.Interface, func()) {
	cfg, err := c.dev.Config(1)
	if err != nil {
		c.say("claim: %v", err)
	}
	f, err := cfg.Interface(n, alt)
	if err != nil {
		c.say("claim: %v", err)
	}
	return f, func() { f.Close(); c.say("close: %v", cfg.Close()) }
}

func (c *conformer) transfers() {
	f, done, err := c.dev.DefaultInterface()
	c.say("default interface: %v %v", f, err)
	defer done()
	in, _ := f.InEndpoint(1)
	out, _ := f.OutEndpoint(2)
	note, _ := f.InEndpoint(3)
	b := make([]byte, 1024)
	for _, size := range []int{0, 5, 512, 700, 1024} {
		n, err := out.Write(make([]byte, size))
		c.say("write %d: %d %v", size, n, err)
		if size > 0 {
			n, err = in.Read(b)
			c.say("read: %d %v", n, err)
		}
	}
	n, err := note.Read(b[:8])
	c.say("interrupt: %d %v %v", n, err, b[:n])

	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	n, err = in.ReadContext(short, b)
	c.say("read, deadline: %d %v", n, err)
	n, err = note.ReadContext(short, b[:8])
	c.say("read, ended before: %d %v", n, err)
	cancel()

	// SET_FEATURE(ENDPOINT_HALT)
	n, err = c.dev.Control(gousb.ControlOut|gousb.ControlEndpoint, 3, 0, 0x81, nil)
	c.say("halt: %d %v", n, err)
	n, err = in.Read(b)
	c.say("read: %d %v", n, err)
	n, err = in.Read(b)
	c.say("read: %d %v", n, err)
	c.clearHalt(0x81)
	out.Write([]byte("after"))
	n, err = in.Read(b)
	c.say("read: %d %v %q", n, err, b[:n])
}

func (c *conformer) clearHalt(ep uint16) {
	n, err := c.dev.Control(gousb.ControlOut|gousb.ControlEndpoint, 1, 0, ep, nil)
	c.say("clear halt: %d %v", n, err)
}

func (c *conformer) streams() {
	f, done := c.claim(1, 0)
	in, _ := f.InEndpoint(5)
	out, _ := f.OutEndpoint(4)
	r, err := in.NewStream(1024, 3)
	c.say("read stream: %v", err)
	b := make([]byte, 700)
	for range 5 {
		n, err := r.Read(b)
		c.say("stream: %d %v", n, err)
	}
	c.say("close: %v %v", r.Close(), r.Close())
	total := 0
	for err = nil; err == nil; {
		n := 0
		n, err = r.Read(b)
		total += n
	}
	c.say("stream: %d more, %v", total, err)
	_, err = r.Read(b)
	c.say("stream: %v", err)
	w, err := out.NewStream(512, 2)
	c.say("write stream: %v", err)
	for _, size := range []int{512, 2048, 100} {
		n, err := w.Write(make([]byte, size))
		c.say("stream: %d %v", n, err)
	}
	c.say("close: %v, %d written, %v", w.Close(), w.Written(), w.Close())
	_, err = w.Write(b)
	c.say("write: %v", err)
	done()

	f, done = c.claim(0, 0)
	in, _ = f.InEndpoint(1)
	r, _ = in.NewStream(512, 2)
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	n, err := r.ReadContext(short, b)
	cancel()
	c.say("stream, deadline: %d %v", n, err)
	n, err = r.Read(b)
	c.say("stream: %d %v", n, err)
	done()
}

func (c *conformer) isochronous() {
	f, done := c.claim(0, 1)
	defer done()
	in, err := f.InEndpoint(6)
	c.say("endpoint: %v %v", in, err)
	b := make([]byte, 8*64)
	n, err := in.Read(b)
	c.say("isochronous: %d %v %v", n, err, b[:max(n, 0)])
}

func (c *conformer) unplug() {
	f, done := c.claim(0, 0)
	in, _ := f.InEndpoint(1)
	n, err := c.dev.Control(gousb.ControlOut|gousb.ControlVendor, 4, 0, 0, nil)
	c.say("arm: %d %v", n, err)
	b := make([]byte, 512)
	n, err = in.Read(b)
	c.say("read of a device that goes: %d %v", n, err)
	for range 100 { // a real kernel takes its time
		if _, err = c.dev.Control(gousb.ControlIn|gousb.ControlVendor, 1, 0, 0, b); errors.Is(err, gousb.ErrorNoDevice) {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	c.say("control: %v", err)
	n, err = in.Read(b)
	c.say("read: %d %v", n, err)
	done()
	_, err = c.dev.Product()
	c.say("product: %v", err)
	_, _, err = c.dev.DefaultInterface()
	c.say("default interface: %v", err)
	err = c.dev.Reset() // NotFound until libusb has been told by udev
	c.say("reset: %v", errors.Is(err, gousb.ErrorNoDevice) || errors.Is(err, gousb.ErrorNotFound))
}

func (c *conformer) closed(ctx *gousb.Context) {
	c.say("close: %v %v", c.dev.Close(), c.dev.Close())
	_, err := c.dev.Control(gousb.ControlIn, 0, 0, 0, nil)
	c.say("closed: %v", err)
	_, err = c.dev.Config(1)
	c.say("closed: %v", err)
	_, err = c.dev.ActiveConfigNum()
	c.say("closed: %v", err)
	_, err = c.dev.Product()
	c.say("closed: %v", err)
	c.say("closed: %v %v", c.dev.Reset(), c.dev.SetAutoDetach(true))
	c.say("close the context: %v %v", ctx.Close(), ctx.Close())
	devs, err := ctx.OpenDevices(func(*gousb.DeviceDesc) bool { return true })
	c.say("closed: %d %v", len(devs), err)
}
