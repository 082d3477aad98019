package tty

import "github.com/kobench/kobench/kernel"

// open is tty_open with tty_port_open and tty_port_block_til_ready. An opening that is caught in a
// hang-up begins again, as there.
func (t *TTY) open(task *kernel.Task, f *kernel.File, owner *kernel.Module) error {
	t.mu.Lock()
	t.opening++
	t.mu.Unlock()
	tf := &file{t: t, task: task, mod: owner}
	for {
		began, err := t.startIfNeeded(task)
		if err == nil && !f.Nonblock() {
			err = t.awaitCarrier(task, began)
		}
		if err != nil {
			t.mu.Lock()
			t.opening--
			t.mu.Unlock()
			t.stopIfUnused()
			return err
		}
		t.mu.Lock()
		if t.hangups == began {
			t.opening--
			t.files[tf] = struct{}{}
			t.mu.Unlock()
			f.Private = tf
			return nil
		}
		t.mu.Unlock()
	}
}

// startIfNeeded starts the port up for the first open, and says how many hang-ups there had been.
// Who opens at the same time waits.
//
// Errors: EIO the line has been removed; EBUSY somebody has it for himself; those of the port.
func (t *TTY) startIfNeeded(task *kernel.Task) (began uint, err error) {
	t.lockPort()
	defer t.unlockPort()
	t.mu.Lock()
	gone, refused, running := t.gone, t.exclusive && !task.Capable(), t.running
	began = t.hangups
	t.ld.closing = false
	t.mu.Unlock()
	switch {
	case gone:
		return began, kernel.EIO
	case refused:
		return began, kernel.EBUSY
	case running:
		return began, nil
	}
	return began, t.startupLocked()
}

// startupLocked starts the port up, in the mode that the line was left in. What it receives
// meanwhile is taken.
//
// +checklocks:t.setting
// +checklocks:t.portMu
func (t *TTY) startupLocked() error {
	t.out.Lock()
	t.mu.Lock()
	tm := t.ld.tm
	t.ld = ldisc{tm: tm}
	t.echoing.Store(false)
	t.pending.clear()
	t.running = true
	t.mu.Unlock()
	t.told = false
	err := t.port.Startup(t)
	if err != nil {
		t.setRunningLocked(false)
	}
	t.out.Unlock()
	if err != nil {
		return err
	}
	t.port.SetTermios(&tm, nil)
	t.mu.Lock()
	t.ld.set(tm)
	t.publishLocked()
	t.mu.Unlock()
	t.service()
	if t.can.modem != nil && tm.Baud() != 0 {
		_ = t.can.modem.SetModemBits(TIOCM_DTR|TIOCM_RTS, 0)
	}
	return nil
}

// +checklocks:t.portMu
// +checklocks:t.out
func (t *TTY) setRunningLocked(on bool) {
	t.mu.Lock()
	t.running = on
	t.mu.Unlock()
}

// awaitCarrier waits until there is a carrier where one is needed, or for a hang-up.
func (t *TTY) awaitCarrier(task *kernel.Task, began uint) error {
	if t.ready(began) {
		return nil
	}
	return task.WaitEvent(&t.changes, func() bool { return t.ready(began) })
}

// ready is whether an open need not wait: CLOCAL, or there is a carrier, or there was a hang-up.
// Waiting raises DTR and RTS.
func (t *TTY) ready(began uint) bool {
	t.mu.Lock()
	now, baud := t.hangups != began || t.ld.tm.Cflag&CLOCAL != 0, t.ld.tm.Baud()
	t.mu.Unlock()
	m := t.can.modem
	if now || m == nil {
		return true
	}
	t.portMu.Lock()
	defer t.portMu.Unlock()
	if !t.isRunning() {
		return true
	}
	if baud != 0 {
		_ = m.SetModemBits(TIOCM_DTR|TIOCM_RTS, 0)
	}
	bits, err := m.ModemBits()
	return err != nil || bits&TIOCM_CAR != 0
}

// release is tty_release: the last close waits for the output to leave, and hangs up where HUPCL
// says so.
func release(task *kernel.Task, f *kernel.File) {
	tf := f.Private.(*file)
	t := tf.t
	t.async.Set(task, f, false)
	t.mu.Lock()
	last := len(t.files) == 1 && !tf.hung && t.opening == 0
	t.ld.closing = last
	t.mu.Unlock()
	if limit, none := t.closingLimit(); last && !none && !task.Killed() {
		_ = t.drain(task, limit)
	}
	t.mu.Lock()
	delete(t.files, tf)
	t.mu.Unlock()
	t.stopIfUnused()
	if tf.mod != nil {
		tf.mod.Put()
	}
}

func (t *TTY) stopIfUnused() {
	if !t.unused() {
		return
	}
	t.lockPort()
	defer t.unlockPort()
	if !t.unused() { // somebody was faster
		return
	}
	t.mu.Lock()
	t.exclusive, t.ld.closing = false, false
	t.mu.Unlock()
	t.shutdownLocked()
}

func (t *TTY) unused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.files) == 0 && t.opening == 0 && t.running
}

// shutdownLocked shuts the port down, after who hands something to it has left. An open that begins
// now waits for portMu.
//
// +checklocks:t.setting
// +checklocks:t.portMu
func (t *TTY) shutdownLocked() {
	t.out.Lock()
	t.setRunningLocked(false)
	t.out.Unlock()
	if t.can.modem != nil && t.Termios().Cflag&HUPCL != 0 {
		_ = t.can.modem.SetModemBits(0, TIOCM_DTR|TIOCM_RTS)
	}
	t.port.Shutdown()
}

// Hangup ends all that is open, for good: reads give end of file, writes and ioctls EIO, and so do
// opens (tty_vhangup).
func (t *TTY) Hangup() {
	t.hangup(true)
	t.hanging.Wait()
}

func (t *TTY) hangup(gone bool) {
	t.lockPort()
	t.mu.Lock()
	if gone {
		t.gone = true
	}
	t.hangups++
	for f := range t.files {
		f.hung = true // +checklocksignore
		f.task.Kill(kernel.SIGHUP)
		delete(t.files, f)
	}
	t.ld.flush()
	t.pending.clear()
	running := t.running
	t.exclusive = false
	t.mu.Unlock()
	if running {
		t.shutdownLocked()
	}
	t.unlockPort()
	t.readers.WakeAll(kernel.PollHup)
	t.writers.WakeAll(kernel.PollHup)
	t.changes.WakeAll(kernel.PollHup)
}

// CarrierChanged tells that DCD has changed: opens that wait look again, and a lost carrier hangs
// up unless CLOCAL is set. The hang-up itself happens in the background (tty_port_tty_hangup).
func (t *TTY) CarrierChanged(on bool) {
	t.mu.Lock()
	lost := !on && t.ld.tm.Cflag&CLOCAL == 0 && len(t.files) > 0 && !t.gone
	if lost {
		t.hanging.Add(1)
	}
	t.mu.Unlock()
	if lost {
		go func() {
			defer t.hanging.Done()
			t.hangup(false)
		}()
	}
	t.changes.WakeAll(0)
}

// ModemChanged tells that some modem line has changed (TIOCMIWAIT).
func (t *TTY) ModemChanged() { t.changes.WakeAll(0) }
