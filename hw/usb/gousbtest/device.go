package gousbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

// Device is an open device. It must be closed.
type Device struct {
	Desc           *DeviceDesc
	ControlTimeout time.Duration // of a control transfer, in whole milliseconds; 0 is none

	ctx        *Context
	node       *node
	autodetach atomic.Bool

	mu      sync.Mutex
	closed  bool
	claimed *Config
}

func (d *Device) String() string {
	return fmt.Sprintf("vid=%s,pid=%s,bus=%d,addr=%d", d.Desc.Vendor, d.Desc.Product, d.Desc.Bus, d.Desc.Address)
}

// after is the error of a method called after Close, or nil.
func (d *Device) after(format string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		return nil
	}
	return fmt.Errorf("%s called on %s after Close", fmt.Sprintf(format, args...), d)
}

// Reset resets the port. The device is then configured as before, with every interface in its
// setting 0.
//
// Errors: a Config is open; ErrorNoDevice, for which libusb says ErrorNotFound until it has
// noticed; ErrorOther.
func (d *Device) Reset() error {
	if err := d.after("Reset()"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.claimed != nil {
		return fmt.Errorf("can't reset device %s while it has an active configuration %s", d, d.claimed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), enumeration)
	defer cancel()
	value, err := d.node.active(ctx)
	if err == nil {
		err = d.node.slot.Reset()
	}
	if err == nil && value != 0 {
		err = d.node.configure(ctx, uint8(value))
	}
	return otherwise(err)
}

// ActiveConfigNum is the number of the configuration in use.
//
// Errors: ErrorNoDevice.
func (d *Device) ActiveConfigNum() (int, error) {
	if err := d.after("ActiveConfig()"); err != nil {
		return 0, err
	}
	value, err := d.node.active(context.Background())
	if err != nil {
		return 0, controlError(err)
	}
	return value, nil
}

// Config chooses a configuration by its number, unless it is the one in use. It must be closed.
//
// Errors: no such configuration; ErrorBusy (as text only) if an interface is in use and another
// configuration is asked for.
func (d *Device) Config(cfgNum int) (*Config, error) {
	if err := d.after("Config(%d)", cfgNum); err != nil {
		return nil, err
	}
	desc, err := d.Desc.config(cfgNum)
	if err != nil {
		return nil, fmt.Errorf("device %s: %v", d, err)
	}
	if d.autodetach.Load() {
		for _, f := range desc.Interfaces {
			d.node.detach(f.Number)
		}
	}
	active, err := d.ActiveConfigNum()
	if err != nil {
		return nil, fmt.Errorf("failed to query active config of the device %s: %v", d, err)
	}
	if active != cfgNum {
		if err := d.node.change(uint8(cfgNum)); err != nil {
			return nil, fmt.Errorf("failed to set active config %d for the device %s: %v", cfgNum, d, err)
		}
	}
	c := &Config{Desc: *desc, dev: d, claimed: map[int]bool{}}
	d.mu.Lock()
	d.claimed = c
	d.mu.Unlock()
	return c, nil
}

// DefaultInterface claims interface 0 in its setting 0 of the configuration in use. done gives both
// back.
//
// Errors: Config's and Interface's.
func (d *Device) DefaultInterface() (intf *Interface, done func(), err error) {
	number, err := d.ActiveConfigNum()
	if err != nil {
		return nil, nil, fmt.Errorf("failed to get active config number of device %s: %v", d, err)
	}
	cfg, err := d.Config(number)
	if err != nil {
		return nil, nil, fmt.Errorf("failed to claim config %d of device %s: %v", number, d, err)
	}
	f, err := cfg.Interface(0, 0)
	if err != nil {
		return nil, nil, errors.Join(
			fmt.Errorf("failed to select interface #0 alternate setting 0 of config %d of device %s: %v", number, d, err), cfg.Close())
	}
	return f, func() { f.Close(); cfg.Close() }, nil
}

// maxControl is what Linux moves in one control transfer [libusb] os/linux_usbfs.h
// MAX_CTRL_BUFFER_LENGTH.
const maxControl = 4096

// Control does a control transfer; data is the data stage in the direction that rType says. It
// returns how many bytes were moved, or libusb's negative code beside the error.
//
// Errors: ErrorPipe for a request the device stalls; ErrorTimeout after ControlTimeout;
// ErrorNoDevice; ErrorInvalidParam for more than 4096 bytes; ErrorOverflow; ErrorIO.
func (d *Device) Control(rType, request uint8, val, idx uint16, data []byte) (int, error) {
	if err := d.after("Control()"); err != nil {
		return 0, err
	}
	if len(data) > maxControl {
		return int(ErrorInvalidParam), ErrorInvalidParam
	}
	ctx := context.Background()
	if limit := d.ControlTimeout.Truncate(time.Millisecond); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	n, err := usb.Request(ctx, d.node.slot, rType, request, val, idx, data)
	if code := controlError(err); code != Success {
		return int(code), code
	}
	return n, nil
}

// Close closes the device.
//
// Errors: a Config is open.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	if d.claimed != nil {
		return fmt.Errorf("can't release the device %s, it has an open config %d", d, d.claimed.Desc.Number)
	}
	d.closed = true
	d.node.releaseAll(d)
	d.ctx.mu.Lock()
	delete(d.ctx.devices, d)
	d.ctx.mu.Unlock()
	return nil
}

// GetStringDescriptor reads a string in the device's first language; what is not ASCII becomes "?".
// Index 0 is no string.
//
// Errors: the text of one of Control's.
func (d *Device) GetStringDescriptor(descIndex int) (string, error) {
	if err := d.after("GetStringDescriptor(%d)", descIndex); err != nil {
		return "", err
	}
	if descIndex == 0 {
		return "", nil
	}
	s, err := d.readString(uint8(descIndex))
	if err != nil {
		return "", fmt.Errorf("failed to get string descriptor %d: %s", descIndex, err)
	}
	return s, nil
}

// readString is libusb_get_string_descriptor_ascii into gousb's 200 bytes [libusb] descriptor.c.
func (d *Device) readString(index uint8) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	languages, err := usb.Descriptor(ctx, d.node.slot, usb.DescString, 0, 0, 255)
	if err != nil {
		return "", controlError(err)
	}
	if len(languages) < 4 {
		return "", ErrorIO
	}
	b, err := usb.Descriptor(ctx, d.node.slot, usb.DescString, index, uint16(languages[2])|uint16(languages[3])<<8, 255)
	if err != nil {
		return "", controlError(err)
	}
	if len(b) < 2 || b[1] != usb.DescString || int(b[0]) > len(b) {
		return "", ErrorIO
	}
	var s []byte
	for i := 2; i+1 < int(b[0]) && len(s) < 199; i += 2 {
		c := b[i]
		if c >= 0x80 || b[i+1] != 0 {
			c = '?'
		}
		s = append(s, c)
	}
	return string(s), nil
}

// Manufacturer is the manufacturer's name; see GetStringDescriptor.
func (d *Device) Manufacturer() (string, error) { return d.GetStringDescriptor(d.Desc.iManufacturer) }

// Product is the product's name; see GetStringDescriptor.
func (d *Device) Product() (string, error) { return d.GetStringDescriptor(d.Desc.iProduct) }

// SerialNumber is the serial number; see GetStringDescriptor.
func (d *Device) SerialNumber() (string, error) { return d.GetStringDescriptor(d.Desc.iSerialNumber) }

// ConfigDescription is the name of a configuration; see GetStringDescriptor.
func (d *Device) ConfigDescription(cfg int) (string, error) {
	c, err := d.Desc.config(cfg)
	if err != nil {
		return "", fmt.Errorf("%s: %v", d, err)
	}
	return d.GetStringDescriptor(c.iConfiguration)
}

// InterfaceDescription is the name of an interface's setting; see GetStringDescriptor.
func (d *Device) InterfaceDescription(cfgNum, intfNum, altNum int) (string, error) {
	c, err := d.Desc.config(cfgNum)
	if err != nil {
		return "", fmt.Errorf("%s: %v", d, err)
	}
	f, err := c.setting(intfNum, altNum)
	if err != nil {
		return "", fmt.Errorf("%s, configuration %d: %v", d, cfgNum, err)
	}
	return d.GetStringDescriptor(f.iInterface)
}

// SetAutoDetach says whether a kernel driver gives way to the program and comes back afterwards;
// see [Machine.Bind].
func (d *Device) SetAutoDetach(autodetach bool) error {
	if err := d.after("SetAutoDetach(%v)", autodetach); err != nil {
		return err
	}
	d.autodetach.Store(autodetach)
	return nil
}
