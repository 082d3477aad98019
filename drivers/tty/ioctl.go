package tty

import (
	"encoding/binary"
	"time"

	"github.com/kobench/kobench/kernel"
)

// The ioctls of a terminal (include/uapi/asm-generic/ioctls.h).
const (
	TCGETS      = 0x5401
	TCSETS      = 0x5402
	TCSETSW     = 0x5403
	TCSETSF     = 0x5404
	TCGETA      = 0x5405
	TCSETA      = 0x5406
	TCSETAW     = 0x5407
	TCSETAF     = 0x5408
	TCSBRK      = 0x5409
	TCXONC      = 0x540a
	TCFLSH      = 0x540b
	TIOCEXCL    = 0x540c
	TIOCNXCL    = 0x540d
	TIOCOUTQ    = 0x5411
	TIOCSTI     = 0x5412
	TIOCGWINSZ  = 0x5413
	TIOCSWINSZ  = 0x5414
	TIOCMGET    = 0x5415
	TIOCMBIS    = 0x5416
	TIOCMBIC    = 0x5417
	TIOCMSET    = 0x5418
	TIOCGSOFT   = 0x5419
	TIOCSSOFT   = 0x541a
	FIONREAD    = 0x541b // TIOCINQ
	TIOCGSERIAL = 0x541e
	TIOCGETD    = 0x5424
	TIOCSETD    = 0x5423
	TCSBRKP     = 0x5425
	TIOCSBRK    = 0x5427
	TIOCCBRK    = 0x5428
	TIOCGEXCL   = 0x80045440
	TCGETS2     = 0x802c542a
	TCSETS2     = 0x402c542b
	TCSETSW2    = 0x402c542c
	TCSETSF2    = 0x402c542d
	TIOCMIWAIT  = 0x545c
	TIOCGICOUNT = 0x545d
	TIOCVHANGUP = 0x5437
)

// Arguments of TCXONC and TCFLSH.
const (
	TCOOFF, TCOON, TCIOFF, TCION  = 0, 1, 2, 3
	TCIFLUSH, TCOFLUSH, TCIOFLUSH = 0, 1, 2
)

// ioctl is tty_ioctl with n_tty_ioctl_helper and the serial core's.
func ioctl(task *kernel.Task, f *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
	tf := f.Private.(*file)
	t := tf.t
	t.mu.Lock()
	hung := tf.hung
	t.mu.Unlock()
	if hung {
		return 0, kernel.EIO
	}
	n, err := t.dispatch(task, tf, cmd, arg)
	switch cmd {
	case TCSETS, TCSETSW, TCSETSF, TCSETA, TCSETAW, TCSETAF, TCSETS2, TCSETSW2, TCSETSF2, TCSBRK, TCSBRKP, TIOCSBRK, TIOCCBRK, TIOCMSET, TIOCMBIS, TIOCMBIC:
		if err == nil {
			err = t.settle()
		}
	}
	return n, err
}

// settle waits for a port whose hardware takes its time.
func (t *TTY) settle() error {
	if s, ok := t.port.(Settler); ok {
		return s.Settle()
	}
	return nil
}

func (t *TTY) dispatch(task *kernel.Task, tf *file, cmd uint32, arg kernel.Arg) (int, error) {
	switch cmd {
	case TCGETS:
		return 0, t.getTermios(arg, sizeTermios)
	case TCGETS2:
		return 0, t.getTermios(arg, sizeTermios2)
	case TCGETA:
		return 0, t.getTermios(arg, sizeTermio)
	case TCSETS, TCSETSW, TCSETSF:
		return 0, t.setTermios(task, arg, sizeTermios, cmd-TCSETS)
	case TCSETA, TCSETAW, TCSETAF:
		return 0, t.setTermios(task, arg, sizeTermio, cmd-TCSETA)
	case TCSETS2, TCSETSW2, TCSETSF2:
		return 0, t.setTermios(task, arg, sizeTermios2, cmd-TCSETS2)
	case TCSBRK, TCSBRKP:
		return 0, t.sendBreak(task, cmd, arg.Val)
	case TIOCSBRK, TIOCCBRK:
		return 0, t.setBreak(cmd == TIOCSBRK)
	case TCXONC:
		return 0, t.flow(arg.Val)
	case TCFLSH:
		return 0, t.flushQueues(arg.Val)
	case TIOCMGET, TIOCMSET, TIOCMBIS, TIOCMBIC:
		return 0, t.modem(cmd, arg)
	case TIOCMIWAIT:
		return 0, t.awaitModem(task, tf, uint32(arg.Val))
	case TIOCGICOUNT:
		return 0, t.counts(arg)
	case TIOCGSERIAL:
		return 0, t.describe(arg)
	case TIOCVHANGUP:
		if !task.Capable() {
			return 0, kernel.EPERM
		}
		t.hangup(false)
		return 0, nil
	}
	return t.simpleIoctl(task, cmd, arg)
}

// simpleIoctl are the ones that only look at the tty's own state.
func (t *TTY) simpleIoctl(task *kernel.Task, cmd uint32, arg kernel.Arg) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch cmd {
	case FIONREAD:
		l := &t.ld
		n := l.head - l.tail
		if t.termios.Lflag&ICANON != 0 {
			n = 0
			for pos := l.tail; pos != l.canonHead; pos++ {
				if !(l.isEnd(pos) && l.at(pos) == disabled) {
					n++
				}
			}
		}
		return 0, arg.PutUint32(uint32(n))
	case TIOCOUTQ:
		_, pending := t.port.Queue()
		return 0, arg.PutUint32(uint32(pending))
	case TIOCEXCL, TIOCNXCL:
		t.exclusive = cmd == TIOCEXCL
		return 0, nil
	case TIOCGEXCL:
		return 0, arg.PutUint32(bit(t.exclusive))
	case TIOCGSOFT:
		return 0, arg.PutUint32(bit(t.termios.Cflag&CLOCAL != 0))
	case TIOCSSOFT:
		v, err := arg.Uint32()
		if err != nil {
			return 0, err
		}
		old := t.termios
		t.termios.Cflag &^= CLOCAL
		if v != 0 {
			t.termios.Cflag |= CLOCAL
		}
		t.port.SetTermios(&t.termios, &old)
		return 0, nil
	case TIOCGETD:
		return 0, arg.PutUint32(0)
	case TIOCSETD:
		if v, err := arg.Uint32(); err != nil || v == 0 {
			return 0, err
		}
		return 0, kernel.EINVAL
	case TIOCGWINSZ, TIOCSWINSZ:
		if len(arg.Buf) < len(t.winsize) {
			return 0, kernel.EFAULT
		}
		if cmd == TIOCGWINSZ {
			copy(arg.Buf, t.winsize[:])
		} else {
			copy(t.winsize[:], arg.Buf)
		}
		return 0, nil
	case TIOCSTI:
		if !task.Capable() {
			return 0, kernel.EPERM
		}
		if len(arg.Buf) < 1 {
			return 0, kernel.EFAULT
		}
		t.receiveLocked(arg.Buf[:1], nil)
		t.readers.Wake(kernel.PollIn | kernel.PollRdnorm)
		return 0, nil
	}
	return 0, kernel.ENOTTY
}

func bit(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

func (t *TTY) getTermios(arg kernel.Arg, size int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.termios.encode(arg.Buf, size)
}

// setTermios is set_termios: how 0 sets at once, 1 waits for output to leave first, 2 throws the input away as well.
func (t *TTY) setTermios(task *kernel.Task, arg kernel.Arg, size int, how uint32) error {
	now := t.Termios()
	if err := now.decode(arg.Buf, size); err != nil {
		return err
	}
	if how == 2 {
		if err := t.flushQueues(TCIFLUSH); err != nil {
			return err
		}
	}
	if how > 0 {
		if err := t.drain(task, 0); err != nil {
			return err
		}
	}
	t.SetTermios(now)
	return nil
}

// SetTermios changes how the line is set, as TCSETS does. The hardware may correct the rates.
func (t *TTY) SetTermios(now Termios) {
	t.mu.Lock()
	old := t.termios
	t.termios = now
	if t.running {
		t.port.SetTermios(&t.termios, &old)
		t.modemOnRateLocked(&old)
	}
	l := &t.ld
	if (old.Lflag^now.Lflag)&(ICANON|EXTPROC) != 0 { // what was typed becomes readable, or starts a line ([n_tty] n_tty_set_termios)
		l.ends = [bufSize / 64]uint64{}
		if now.Lflag&ICANON == 0 || l.head == l.tail {
			l.canonHead = l.tail
		} else {
			l.setEnd(l.head-1, true)
			l.canonHead = l.head
		}
		l.lnext = false
	}
	if now.Iflag&IXON == 0 && old.Iflag&IXON != 0 {
		t.setStopped(false)
	}
	t.mu.Unlock()
	t.readers.Wake(0)
	t.writers.Wake(0)
	t.changes.WakeAll(0)
}

// modemOnRateLocked drops DTR and RTS at rate 0 and raises them when it is left (uart_set_termios).
//
// +checklocks:t.mu
func (t *TTY) modemOnRateLocked(old *Termios) {
	m, ok := t.port.(Modem)
	if !ok {
		return
	}
	was, is := old.Cflag&CBAUD != 0, t.termios.Cflag&CBAUD != 0
	switch {
	case was && !is:
		_ = m.SetModemBits(0, TIOCM_DTR|TIOCM_RTS)
	case !was && is:
		_ = m.SetModemBits(TIOCM_DTR|TIOCM_RTS, 0)
	}
}

func (t *TTY) setBreak(on bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b, ok := t.port.(Breaker); ok {
		return b.SetBreak(on)
	}
	return nil
}

// sendBreak is TCSBRK (0.25 s for argument 0, otherwise only the wait for output) and TCSBRKP (the argument in tenths of a second).
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

func (t *TTY) flow(arg uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch arg {
	case TCOOFF:
		t.setStopped(true)
	case TCOON:
		t.setStopped(false)
	case TCIOFF:
		t.sendX(t.termios.CC[VSTOP])
	case TCION:
		t.sendX(t.termios.CC[VSTART])
	default:
		return kernel.EINVAL
	}
	return nil
}

func (t *TTY) flushQueues(arg uint64) error {
	if arg > TCIOFLUSH {
		return kernel.EINVAL
	}
	t.mu.Lock()
	if arg != TCOFLUSH {
		t.ld.flush()
		t.pending.clear()
		t.throttleLocked()
	}
	if arg != TCIFLUSH {
		t.ld.echo = t.ld.echo[:0]
		if f, ok := t.port.(Flusher); ok {
			f.FlushOutput()
		}
	}
	t.mu.Unlock()
	t.writers.Wake(kernel.PollOut | kernel.PollWrnorm)
	return nil
}

const settable = TIOCM_DTR | TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2 | TIOCM_LOOP

func (t *TTY) modem(cmd uint32, arg kernel.Arg) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, ok := t.port.(Modem)
	if !ok {
		return kernel.ENOTTY
	}
	if cmd == TIOCMGET {
		bits, err := m.ModemBits()
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
	switch cmd {
	case TIOCMBIS:
		return m.SetModemBits(v, 0)
	case TIOCMBIC:
		return m.SetModemBits(0, v)
	}
	return m.SetModemBits(v, settable&^v)
}

// awaitModem is TIOCMIWAIT: it waits until one of the lines in mask has changed (uart_wait_modem_status).
func (t *TTY) awaitModem(task *kernel.Task, tf *file, mask uint32) error {
	c, ok := t.port.(Counter)
	if !ok {
		return kernel.ENOTTY
	}
	before := c.Counters()
	end := false
	err := task.WaitEvent(&t.changes, func() bool {
		t.mu.Lock()
		end = tf.hung
		t.mu.Unlock()
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
	c, ok := t.port.(Counter)
	if !ok {
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

// describe is TIOCGSERIAL: struct serial_struct of x86-64, 72 bytes.
func (t *TTY) describe(arg kernel.Arg) error {
	d, ok := t.port.(Describer)
	if !ok {
		return kernel.ENOTTY
	}
	if len(arg.Buf) < 72 {
		return kernel.EFAULT
	}
	s := d.Describe()
	clear(arg.Buf[:72])
	le := binary.LittleEndian
	for i, v := range [...]uint32{uint32(s.Type), uint32(s.Line), s.Port, uint32(s.IRQ), uint32(s.Flags), uint32(s.XmitFIFO), 0, uint32(s.BaudBase)} {
		le.PutUint32(arg.Buf[4*i:], v)
	}
	le.PutUint16(arg.Buf[32:], 50) // close_delay, in hundredths of a second
	le.PutUint16(arg.Buf[38:], 3000)
	return nil
}
