package tty

import (
	"encoding/binary"
	"time"

	"github.com/kobench/kobench/kernel"
)

// Modem lines, breaks and what is counted.

// withPort calls fn with the port for itself.
//
// Errors: EIO the port has been shut down; those of fn.
func (t *TTY) withPort(fn func() error) error {
	t.portMu.Lock()
	defer t.portMu.Unlock()
	if !t.isRunning() {
		return kernel.EIO
	}
	return fn()
}

func (t *TTY) setBreak(on bool) error {
	if t.can.brk == nil {
		return nil
	}
	return t.withPort(func() error { return t.can.brk.SetBreak(on) })
}

// sendBreak is TCSBRK (0.25 s for argument 0, otherwise only the wait for output) and TCSBRKP (the
// argument in tenths of a second).
func (t *TTY) sendBreak(task *kernel.Task, cmd uint32, arg uint64) error {
	if err := t.drain(task, 0); err != nil {
		return err
	}
	d := 250 * time.Millisecond
	if cmd == TCSBRK && arg != 0 {
		return nil
	}
	if cmd == TCSBRKP && arg != 0 {
		d = time.Duration(arg) * 100 * time.Millisecond
	}
	if err := t.setBreak(true); err != nil {
		return err
	}
	left := task.Sleep(d)
	if err := t.setBreak(false); err != nil {
		return err
	}
	if left > 0 {
		return kernel.ERESTARTSYS
	}
	return nil
}

const settable = TIOCM_DTR | TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2 | TIOCM_LOOP

func (t *TTY) modem(cmd uint32, arg kernel.Arg) error {
	m := t.can.modem
	if m == nil {
		return kernel.ENOTTY
	}
	if cmd == TIOCMGET {
		var bits uint32
		err := t.withPort(func() (err error) { bits, err = m.ModemBits(); return err })
		if err != nil {
			return err
		}
		return arg.PutUint32(bits)
	}
	v, err := arg.Uint32()
	if err != nil {
		return err
	}
	v &= settable
	set, clear := v, settable&^v
	switch cmd {
	case TIOCMBIS:
		clear = 0
	case TIOCMBIC:
		set, clear = 0, v
	}
	return t.withPort(func() error { return m.SetModemBits(set, clear) })
}

// awaitModem is TIOCMIWAIT: it waits until one of the lines in mask has changed
// (uart_wait_modem_status).
func (tf *file) awaitModem(task *kernel.Task, mask uint32) error {
	t := tf.t
	c := t.can.count
	if c == nil {
		return kernel.ENOTTY
	}
	before := c.Counters()
	end := false
	err := task.WaitEvent(&t.changes, func() bool {
		end = tf.isHung()
		now := c.Counters()
		return end || mask&TIOCM_RNG != 0 && now.Ring != before.Ring || mask&TIOCM_DSR != 0 && now.DSREdge != before.DSREdge ||
			mask&TIOCM_CAR != 0 && now.DCDEdge != before.DCDEdge || mask&TIOCM_CTS != 0 && now.CTSEdge != before.CTSEdge
	})
	if err == nil && end {
		return kernel.EIO
	}
	return err
}

// counts is TIOCGICOUNT (struct serial_icounter_struct): 11 int and 9 reserved.
func (t *TTY) counts(arg kernel.Arg) error {
	c := t.can.count
	if c == nil {
		return kernel.ENOTTY
	}
	if len(arg.Buf) < 80 {
		return kernel.EFAULT
	}
	n := c.Counters()
	clear(arg.Buf[:80])
	for i, v := range [...]uint64{n.CTSEdge, n.DSREdge, n.Ring, n.DCDEdge, n.RX, n.TX, n.Frame, n.Overrun, n.Parity, n.Break, t.bufOverruns()} {
		binary.LittleEndian.PutUint32(arg.Buf[4*i:], uint32(v))
	}
	return nil
}

func (t *TTY) bufOverruns() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(t.ld.overruns)
}
