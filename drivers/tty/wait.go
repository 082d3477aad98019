package tty

import (
	"time"

	"github.com/kobench/kobench/kernel"
)

// How long a drain waits before it looks again; minAskStep where that is a question to a device.
const (
	minDrainStep = 100 * time.Microsecond
	minAskStep   = time.Millisecond
	maxDrainStep = 100 * time.Millisecond
)

// poll is n_tty_poll.
func poll(_ *kernel.Task, f *kernel.File, w *kernel.PollTable) (ev kernel.Events) {
	tf := f.Private.(*file)
	t := tf.t
	w.Wait(&t.readers)
	w.Wait(&t.writers)
	t.mu.Lock()
	hung, input, held := tf.hung, t.ld.available(true), t.heldLocked()
	t.mu.Unlock()
	if hung {
		return kernel.PollIn | kernel.PollOut | kernel.PollErr | kernel.PollHup | kernel.PollRdnorm | kernel.PollWrnorm
	}
	if input {
		ev |= kernel.PollIn | kernel.PollRdnorm
	}
	if room, pending := t.port.Queue(); !held && room > 0 && pending < wakeChars {
		ev |= kernel.PollOut | kernel.PollWrnorm
	}
	return ev
}

func fasync(task *kernel.Task, f *kernel.File, _ int, on bool) error {
	f.Private.(*file).t.async.Set(task, f, on)
	return nil
}

// drain waits until everything that was written has left (tty_wait_until_sent). limit 0 is no
// limit.
//
// Errors: ERESTARTSYS a signal; ETIMEDOUT.
func (t *TTY) drain(task *kernel.Task, limit time.Duration) error {
	left, over := 1, false
	look := func() bool {
		t.mu.Lock()
		echo := len(t.ld.echo)
		over = !t.running
		t.mu.Unlock()
		_, left = t.port.Queue() // after the echo, which moves from there to here
		return over || left == 0 && echo == 0
	}
	for start := t.now(); ; {
		least := minDrainStep
		if look() {
			if over || t.can.empty == nil || t.can.empty.TxEmpty() {
				return nil
			}
			left, least = 1, minAskStep
		}
		// the end of the last character raises no interrupt (drivers/tty/serial/serial_core.c
		// uart_wait_until_sent)
		wait := t.lineTime(left, least)
		if limit > 0 {
			if wait = min(wait, limit-(t.now()-start)); wait <= 0 {
				return kernel.ETIMEDOUT
			}
		}
		if err := task.WaitEventTimeout(&t.writers, wait, func() bool { return least == minDrainStep && look() }); err != nil && err != kernel.ETIMEDOUT {
			return err
		}
	}
}

// lineTime is about how long n characters take, but no less than least and no more than
// maxDrainStep.
func (t *TTY) lineTime(n int, least time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	const bits = 10 // of a character
	return min(max(time.Duration(n)*bits*time.Second/time.Duration(max(t.ld.tm.Baud(), 1)), least), maxDrainStep)
}
