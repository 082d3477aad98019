package usbserial

import (
	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/kernel"
)

// Symbol is what the module of an adapter's driver needs besides the USB core.
const Symbol = "usb_serial_register_drivers"

// The terminals' numbers ([usb-serial] SERIAL_TTY_MAJOR).
const (
	Major = 188
	Lines = 512
)

// New builds the module usbserial, which owns the terminals ttyUSB.
func New() *kernel.Module {
	d := &tty.Driver{Name: "ttyUSB", Major: Major, Lines: Lines, Init: tty.SerialTermios()}
	d.Init.Cflag |= tty.HUPCL
	return &kernel.Module{
		Name: "usbserial", License: "GPL", Description: "the terminals of USB serial adapters",
		Exports: []kernel.Symbol{{Name: Symbol, GPL: true, Value: d}},
		Needs:   []string{usb.Symbol},
		Init: func(env *kernel.Env) error {
			k := env.Kernel()
			for _, name := range []string{"devices", "drivers"} { // bus_register
				k.SysDir("bus/usb-serial/" + name)
			}
			env.Defer(func() { k.SysRemove("bus/usb-serial") })
			return d.Register(env)
		},
	}
}

// Adapter is a kind of USB serial adapter (struct usb_serial_driver).
type Adapter struct {
	Name        string // of the module: "ftdi_sio"
	Description string // as the log says it: "FTDI USB Serial Device"
	IDs         []usb.ID
	// Attach makes the Ops of one device; nil Ops and an error declines it.
	Attach func(i *usb.Interface, id *usb.ID) (Ops, error)
}

// Attributed are Ops of a device with files of its own in /sys/bus/usb-serial/devices. Absence: it
// has what each of them has.
type Attributed interface {
	Attrs() map[string]*kernel.Attr
}

// Module builds the adapter's driver.
func (a *Adapter) Module() *kernel.Module {
	var lines *tty.Driver
	d := &usb.Driver{Name: a.Name, IDs: a.IDs}
	d.Probe = func(i *usb.Interface, id *usb.ID) error {
		i.Printf(kernel.LevelInfo, "%s converter detected", a.Description)
		ops, err := a.Attach(i, id)
		if err != nil {
			return err
		}
		p, err := NewPort(i, i, ops)
		if err != nil {
			return err
		}
		var attrs map[string]*kernel.Attr
		if o, ok := ops.(Attributed); ok {
			attrs = o.Attrs()
		}
		if err := p.AttachOnBus(lines, attrs); err != nil {
			return err
		}
		i.Private = p
		i.Dev().Kernel().Log.Printf(kernel.LevelInfo, "usb %s: %s converter now attached to %s", i.Dev().Name(), a.Description, p.TTY().Name())
		return nil
	}
	d.Disconnect = func(i *usb.Interface) {
		p := i.Private.(*Port)
		i.Dev().Kernel().Log.Printf(kernel.LevelInfo, "%s %s: %s converter now disconnected from %s", a.Name, p.TTY().Name(), a.Description, p.TTY().Name())
		p.Detach(lines)
		i.Printf(kernel.LevelInfo, "device disconnected")
	}
	return &kernel.Module{
		Name: a.Name, License: "GPL", Description: "driver of " + a.Description + "s", Aliases: d.Aliases(), Needs: []string{usb.Symbol, Symbol},
		Init: func(env *kernel.Env) error {
			lines = env.Symbol(Symbol).(*tty.Driver)
			env.Kernel().Log.Printf(kernel.LevelInfo, "usbserial: USB Serial support registered for %s", a.Description)
			return usb.Register(env, d)
		},
	}
}
