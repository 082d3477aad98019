package tty

import "github.com/kobench/kobench/kernel"

// How a line is set: tcgetattr and tcsetattr.

func (t *TTY) getTermios(arg kernel.Arg, size int) error {
	t.setting.Lock() // a change that is under way comes first
	defer t.setting.Unlock()
	now := t.Termios()
	return now.encode(arg.Buf, size)
}

// setTermios is set_termios: how 0 sets at once, 1 waits for output to leave first, 2 throws the
// input away as well.
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
	t.change(func(tm *Termios) { *tm = now })
	return nil
}

// setSoft is TIOCSSOFT: CLOCAL alone.
func (t *TTY) setSoft(arg kernel.Arg) error {
	v, err := arg.Uint32()
	if err != nil {
		return err
	}
	t.change(func(tm *Termios) {
		tm.Cflag &^= CLOCAL
		if v != 0 {
			tm.Cflag |= CLOCAL
		}
	})
	return nil
}

// change is tty_set_termios: the hardware is set first and may correct what it cannot do, then the
// line discipline.
func (t *TTY) change(to func(tm *Termios)) {
	t.setting.Lock()
	old := t.Termios()
	now := old
	to(&now)
	t.portMu.Lock()
	if t.isRunning() {
		t.port.SetTermios(&now, &old)
		t.modemOnRateLocked(&now, &old)
	}
	t.portMu.Unlock()
	t.mu.Lock()
	t.ld.set(now)
	t.publishLocked()
	t.mu.Unlock()
	t.setting.Unlock()
	t.serviceNow()
	t.readers.Wake(0)
	t.writers.Wake(0)
	t.changes.WakeAll(0)
}

// modemOnRateLocked drops DTR and RTS at rate 0 and raises them when it is left (uart_set_termios).
//
// +checklocks:t.portMu
func (t *TTY) modemOnRateLocked(now, old *Termios) {
	if t.can.modem == nil {
		return
	}
	was, is := old.Cflag&CBAUD != 0, now.Cflag&CBAUD != 0
	switch {
	case was && !is:
		_ = t.can.modem.SetModemBits(0, TIOCM_DTR|TIOCM_RTS)
	case !was && is:
		_ = t.can.modem.SetModemBits(TIOCM_DTR|TIOCM_RTS, 0)
	}
}
