package tty

import "github.com/kobench/kobench/kernel"

// serviceLimit is how often a caller of service goes on before a goroutine takes over: an echo that
// comes back is echoed, for ever.
const serviceLimit = 16

// service does what the discipline asks of the port. It never waits: if somebody has out, he does
// it when he gives that up.
//
// Checklocks does not know TryLock.
// +checklocksignore
func (t *TTY) service() {
	for n := 0; t.wanted.Load() && t.out.TryLock(); n++ {
		if n == serviceLimit {
			t.out.Unlock()
			go t.service()
			return
		}
		t.serviceLocked()
		t.out.Unlock()
	}
}

// serviceNow is service that has been done when it returns.
func (t *TTY) serviceNow() {
	t.out.Lock()
	t.serviceLocked()
	t.out.Unlock()
	t.service()
}

// +checklocks:t.out
func (t *TTY) serviceLocked() {
	t.wanted.Store(false)
	t.mu.Lock()
	a := t.ld.asks
	t.ld.asks = asks{}
	running, stopped, throttled, echo := t.running, t.ld.stopped, t.ld.throttled, len(t.ld.echo) > 0
	t.mu.Unlock()
	if !running {
		return
	}
	if a.flush && t.can.flush != nil {
		t.can.flush.FlushOutput()
	}
	if a.throttle && t.can.throttle != nil {
		t.can.throttle.Throttle(throttled)
	}
	if a.x != 0 {
		t.sendXLocked(a.x)
	}
	if stopped != t.told {
		t.told = stopped
		if t.can.stop != nil {
			t.can.stop.Stop(stopped)
		}
		if !stopped {
			t.writers.Wake(kernel.PollOut | kernel.PollWrnorm)
		}
	}
	if echo {
		t.echoLocked()
	}
}

// +checklocks:t.out
func (t *TTY) sendXLocked(c byte) {
	if t.can.xchar != nil {
		t.can.xchar.SendXChar(c)
		return
	}
	t.chunk[0] = c
	t.port.Write(t.chunk[:1])
}

// echoLocked hands the echo that waits now to the port, as far as that has room. It stays in the
// discipline until the port has it, and what is echoed meanwhile (the port may deliver before Write
// returns) has its turn later.
//
// +checklocks:t.out
func (t *TTY) echoLocked() {
	for left := maxEcho; left > 0; {
		t.mu.Lock()
		dropped := t.ld.dropped
		left = min(left, len(t.ld.echo))
		n := copy(t.chunk[:], t.ld.echo[:left])
		if t.heldLocked() {
			n = 0
		}
		t.mu.Unlock()
		if n == 0 {
			return
		}
		sent := t.port.Write(t.chunk[:n])
		t.mu.Lock()
		if t.ld.dropped == dropped {
			t.ld.echo = t.ld.echo[:copy(t.ld.echo, t.ld.echo[sent:])]
			t.echoing.Store(len(t.ld.echo) > 0)
		}
		t.mu.Unlock()
		if sent < n {
			return
		}
		left -= sent
	}
}

// heldLocked is whether output stays in the tty: a port that can be stopped takes it and holds it
// itself.
//
// +checklocks:t.mu
func (t *TTY) heldLocked() bool { return t.ld.stopped && t.can.stop == nil }

// Wakeup tells that the port has room again or has sent everything.
func (t *TTY) Wakeup() {
	if t.echoing.Load() {
		t.wanted.Store(true)
		t.service()
	}
	t.writers.Wake(kernel.PollOut | kernel.PollWrnorm)
	t.async.Kill()
}

// write is n_tty_write: a blocking one takes all.
func write(task *kernel.Task, f *kernel.File, p []byte) (int, error) {
	tf := f.Private.(*file)
	t := tf.t
	n := 0
	for {
		k, err := tf.output(p[n:])
		n += k
		switch {
		case n == len(p) && err == nil:
			return n, nil
		case err == nil && f.Nonblock() && n == 0:
			return 0, kernel.EAGAIN
		case err == nil && !f.Nonblock():
			err = task.WaitEvent(&t.writers, func() bool { return tf.writable() })
		}
		switch {
		case n > 0 && (err != nil || f.Nonblock()):
			return n, nil
		case err != nil:
			return 0, err
		}
	}
}

// output hands as much of p to the port as it has room for, behind the echo that waits now,
// processed where OPOST says so.
//
// Errors: EIO the file has been hung up.
func (tf *file) output(p []byte) (n int, err error) {
	t := tf.t
	t.out.Lock()
	t.mu.Lock()
	if len(t.ld.echo) > 0 || t.wanted.Load() {
		t.mu.Unlock()
		t.serviceLocked()
		t.mu.Lock()
	}
	hung := tf.hung
	wait := t.heldLocked()
	process := t.ld.tm.Oflag&OPOST != 0
	t.mu.Unlock()
	switch {
	case hung:
		err = kernel.EIO
	case wait:
	case process:
		n = t.processLocked(p)
	default:
		n = t.port.Write(p)
	}
	t.out.Unlock()
	t.service()
	return n, err
}

// processLocked is output with OPOST. The port has room for what is handed to it: only who has out
// hands it something.
//
// +checklocks:t.out
func (t *TTY) processLocked(p []byte) (n int) {
	for n < len(p) {
		room, _ := t.port.Queue()
		t.mu.Lock()
		out, k := t.ld.process(t.chunk[:0], p[n:], min(room, len(t.chunk)))
		t.mu.Unlock()
		if k == 0 {
			break
		}
		t.port.Write(out)
		n += k
	}
	return n
}

// writable is whether a write would be taken, or end.
func (tf *file) writable() bool {
	t := tf.t
	t.mu.Lock()
	hung, wait := tf.hung, t.heldLocked()
	t.mu.Unlock()
	if hung || wait {
		return hung
	}
	room, _ := t.port.Queue()
	return room > 0
}
