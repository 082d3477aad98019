package usbserial

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// Ops is what a chip does. Open to SetBreak are called one at a time and may wait for transfers;
// Decode and Adjust must not.
type Ops interface {
	// Open gets the chip ready for the first open; Close is for after the last close.
	Open(p *Port) error
	Close(p *Port)
	// SetTermios puts the chip into a mode; old is nil after Open.
	SetTermios(p *Port, now, old *tty.Termios) error
	// SetModem drives DTR and RTS, as TIOCM_ bits.
	SetModem(p *Port, bits uint32) error
	SetBreak(p *Port, on bool) error
	// Adjust corrects what the chip cannot do, before SetTermios is told.
	Adjust(now *tty.Termios)
	// Decode takes what a read brought apart and gives it to Deliver, Event and Inputs.
	Decode(p *Port, b []byte)
}

// TxEmptier are Ops of a device that can be asked whether it has sent all (tx_empty of struct
// usb_serial_driver).
type TxEmptier interface{ TxEmpty() bool }

// Configurer are Ops of a device that TIOCSSERIAL can set: Describe fills in what it has, Configure
// is called like SetTermios.
// Absence: what TIOCSSERIAL asks of the device is taken and forgotten, as by cdc_acm. Errors of
// Configure: EPERM the task may not.
type Configurer interface {
	Describe(s *tty.SerialInfo)
	Configure(task *kernel.Task, now tty.SerialInfo) error
}

// outputs are the modem lines that a Port drives, inputs those that it sees.
const (
	outputs = tty.TIOCM_DTR | tty.TIOCM_RTS
	inputs  = tty.TIOCM_CTS | tty.TIOCM_DSR | tty.TIOCM_CAR | tty.TIOCM_RNG
)

// Port is a terminal of a USB device. It implements the tty core's Port and what belongs to it.
type Port struct {
	Iface *usb.Interface

	ops    Ops
	owner  *kernel.Module
	device *kernel.Device // on the bus usb-serial, or nil
	stream *usb.Stream
	t      atomic.Pointer[tty.TTY] // who opens it may be faster than Attach

	mu sync.Mutex
	// the lines as they are, TIOCM_
	modem uint32 // +checklocks:mu
	// CTS holds output
	rtscts bool // +checklocks:mu
	// by CTS
	held bool // +checklocks:mu
	// by Stop
	stop   bool            // +checklocks:mu
	counts serial.Counters // +checklocks:mu
}

// NewPort makes the port of an interface; data is the interface with the bulk endpoints.
//
// Errors: ENODEV there are no bulk endpoints in both directions.
func NewPort(iface, data *usb.Interface, ops Ops) (*Port, error) {
	in, out := data.Endpoint(hw.Bulk, true), data.Endpoint(hw.Bulk, false)
	if in == nil || out == nil {
		return nil, kernel.ENODEV
	}
	p := &Port{Iface: iface, ops: ops, owner: iface.Module()}
	p.stream = usb.NewStream(data, usb.StreamConfig{In: in, Out: out, Receive: p.receive, Sent: p.sent})
	return p, nil
}

// Attach makes the terminal, on the driver's first free number.
//
// Errors: EBUSY there is none.
func (p *Port) Attach(d *tty.Driver) error {
	t, err := d.Add(-1, p, p.Iface.Device())
	p.t.Store(t)
	return err
}

// AttachOnBus is Attach with a device on the bus usb-serial between the interface and the terminal
// (usb_serial_bus_type): attrs are its files in /sys, besides port_number.
//
// Errors: as Attach.
func (p *Port) AttachOnBus(d *tty.Driver, attrs map[string]*kernel.Attr) error {
	index, err := d.Reserve()
	if err != nil {
		return err
	}
	all := map[string]*kernel.Attr{"port_number": {Show: func(*kernel.Task) (string, error) { return "0\n", nil }}}
	maps.Copy(all, attrs)
	k := p.Iface.Dev().Kernel()
	p.device, err = k.DeviceCreate(nil, kernel.DeviceInfo{
		Name: fmt.Sprintf("%s%d", d.Name, index), Bus: "usb-serial", Parent: p.Iface.Device(), Attrs: all, Private: p,
	})
	if err != nil {
		d.Release(index)
		return err
	}
	t, err := d.Add(index, p, p.device)
	if err != nil {
		k.DeviceDestroy(p.device)
		d.Release(index)
		return err
	}
	p.t.Store(t)
	return nil
}

// Detach takes the terminal away, after the device or the driver has gone.
func (p *Port) Detach(d *tty.Driver) {
	d.Remove(p.t.Load())
	if p.device != nil {
		p.Iface.Dev().Kernel().DeviceDestroy(p.device)
	}
}

// TTY is the port's terminal.
func (p *Port) TTY() *tty.TTY { return p.t.Load() }

// Startup implements tty.Port.
func (p *Port) Startup(t *tty.TTY) error {
	if p.Iface.Dev().Gone() {
		return kernel.ENODEV
	}
	p.t.Store(t)
	p.mu.Lock()
	p.modem &= inputs
	p.held, p.stop = false, false
	p.mu.Unlock()
	if err := p.ops.Open(p); err != nil {
		return err
	}
	return p.stream.Start()
}

// Shutdown implements tty.Port.
func (p *Port) Shutdown() {
	p.mu.Lock()
	undo := 0
	for _, h := range []*bool{&p.held, &p.stop} {
		if *h {
			*h = false
			undo++
		}
	}
	p.mu.Unlock()
	p.stream.Stop()
	if !p.Iface.Dev().Gone() {
		p.ops.Close(p)
	}
	for range undo {
		p.stream.Release()
	}
}

// Write implements tty.Port.
func (p *Port) Write(b []byte) int {
	n := p.stream.Put(b)
	p.mu.Lock()
	p.counts.TX += uint64(n)
	p.mu.Unlock()
	if n > 0 {
		p.stream.Send()
	}
	return n
}

// Queue implements tty.Port.
func (p *Port) Queue() (room, pending int) { return p.stream.Room() }

// TxEmpty implements tty.Emptier. A device that cannot say, or has gone, has sent all.
func (p *Port) TxEmpty() bool {
	e, ok := p.ops.(TxEmptier)
	return !ok || p.Iface.Dev().Gone() || e.TxEmpty()
}

// FlushOutput implements tty.Flusher.
func (p *Port) FlushOutput() { p.stream.Discard() }

// SetTermios implements tty.Port.
func (p *Port) SetTermios(now, old *tty.Termios) {
	p.ops.Adjust(now)
	p.mu.Lock()
	p.rtscts = now.Cflag&tty.CRTSCTS != 0
	p.mu.Unlock()
	if err := p.ops.SetTermios(p, now, old); err != nil { // Linux says it in the log alone
		p.Iface.Printf(kernel.LevelErr, "setting the line failed: error %d", -int(kernel.ErrnoOf(err)))
	}
	p.cts()
}

// ModemBits implements tty.Modem: the lines as the device has told them last.
func (p *Port) ModemBits() (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.modem, nil
}

// SetModemBits implements tty.Modem.
func (p *Port) SetModemBits(set, clear uint32) error {
	p.mu.Lock()
	was := p.modem
	p.modem = p.modem&^(clear&outputs) | set&outputs
	now := p.modem & outputs
	p.mu.Unlock()
	if was&outputs != now {
		return p.ops.SetModem(p, now)
	}
	return nil
}

// SetBreak implements tty.Breaker.
func (p *Port) SetBreak(on bool) error {
	return p.ops.SetBreak(p, on)
}

// Throttle implements tty.Throttler: nothing is read until the tty takes more, so the device fills
// up and does its own flow control.
func (p *Port) Throttle(on bool) {
	if on {
		p.stream.Pause()
		return
	}
	p.stream.Unpause()
	p.stream.Poke()
}

// Stop implements tty.Stopper.
func (p *Port) Stop(on bool) {
	p.mu.Lock()
	changed := p.stop != on
	p.stop = on
	p.mu.Unlock()
	p.hold(changed, on)
}

// cts holds output while CTS is off where CRTSCTS is set, and lets it go again. A device that does
// so by itself does no harm by it.
func (p *Port) cts() {
	p.mu.Lock()
	hold := p.rtscts && p.modem&tty.TIOCM_CTS == 0
	changed := hold != p.held
	p.held = hold
	p.mu.Unlock()
	p.hold(changed, hold)
}

func (p *Port) hold(changed, on bool) {
	switch {
	case !changed:
	case on:
		p.stream.Hold()
	default:
		p.stream.Release()
	}
}

// Owner implements tty.Owned.
func (p *Port) Owner() *kernel.Module { return p.owner }

// Counters implements tty.Counter.
func (p *Port) Counters() serial.Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Describe implements tty.Describer. Type 0 is PORT_UNKNOWN: there are no I/O ports.
func (p *Port) Describe() (s tty.SerialInfo) {
	if c, ok := p.ops.(Configurer); ok {
		c.Describe(&s)
	}
	return s
}

// Configure implements tty.Configurer.
func (p *Port) Configure(task *kernel.Task, now tty.SerialInfo) error {
	if c, ok := p.ops.(Configurer); ok {
		return c.Configure(task, now)
	}
	return nil
}

// Idle implements tty.Idler. Errors: ENOTTY the device cannot be asked.
func (p *Port) Idle() (bool, error) {
	if _, ok := p.ops.(TxEmptier); !ok {
		return false, kernel.ENOTTY
	}
	return p.TxEmpty(), nil
}

// receive gets what a read brought.
func (p *Port) receive(b []byte) { p.ops.Decode(p, b) }

func (p *Port) sent() { p.TTY().Wakeup() }

// Deliver gives characters to the terminal; flags may be nil. Ops.Decode calls it.
func (p *Port) Deliver(b []byte, flags []serial.Flags) {
	p.mu.Lock()
	p.counts.RX += uint64(len(b))
	p.mu.Unlock()
	t := p.TTY()
	if room := t.Receive(b, flags); room < enough {
		p.stream.Pause() // at once: who tells Throttle of it may come late
		if !t.Throttled() {
			p.stream.Unpause()
		}
	}
}

// enough is the room that the reads which are in flight may need, in bytes, and as much again.
const enough = 4 * 4096

// Event counts what went wrong with a character, or a break.
func (p *Port) Event(f serial.Flags) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []struct {
		f serial.Flags
		n *uint64
	}{{serial.Overrun, &p.counts.Overrun}, {serial.ParityError, &p.counts.Parity}, {serial.Framing, &p.counts.Frame}, {serial.Break, &p.counts.Break}} {
		if f&c.f != 0 {
			*c.n++
		}
	}
}

// Inputs tells the input lines as they are now, as TIOCM_ bits; what changed is counted, and wakes
// who waits for it.
func (p *Port) Inputs(bits uint32) {
	p.mu.Lock()
	was := p.modem
	p.modem = was&outputs | bits&inputs
	changed := (was ^ p.modem) & inputs
	for _, c := range []struct {
		bit uint32
		n   *uint64
	}{{tty.TIOCM_CTS, &p.counts.CTSEdge}, {tty.TIOCM_DSR, &p.counts.DSREdge}, {tty.TIOCM_CAR, &p.counts.DCDEdge}, {tty.TIOCM_RNG, &p.counts.Ring}} {
		if changed&c.bit != 0 {
			*c.n++
		}
	}
	p.mu.Unlock()
	t := p.TTY()
	if changed == 0 || t == nil {
		return
	}
	if changed&tty.TIOCM_CTS != 0 {
		p.cts()
	}
	if changed&tty.TIOCM_CAR != 0 {
		t.CarrierChanged(bits&tty.TIOCM_CAR != 0)
	}
	t.ModemChanged()
}
