package board

import (
	"errors"
	"fmt"

	hw "github.com/kobench/kobench/hw/usb"
)

// Option adds to what a board knows: devices of a program's own.
type Option func(*kinds)

// kinds are the kinds that a board knows beside the built-in ones.
type kinds struct {
	own    []lineKind
	ownUSB []usbKind
}

// lines are all kinds of lines.
func (k *kinds) lines() []lineKind { return append(lineKinds(), k.own...) }

// usb are all kinds of USB devices.
func (k *kinds) usb() []usbKind { return append(usbKinds(), k.ownUSB...) }

func (k *kinds) usbOf(name string) (usbKind, bool) {
	for _, o := range k.usb() {
		if o.name == name {
			return o, true
		}
	}
	return usbKind{}, false
}

func (k *kinds) lineNames() string {
	return kindList(k.lines(), func(k lineKind) string { return k.name })
}

func (k *kinds) usbNames() string {
	return kindList(k.usb(), func(k usbKind) string { return k.name })
}

// WithDevice gives a board a kind of line of its own, which it writes as line: NAME, or line:
// {NAME: {options}}. build makes a device for each machine; its fields with a yaml tag are the
// options. A name that is taken is not replaced.
func WithDevice(name string, build func() Device) Option {
	return func(k *kinds) {
		k.own = append(k.own, lineKind{name: name, about: "a device of this program's", make: func(string) Device { return build() }})
	}
}

// WithFunction gives a board a kind of USB device of its own, which it and Plug know by device:
// NAME, at this speed unless told otherwise. build makes a function for each machine; the board's
// serial: is given to it.
func WithFunction(name string, speed hw.Speed, build func(serial string) hw.Function) Option {
	return func(k *kinds) {
		k.ownUSB = append(k.ownUSB, usbKind{
			name: name, about: "a device of this program's", speed: speed, takes: "serial",
			make: func(p *Plugged) (hw.Device, error) {
				fn := build(p.Serial)
				if fn == nil {
					return nil, errors.New("there is no such function now")
				}
				d, err := hw.New(fn, p.Speed)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				return d, nil
			},
		})
	}
}
