package tty

import (
	"time"

	"github.com/kobench/kobench/kernel"
)

// closingWait is how long a last close waits for output to leave (30 s as in drivers/tty/serial).
const closingWait = 30 * time.Second

// How long a drain waits before it looks again; minAskStep where that is a question to a device.
const (
	minDrainStep = 100 * time.Microsecond
	minAskStep   = time.Millisecond
	maxDrainStep = 100 * time.Millisecond
)

// read is n_tty_read: lines in canonical mode, else as VMIN and VTIME say.
//
//	VMIN  VTIME  returns when
//	 n      0    n bytes (or all that were asked for) are there
//	 n      t    n bytes are there, or t tenths of a second have passed since the last one; the first is waited for without limit
//	 0      t    any byte is there, or t tenths have passed
//	 0      0    at once
func read(task *kernel.Task, f *kernel.File, p []byte) (int, error) {
	tf := f.Private.(*file)
	t := tf.t
	t.mu.Lock()
	canon := t.termios.Lflag&ICANON != 0
	minimum, between, timeout := 1, time.Duration(0), time.Duration(-1)
	if !canon {
		tenths := time.Duration(t.termios.CC[VTIME]) * 100 * time.Millisecond
		if minimum = int(t.termios.CC[VMIN]); minimum > 0 {
			between = tenths
		} else {
			timeout, minimum = tenths, 1
		}
	}
	t.mu.Unlock()
	n := 0
	for len(p) > 0 {
		var err error
		timeout, err = t.awaitInput(task, f, tf, timeout, n)
		if err != nil {
			if err == errEnd || n > 0 {
				break
			}
			return 0, err
		}
		t.mu.Lock()
		got, more := t.take(p[n:])
		t.refillLocked()
		t.mu.Unlock()
		n += got
		if !more || n == len(p) || n >= minimum {
			break
		}
		if between > 0 {
			timeout = between
		}
	}
	return n, nil
}

// errEnd ends a read with what it has: hung up, or the time is over.
const errEnd = kernel.Errno(-1)

// awaitInput waits until take would find something. timeout < 0 waits for ever. It returns what is left of it.
func (t *TTY) awaitInput(task *kernel.Task, f *kernel.File, tf *file, timeout time.Duration, have int) (time.Duration, error) {
	end := false
	look := func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.ld.available(&t.termios, false) {
			return true
		}
		end = tf.hung
		return end
	}
	switch {
	case look():
		if end {
			return timeout, errEnd
		}
		return timeout, nil
	case timeout == 0:
		return 0, errEnd
	case f.Nonblock():
		return timeout, kernel.EAGAIN
	case timeout < 0:
		if err := task.WaitEvent(&t.readers, look); err != nil {
			return timeout, err
		}
	default:
		start := time.Now()
		err := task.WaitEventTimeout(&t.readers, timeout, look)
		if err == kernel.ETIMEDOUT {
			return 0, errEnd
		} else if err != nil {
			return timeout, err
		}
		timeout = max(timeout-time.Since(start), 0)
	}
	if end {
		return timeout, errEnd
	}
	return timeout, nil
}

// write is n_tty_write: a blocking one takes all.
func write(task *kernel.Task, f *kernel.File, p []byte) (int, error) {
	tf := f.Private.(*file)
	t := tf.t
	n := 0
	for {
		t.mu.Lock()
		if tf.hung {
			t.mu.Unlock()
			if n > 0 {
				return n, nil
			}
			return 0, kernel.EIO
		}
		t.flushEcho()
		n += t.outputLocked(p[n:])
		t.mu.Unlock()
		switch {
		case n == len(p):
			return n, nil
		case f.Nonblock():
			if n > 0 {
				return n, nil
			}
			return 0, kernel.EAGAIN
		}
		err := task.WaitEvent(&t.writers, func() bool {
			t.mu.Lock()
			defer t.mu.Unlock()
			return tf.hung || t.roomLocked() > 0
		})
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
	}
}

// +checklocks:t.mu
func (t *TTY) roomLocked() int {
	if t.heldLocked() || len(t.ld.echo) > 0 {
		return 0
	}
	room, _ := t.port.Queue()
	return room
}

// heldLocked is whether output stays in the tty: a port that can be stopped takes it and holds it itself.
//
// +checklocks:t.mu
func (t *TTY) heldLocked() bool {
	_, ok := t.port.(Stopper)
	return t.ld.stopped && !ok
}

// outputLocked hands as much of p to the port as it has room for, processed where OPOST says so.
//
// +checklocks:t.mu
func (t *TTY) outputLocked(p []byte) int {
	room := t.roomLocked()
	if room == 0 {
		return 0
	}
	if t.termios.Oflag&OPOST == 0 {
		return t.port.Write(p)
	}
	var buf [512]byte
	out, n := buf[:0], 0
	for n < len(p) && len(out)+8 <= min(room, len(buf)) {
		out = t.opost(out, p[n])
		n++
	}
	if n == 0 && len(p) > 0 { // less room than one character may need
		before := t.ld
		column, lineStart := before.column, before.lineStart
		if out = t.opost(out, p[0]); len(out) > room {
			t.ld.column, t.ld.lineStart = column, lineStart
			return 0
		}
		n = 1
	}
	t.port.Write(out)
	return n
}

// poll is n_tty_poll.
func poll(_ *kernel.Task, f *kernel.File, w *kernel.PollTable) (ev kernel.Events) {
	tf := f.Private.(*file)
	t := tf.t
	w.Wait(&t.readers)
	w.Wait(&t.writers)
	t.mu.Lock()
	defer t.mu.Unlock()
	if tf.hung {
		return kernel.PollIn | kernel.PollOut | kernel.PollErr | kernel.PollHup | kernel.PollRdnorm | kernel.PollWrnorm
	}
	if t.ld.available(&t.termios, true) {
		ev |= kernel.PollIn | kernel.PollRdnorm
	}
	if room, pending := t.port.Queue(); !t.heldLocked() && room > 0 && pending < wakeChars {
		ev |= kernel.PollOut | kernel.PollWrnorm
	}
	return ev
}

func fasync(task *kernel.Task, f *kernel.File, _ int, on bool) error {
	f.Private.(*file).t.async.Set(task, f, on)
	return nil
}

// drain waits until everything that was written has left (tty_wait_until_sent). limit 0 is no limit.
//
// Errors: ERESTARTSYS a signal; ETIMEDOUT.
func (t *TTY) drain(task *kernel.Task, limit time.Duration) error {
	left, over := 1, false
	look := func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		over = !t.running
		_, left = t.port.Queue()
		return over || left == 0 && len(t.ld.echo) == 0
	}
	asks, slow := t.port.(Emptier)
	for start := time.Now(); ; {
		least := minDrainStep
		if look() {
			if over || !slow || asks.TxEmpty() {
				return nil
			}
			left, least = 1, minAskStep
		}
		wait := t.lineTime(left, least) // the end of the last character raises no interrupt (drivers/tty/serial/serial_core.c uart_wait_until_sent)
		if limit > 0 {
			if wait = min(wait, limit-time.Since(start)); wait <= 0 {
				return kernel.ETIMEDOUT
			}
		}
		if err := task.WaitEventTimeout(&t.writers, wait, func() bool { return least == minDrainStep && look() }); err != nil && err != kernel.ETIMEDOUT {
			return err
		}
	}
}

// lineTime is about how long n characters take, but no less than least and no more than maxDrainStep.
func (t *TTY) lineTime(n int, least time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	const bits = 10 // of a character
	return min(max(time.Duration(n)*bits*time.Second/time.Duration(max(t.termios.Baud(), 1)), least), maxDrainStep)
}
