package tty

import (
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

// backlog is what was received while the line discipline had no room (the flip buffers). Its memory
// stays.
type backlog struct {
	data  []byte
	flags []serial.Flags // nil: all are well
	at    int            // taken
}

const maxBacklog = 65536 // bytes

func (b *backlog) size() int { return len(b.data) - b.at }

func (b *backlog) clear() { b.data, b.flags, b.at = b.data[:0], nil, 0 }

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

func tail(flags []serial.Flags, n int) []serial.Flags {
	if flags == nil {
		return nil
	}
	return flags[n:]
}

// Receive takes characters from the hardware, with flags beside them, or nil where all are well. It
// never blocks. room is what can still be taken in before characters are lost: a driver whose line
// can wait stops reading before that, and looks at Throttled after it has: when that is false
// nobody will tell it to go on.
func (t *TTY) Receive(p []byte, flags []serial.Flags) (room int) {
	t.mu.Lock()
	if t.ld.tm.Cflag&CREAD == 0 || !t.running {
		t.mu.Unlock()
		return maxBacklog
	}
	n := 0
	if t.pending.size() == 0 {
		n = t.ld.receive(p, flags)
	}
	if n < len(p) {
		t.pending.add(p[n:], tail(flags, n))
	}
	t.throttleLocked()
	room = maxBacklog - t.pending.size()
	ready := t.ld.available(false)
	lost := t.overrunsLocked()
	t.publishLocked()
	t.mu.Unlock()
	if lost > 0 {
		t.driver.env.Kernel().Log.Printf(kernel.LevelWarning, "%s %s: %d input overrun(s)", t.driver.Name, t.Name(), lost)
	}
	t.service()
	if ready {
		t.readers.Wake(kernel.PollIn | kernel.PollRdnorm)
		t.async.Kill()
	}
	return room
}

// overrunsLocked is how many overruns are to be said now: those since the last time, once a second
// ([n_tty] n_tty_receive_overrun).
//
// +checklocks:t.mu
func (t *TTY) overrunsLocked() uint {
	lost := t.ld.overruns - t.overrunsSaid
	if lost == 0 {
		return 0
	}
	now := t.now()
	if t.overrunsSaid > 0 && now-t.overrunTime < time.Second {
		return 0
	}
	t.overrunsSaid, t.overrunTime = t.ld.overruns, now
	return lost
}

// Throttled is whether the sender has been asked to pause, or is about to be (tty_throttled).
func (t *TTY) Throttled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ld.throttled
}

// refillLocked moves what waits into the line discipline, after a read has made room.
//
// +checklocks:t.mu
func (t *TTY) refillLocked() {
	b := &t.pending
	if b.size() > 0 {
		b.at += t.ld.receive(b.data[b.at:], tail(b.flags, b.at))
		if b.size() == 0 {
			b.clear()
		}
	}
	t.throttleLocked()
}

// +checklocks:t.mu
func (t *TTY) throttleLocked() {
	if t.can.throttle != nil {
		t.ld.throttle(t.pending.size() > 0)
	}
}
