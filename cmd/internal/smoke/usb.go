package smoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/drivers/usb/usbtest"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/kobench/kobench/kernel"
)

// usbDevice tests a device of this computer, or of a USB/IP server, on the bus of an otherwise
// empty machine: its driver comes by MODALIAS.
func usbDevice(ctx context.Context, o Options, bar *progress) (all []*serialtest.Report, err error) {
	m, err := sim.Start(sim.Options{Board: "usb"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	m.AutoModprobe()
	d := board.USBDevice{Kind: "host", From: o.USB}
	if strings.Contains(o.USB, "/") {
		d.Kind = "usbip"
	}
	p, err := m.Plug(d)
	if err != nil {
		return nil, err
	}
	m.Settle()
	r, err := plugged(ctx, o, m, p, bar)
	if err != nil {
		return nil, err
	}
	r.Device = pluggedIdentity(m, p)
	return []*serialtest.Report{r}, nil
}

// pluggedIdentity is what the simulated kernel's sysfs says of a device.
func pluggedIdentity(m *sim.Sim, p *board.Plugged) *serialtest.Device {
	t := m.Kernel.NewTask(kernel.WithComm("smoke"))
	defer t.Exit()
	attr := func(name string) string {
		fd, err := t.Open("/sys/bus/usb/devices/"+p.Slot.Name()+"/"+name, kernel.O_RDONLY)
		if err != nil {
			return ""
		}
		defer t.Close(fd)
		b := make([]byte, 256)
		n, _ := t.Read(fd, b)
		return strings.TrimSpace(string(b[:max(n, 0)]))
	}
	d := &serialtest.Device{Path: p.From, PortPath: "usb " + p.Slot.Name(), Manufacturer: attr("manufacturer"), Product: attr("product"), Serial: attr("serial")}
	if v := attr("idVendor"); v != "" {
		d.ID = v + ":" + attr("idProduct")
	}
	return d
}

// plugged tests one device on the bus by what its driver made of it: a terminal, an instrument, or
// something for testusb.
func plugged(ctx context.Context, o Options, m *sim.Sim, p *board.Plugged, bar *progress) (*serialtest.Report, error) {
	nodes := m.Nodes(p)
	node := ""
	if len(nodes) > 0 {
		node = nodes[0]
	}
	name := fmt.Sprintf("usb %s: %s", p.Slot.Name(), p.USBDevice)
	if node != "" {
		name = node + ": " + p.USBDevice.String()
	}
	real := p.Kind == "host" || p.Kind == "usbip"
	switch {
	case p.Broken != nil:
		return skipped(name, "the board injects faults into this device"), nil
	case strings.HasPrefix(node, "tty"):
		if _, loop := p.Line.(board.Loopback); loop || real {
			return suiteTerminal(ctx, o, m, node, name, real, bar)
		}
		if d, ok := p.Device.(board.Prober); ok {
			return probe(m, node, p.Device, d, name, bar), nil
		}
		return skipped(name, "what is at its end cannot be tested"), nil
	case strings.HasPrefix(node, "usbtmc"):
		return one(name, node, "answer", bar, func() (int, error) { return identify(m, "/dev/"+node) }), nil
	case p.Kind == "source-sink", p.Kind == "loopback", real && boundTo(m, p, "usbtest"):
		cases := []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13}
		if loopsBack(m, p) {
			cases = []uint32{0, 9, 10}
		}
		r := &serialtest.Report{Line: name}
		for _, n := range cases {
			c := one(name, p.Slot.Name(), fmt.Sprintf("usbtest/%d", n), bar, func() (int, error) { return 0, testusb(m, p, n) })
			r.Results = append(r.Results, c.Results...)
		}
		return r, nil
	case real:
		return nil, fmt.Errorf("no driver for %s; kobench lsusb -v shows what it is", name)
	}
	return skipped(name, "no suite for this kind of device"), nil
}

// suiteTerminal runs the line suite on a USB serial port.
func suiteTerminal(ctx context.Context, o Options, m *sim.Sim, node, name string, real bool, bar *progress) (*serialtest.Report, error) {
	s := serialtest.Setup{Name: name, Mode: o.mode(), MaxSize: o.MaxSize, Skip: map[string]string{}, Echo: real && o.Echo, NoSettle: !real}
	for check, why := range o.Skip {
		s.Skip[check] = why
	}
	if strings.HasPrefix(node, "ttyACM") {
		s.Skip["lines/RTS"] = "CDC-ACM has no CTS"
		s.Skip["flow/rtscts"] = "CDC-ACM has no CTS"
	}
	if real {
		s.Wait = 300 * time.Millisecond
		if o.Far != "" {
			s.Name += " to " + o.Far
		}
	}
	s.Open = func(context.Context) (near, far serial.Conn, err error) {
		c, err := terminal.Open(m.Kernel, "/dev/"+node, s.Mode)
		if err != nil {
			return nil, nil, err
		}
		if near = c; real {
			time.Sleep(follows)
			near = attached{c}
		}
		if !real || o.Far == "" {
			return near, nil, nil
		}
		if far, err = host.OpenPort(o.Far, s.Mode); err != nil {
			_ = near.Close()
		}
		return near, far, err
	}
	return serialtest.Run(ctx, s, bar.of(node))
}

// one is a report of a single check.
func one(name, node, check string, bar *progress, do func() (int, error)) *serialtest.Report {
	start := time.Now()
	r := serialtest.Result{Check: check, Status: serialtest.Pass}
	n, err := do()
	r.Bytes, r.Duration = int64(n), time.Since(start)
	if err != nil {
		r.Status, r.Reason = serialtest.Fail, err.Error()
	}
	bar.of(node)(r)
	return &serialtest.Report{Line: name, Results: []serialtest.Result{r}}
}

// identify asks an instrument who it is.
func identify(m *sim.Sim, path string) (int, error) {
	t := m.Kernel.NewTask(kernel.WithComm("smoke"))
	defer t.Exit()
	fd, err := t.Open(path, kernel.O_RDWR)
	if err != nil {
		return 0, err
	}
	defer t.Close(fd)
	if _, err := t.Write(fd, []byte("*IDN?\n")); err != nil {
		return 0, err
	}
	b := make([]byte, 256)
	n, err := t.Read(fd, b)
	if err == nil && strings.Count(string(b[:n]), ",") < 3 {
		err = fmt.Errorf("*IDN? gave %q; want maker, model, serial number and version", b[:n])
	}
	return n, err
}

// testusb runs one case of testusb.
func testusb(m *sim.Sim, p *board.Plugged, n uint32) error {
	t := m.Kernel.NewTask(kernel.WithComm("smoke"))
	defer t.Exit()
	node := fmt.Sprintf("/dev/bus/usb/%03d/%03d", p.Slot.Bus().Number(), p.Slot.Address())
	// whole packets: a source fills them
	return usbtest.Ask(t, node, &usbtest.Params{Test: n, Iterations: 16, Length: 1024, Vary: 512, SGLen: 8})
}

// loopsBack says whether a gadget zero sends back what it gets, which its configuration tells
// (drivers/usb/gadget/legacy/zero.c: 3 is the source and sink, 2 the loop-back).
func loopsBack(m *sim.Sim, p *board.Plugged) bool {
	t := m.Kernel.NewTask(kernel.WithComm("smoke"))
	defer t.Exit()
	fd, err := t.Open("/sys/bus/usb/devices/"+p.Slot.Name()+"/bConfigurationValue", kernel.O_RDONLY)
	if err != nil {
		return false
	}
	defer t.Close(fd)
	b := make([]byte, 16)
	n, err := t.Read(fd, b)
	return err == nil && strings.TrimSpace(string(b[:n])) == "2"
}

// boundTo says whether the device's first interface is a driver's.
func boundTo(m *sim.Sim, p *board.Plugged, driver string) bool {
	t := m.Kernel.NewTask(kernel.WithComm("smoke"))
	defer t.Exit()
	list, err := t.ReadDir("/sys/bus/usb/drivers/" + driver)
	if err != nil {
		return false
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name, p.Slot.Name()+":") {
			return true
		}
	}
	return false
}
