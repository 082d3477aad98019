package smoke

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/kobench/kobench/drivers/serial8250"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/kobench/kobench/kernel"
)

// device tests a port of the host behind an emulated UART.
func device(ctx context.Context, o Options, port string, bar *progress) (_ *serialtest.Report, err error) {
	var sites []serial8250.Site
	k := kernel.Boot(kernel.Config{Catalog: map[string]func() *kernel.Module{"8250": func() *kernel.Module { return serial8250.New(sites) }}})
	ctx, stop := context.WithCancel(ctx)
	var ends []func()
	defer func() {
		if e := k.Shutdown(); e != nil && err == nil {
			err = e
		}
		stop()
		for _, end := range ends {
			end()
		}
	}()
	names := []string{port}
	if o.Far != "" {
		names = append(names, o.Far)
	}
	skips := o.Skip
	for i, name := range names {
		dev, err := host.OpenPort(name, o.mode())
		if err != nil {
			return nil, err
		}
		if dev.Pseudo() {
			skips = without(skips)
		}
		dte, dce := serial.Straight(serial.Max)
		attached := make(chan error, 1)
		go func() { attached <- host.Attach(ctx, dce, dev, nil) }()
		ends = append(ends, func() {
			<-attached
			_ = dce.Close()
			_ = dte.Close()
			_ = dev.Close()
		})
		irq := 4 + i
		chip := uart16550.New(dte, uart16550.Options{IRQ: k.IRQ(irq).Source()})
		sites = append(sites, serial8250.Site{Chip: chip, Base: uint32(0x3f8 + 8*i), IRQ: irq})
	}
	if err := k.Init().LoadByName("8250", ""); err != nil {
		return nil, fmt.Errorf("the driver of the emulated UART: %w", err)
	}
	s := serialtest.Setup{
		Name: port, Mode: o.mode(), MaxSize: o.MaxSize, Skip: skips, Echo: o.Echo, Wait: 300 * time.Millisecond,
		Open: func(context.Context) (near, far serial.Conn, err error) {
			if near, err = attachedConn(k, "/dev/ttyS0", o.mode()); err != nil || o.Far == "" {
				return near, nil, err
			}
			if far, err = attachedConn(k, "/dev/ttyS1", o.mode()); err != nil {
				_ = near.Close()
			}
			return near, far, err
		},
	}
	if o.Far != "" {
		s.Name += " to " + o.Far
	}
	r, err := serialtest.Run(ctx, s, bar.of(s.Name))
	if err == nil {
		r.Device = hostIdentity(port)
	}
	return r, err
}

// without leaves out what a pty cannot carry, which no failure of a device's would be.
func without(skip map[string]string) map[string]string {
	all := maps.Clone(skip)
	if all == nil {
		all = make(map[string]string)
	}
	for check, why := range map[string]string{
		"modes":         "a pty has no rates and no formats: whatever is set, the same bytes come through",
		"errors/parity": "a pty has no parity",
		"lines":         "a pty has no modem lines",
		"flow/rtscts":   "a pty has no modem lines",
		"break":         "a pty carries no breaks",
	} {
		if _, said := all[check]; !said {
			all[check] = why
		}
	}
	return all
}

// follows is how long the host's port may take until it has done as the chip was told.
const follows = 60 * time.Millisecond

// attached is a terminal whose line goes on beyond the emulated chip: a change takes a moment.
type attached struct{ *terminal.Conn }

func attachedConn(k *kernel.Kernel, path string, m serial.Mode) (serial.Conn, error) {
	c, err := terminal.Open(k, path, m)
	if err != nil {
		return nil, err
	}
	time.Sleep(follows)
	return attached{c}, nil
}

func (a attached) SetMode(m serial.Mode) error {
	err := a.Conn.SetMode(m)
	time.Sleep(follows)
	return err
}

func (a attached) SetSignals(mask, value serial.Signals) error {
	err := a.Conn.SetSignals(mask, value)
	time.Sleep(follows)
	return err
}
