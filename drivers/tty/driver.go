package tty

import (
	"fmt"
	"slices"
	"sync"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

// Driver is a family of terminals under one name and one range of device numbers (struct tty_driver).
type Driver struct {
	Name  string // of the lines, before the number: "ttyS"
	Major uint32
	Minor uint32 // of line 0
	Lines int    // how many there can be
	// Init is the termios of a line that has never been open.
	Init Termios

	env  *kernel.Env
	cdev *kernel.Cdev

	mu sync.Mutex
	// by line
	ttys []*TTY // +checklocks:mu
}

// Register claims the driver's device numbers for as long as env's module lives.
//
// Errors: EBUSY, EINVAL as kernel.RegisterChrdevRegion.
func (d *Driver) Register(env *kernel.Env) error {
	k := env.Kernel()
	first := kernel.MkDev(d.Major, d.Minor)
	if err := k.RegisterChrdevRegion(first, uint32(d.Lines), d.Name); err != nil {
		return err
	}
	env.Defer(func() { k.UnregisterChrdevRegion(first, uint32(d.Lines)) })
	d.env = env
	d.mu.Lock()
	d.ttys = make([]*TTY, d.Lines)
	d.mu.Unlock()
	d.cdev = &kernel.Cdev{Ops: d.ops(env.Module()), Owner: env.Module()}
	if err := k.CdevAdd(d.cdev, first, uint32(d.Lines)); err != nil {
		return err
	}
	env.Defer(func() { k.CdevDel(d.cdev) })
	return nil
}

// Add makes line number index of the driver, with its node in /dev, on top of port; index -1 takes the first free one. parent is
// the device that it belongs to, or nil.
//
// Errors: EBUSY the line exists, or none is free; EINVAL no such line.
func (d *Driver) Add(index int, port Port, parent *kernel.Device) (*TTY, error) {
	t := &TTY{driver: d, port: port, termios: d.Init, files: make(map[*file]struct{})}
	t.termios.settle()
	d.mu.Lock()
	if index < 0 {
		index = slices.Index(d.ttys, nil)
		if index < 0 {
			d.mu.Unlock()
			return nil, kernel.EBUSY
		}
	}
	switch {
	case index >= len(d.ttys):
		d.mu.Unlock()
		return nil, kernel.EINVAL
	case d.ttys[index] != nil:
		d.mu.Unlock()
		return nil, kernel.EBUSY
	}
	d.ttys[index], t.index = t, index
	d.mu.Unlock()
	k := d.env.Kernel()
	var err error
	t.device, err = k.DeviceCreate(k.Class("tty", nil), kernel.DeviceInfo{
		Name: fmt.Sprintf("%s%d", d.Name, index), Dev: kernel.MkDev(d.Major, d.Minor+uint32(index)), Mode: 0o660, Parent: parent, Private: t,
	})
	if err != nil {
		d.mu.Lock()
		d.ttys[index] = nil
		d.mu.Unlock()
		return nil, err
	}
	return t, nil
}

// Remove hangs the line up and takes it away with its node; files that are open stay, dead.
func (d *Driver) Remove(t *TTY) {
	t.Hangup()
	d.mu.Lock()
	if d.ttys[t.index] == t {
		d.ttys[t.index] = nil
	}
	d.mu.Unlock()
	d.env.Kernel().DeviceDestroy(t.device)
}

func (d *Driver) find(minor uint32) *TTY {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := int(minor) - int(d.Minor); i >= 0 && i < len(d.ttys) {
		return d.ttys[i]
	}
	return nil
}

func (d *Driver) ops(owner *kernel.Module) *kernel.FileOperations {
	return &kernel.FileOperations{
		Owner: owner,
		Open: func(task *kernel.Task, f *kernel.File) error {
			t := d.find(f.Minor())
			if t == nil {
				return kernel.ENXIO
			}
			o, owned := t.port.(Owned)
			if !owned {
				return t.open(task, f, nil)
			}
			owner := o.Owner()
			if !owner.Get() {
				return kernel.ENODEV
			}
			err := t.open(task, f, owner)
			if err != nil {
				owner.Put()
			}
			return err
		},
		Release: release, Read: read, Write: write, Poll: poll, Ioctl: ioctl, Fasync: fasync,
	}
}

// TTY is one line: a terminal device that may be open many times (struct tty_struct and tty_port).
type TTY struct {
	driver *Driver
	index  int
	device *kernel.Device
	port   Port

	readers kernel.WaitQueue // wait for input
	writers kernel.WaitQueue // wait for room, or for what was sent to have left
	changes kernel.WaitQueue // of modem lines (TIOCMIWAIT), and opens that wait for the carrier
	async   kernel.FasyncList

	mu      sync.Mutex
	termios Termios // +checklocks:mu
	ld      ldisc   // +checklocks:mu
	// open files that are not hung up
	files map[*file]struct{} // +checklocks:mu
	// opens that wait for the port, or for the carrier
	opening int // +checklocks:mu
	// the port has been started up
	running   bool // +checklocks:mu
	exclusive bool // +checklocks:mu
	// the last close waits for its output to leave
	closing bool // +checklocks:mu
	// removed: opens fail
	gone bool // +checklocks:mu
	// how many there have been
	hangups uint    // +checklocks:mu
	winsize [8]byte // +checklocks:mu
	pending backlog // +checklocks:mu
}

// backlog is what was received while the line discipline had no room (the flip buffers). Its memory stays.
type backlog struct {
	data  []byte
	flags []serial.Flags // nil: all are well
	at    int            // taken
}

func (b *backlog) size() int { return len(b.data) - b.at }

func (b *backlog) clear() { b.data, b.flags, b.at = b.data[:0], nil, 0 }

const maxBacklog = 65536 // bytes

// file is one open of a tty.
type file struct {
	t    *TTY
	task *kernel.Task
	mod  *kernel.Module // held, see Owned
	hung bool           // guarded by TTY.mu
}

// Name is the line's name, "ttyS0"; Index its number; Device its device.
func (t *TTY) Name() string { return fmt.Sprintf("%s%d", t.driver.Name, t.index) }

// Index is the line's number.
func (t *TTY) Index() int { return t.index }

// Device is the line's device in the kernel's tree.
func (t *TTY) Device() *kernel.Device { return t.device }

// Termios is how the line is set now.
func (t *TTY) Termios() Termios {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.termios
}

// open is tty_open with tty_port_open and tty_port_block_til_ready. An opening that is caught in a hang-up begins again, as there.
func (t *TTY) open(task *kernel.Task, f *kernel.File, owner *kernel.Module) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opening++
	defer func() {
		t.opening--
		t.stopIfUnusedLocked()
	}()
	for {
		switch {
		case t.gone:
			return kernel.EIO
		case t.exclusive && !task.Capable():
			return kernel.EBUSY
		}
		if !t.running {
			if err := t.startupLocked(); err != nil {
				return err
			}
		}
		t.closing = false
		began := t.hangups
		if err := t.becomeReadyLocked(task, f, began); err != nil {
			return err
		}
		if t.hangups == began {
			break
		}
	}
	tf := &file{t: t, task: task, mod: owner}
	t.files[tf] = struct{}{}
	f.Private = tf
	return nil
}

// becomeReadyLocked waits until the port has done what its startup asked for, then until there is a carrier where one is needed, or for a hang-up.
//
// +checklocks:t.mu
func (t *TTY) becomeReadyLocked(task *kernel.Task, f *kernel.File, began uint) error {
	if _, slow := t.port.(Settler); slow { // before the carrier is looked at
		t.mu.Unlock()
		err := t.settle()
		t.mu.Lock()
		if err != nil {
			return err
		}
	}
	if f.Nonblock() || t.hangups != began || t.readyLocked() {
		return nil
	}
	t.mu.Unlock()
	defer t.mu.Lock()
	return task.WaitEvent(&t.changes, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.hangups != began || t.readyLocked()
	})
}

// readyLocked is whether an open need not wait: CLOCAL, or there is a carrier. Waiting raises DTR and RTS.
//
// +checklocks:t.mu
func (t *TTY) readyLocked() bool {
	m, ok := t.port.(Modem)
	if !ok || t.termios.Cflag&CLOCAL != 0 {
		return true
	}
	if t.termios.Baud() != 0 {
		_ = m.SetModemBits(TIOCM_DTR|TIOCM_RTS, 0)
	}
	bits, err := m.ModemBits()
	return err != nil || bits&TIOCM_CAR != 0
}

// +checklocks:t.mu
func (t *TTY) startupLocked() error {
	t.ld = ldisc{}
	t.pending.clear()
	if err := t.port.Startup(t); err != nil {
		return err
	}
	t.running = true
	t.port.SetTermios(&t.termios, nil)
	if m, ok := t.port.(Modem); ok && t.termios.Baud() != 0 {
		_ = m.SetModemBits(TIOCM_DTR|TIOCM_RTS, 0)
	}
	return nil
}

// release is tty_release: the last close waits for the output to leave, and hangs up where HUPCL says so.
func release(task *kernel.Task, f *kernel.File) {
	tf := f.Private.(*file)
	t := tf.t
	t.async.Set(task, f, false)
	t.mu.Lock()
	last := len(t.files) == 1 && !tf.hung && t.opening == 0
	t.closing = last
	t.mu.Unlock()
	if last && !task.Killed() {
		_ = t.drain(task, closingWait)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.files, tf)
	t.stopIfUnusedLocked()
	if tf.mod != nil {
		tf.mod.Put()
	}
}

// +checklocks:t.mu
func (t *TTY) stopIfUnusedLocked() {
	if len(t.files) > 0 || t.opening > 0 || !t.running {
		return
	}
	t.exclusive, t.closing = false, false
	t.shutdownLocked()
}

// +checklocks:t.mu
func (t *TTY) shutdownLocked() {
	if m, ok := t.port.(Modem); ok && t.termios.Cflag&HUPCL != 0 {
		_ = m.SetModemBits(0, TIOCM_DTR|TIOCM_RTS)
	}
	t.running = false
	t.port.Shutdown()
}

// Hangup ends all that is open: reads give end of file, writes and ioctls EIO (tty_vhangup).
func (t *TTY) Hangup() { t.hangup(true) }

func (t *TTY) hangup(gone bool) {
	t.mu.Lock()
	if gone {
		t.gone = true
	}
	t.hangups++
	for f := range t.files {
		f.hung = true
		f.task.Kill(kernel.SIGHUP)
		delete(t.files, f)
	}
	t.ld.flush()
	t.pending.clear()
	if t.running {
		t.shutdownLocked()
	}
	t.exclusive = false
	t.mu.Unlock()
	t.readers.WakeAll(kernel.PollHup)
	t.writers.WakeAll(kernel.PollHup)
	t.changes.WakeAll(kernel.PollHup)
}

// Receive takes characters from the hardware, with flags beside them, or nil where all are well. It never blocks. room is what
// can still be taken in before characters are lost: a driver whose line can wait stops reading at 0 until Throttle(false).
func (t *TTY) Receive(p []byte, flags []serial.Flags) (room int) {
	t.mu.Lock()
	if t.termios.Cflag&CREAD == 0 || !t.running {
		t.mu.Unlock()
		return maxBacklog
	}
	n := 0
	if t.pending.size() == 0 {
		n = t.receiveLocked(p, flags)
	}
	if n < len(p) {
		t.pending.add(p[n:], tail(flags, n))
	}
	t.throttleLocked()
	room = maxBacklog - t.pending.size()
	ready := t.ld.available(&t.termios, false)
	t.mu.Unlock()
	if ready {
		t.readers.Wake(kernel.PollIn | kernel.PollRdnorm)
		t.async.Kill()
	}
	return room
}

func tail(flags []serial.Flags, n int) []serial.Flags {
	if flags == nil {
		return nil
	}
	return flags[n:]
}

func (b *backlog) add(p []byte, flags []serial.Flags) {
	if b.at > 0 && len(b.data)+len(p) > cap(b.data) { // what was taken makes room
		b.data = b.data[:copy(b.data, b.data[b.at:])]
		if b.flags != nil {
			b.flags = b.flags[:copy(b.flags, b.flags[b.at:])]
		}
		b.at = 0
	}
	p = p[:min(len(p), maxBacklog-b.size())]
	if flags != nil || b.flags != nil {
		for len(b.flags) < len(b.data) {
			b.flags = append(b.flags, 0)
		}
		if flags == nil {
			flags = make([]serial.Flags, len(p))
		}
		b.flags = append(b.flags, flags[:len(p)]...)
	}
	b.data = append(b.data, p...)
}

// refillLocked moves what waits into the line discipline, after a read has made room.
//
// +checklocks:t.mu
func (t *TTY) refillLocked() {
	b := &t.pending
	if b.size() > 0 {
		b.at += t.receiveLocked(b.data[b.at:], tail(b.flags, b.at))
		if b.size() == 0 {
			b.clear()
		}
	}
	t.throttleLocked()
}

// throttleLocked asks the sender to pause when the buffer fills, and to go on when it has emptied.
//
// +checklocks:t.mu
func (t *TTY) throttleLocked() {
	l := &t.ld
	th, ok := t.port.(Throttler)
	if !ok {
		return
	}
	used := int(l.head - l.tail)
	switch {
	case !l.throttled && l.room() <= throttle && (t.termios.Lflag&ICANON == 0 || l.canonHead != l.tail):
		l.throttled = true
		th.Throttle(true)
		t.xchar(VSTOP)
	case l.throttled && used <= throttle && t.pending.size() == 0:
		l.throttled = false
		th.Throttle(false)
		t.xchar(VSTART)
	}
}

// xchar sends STOP or START where IXOFF is set.
//
// +checklocks:t.mu
func (t *TTY) xchar(index int) {
	if t.termios.Iflag&IXOFF != 0 {
		t.sendX(t.termios.CC[index])
	}
}

func (t *TTY) sendX(c byte) {
	if c == disabled {
		return
	}
	if x, ok := t.port.(XCharSender); ok {
		x.SendXChar(c)
		return
	}
	t.port.Write([]byte{c})
}

// Wakeup tells that the port has room again or has sent everything.
func (t *TTY) Wakeup() {
	t.mu.Lock()
	t.flushEcho()
	t.mu.Unlock()
	t.writers.Wake(kernel.PollOut | kernel.PollWrnorm)
	t.async.Kill()
}

// CarrierChanged tells that DCD has changed: opens that wait look again, and a lost carrier hangs up unless CLOCAL is set.
func (t *TTY) CarrierChanged(on bool) {
	t.mu.Lock()
	lost := !on && t.termios.Cflag&CLOCAL == 0 && len(t.files) > 0
	t.mu.Unlock()
	if lost {
		t.hangup(false)
	}
	t.changes.WakeAll(0)
}

// ModemChanged tells that some modem line has changed (TIOCMIWAIT).
func (t *TTY) ModemChanged() { t.changes.WakeAll(0) }

// setStopped holds or releases output (stop_tty, start_tty).
//
// +checklocks:t.mu
func (t *TTY) setStopped(on bool) {
	if t.ld.stopped == on {
		return
	}
	t.ld.stopped = on
	if s, ok := t.port.(Stopper); ok {
		s.Stop(on)
	}
	if !on {
		t.flushEcho()
		t.writers.Wake(kernel.PollOut | kernel.PollWrnorm)
	}
}
