package tty

import (
	"bytes"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

const (
	bufSize   = 4096 // N_TTY_BUF_SIZE
	throttle  = 128  // TTY_THRESHOLD_THROTTLE: room left when the sender is asked to pause; bytes left when it may go on
	disabled  = 0    // _POSIX_VDISABLE; also the mark of an end of file in the buffer
	wakeChars = 256  // WAKEUP_CHARS: poll shows room to write below it
)

// ldisc is the N_TTY line discipline of one tty: the input buffer between what the hardware receives and what read takes, and
// the state of line editing and echo. Positions count bytes since the buffer was empty at open; their low bits index it. The tty's
// lock guards it.
//
//	read … canonHead    complete lines, to be read
//	canonHead … head    the line that is being typed (canonical mode)
type ldisc struct {
	buf       [bufSize]byte
	ends      [bufSize / 64]uint64 // where lines end
	tail      uint
	canonHead uint
	head      uint

	column    uint // of the cursor, for tabs
	lineStart uint // its column where the line began
	echo      []byte
	erasing   bool // inside an ECHOPRT erase
	lnext     bool // the next character is literal
	stopped   bool // by STOP or TCOOFF: nothing is sent
	throttled bool
	overruns  uint
}

// isEnd and setEnd are about line ends.
func (l *ldisc) isEnd(pos uint) bool {
	pos %= bufSize
	return l.ends[pos/64]&(1<<(pos%64)) != 0
}

func (l *ldisc) setEnd(pos uint, on bool) {
	pos %= bufSize
	if on {
		l.ends[pos/64] |= 1 << (pos % 64)
	} else {
		l.ends[pos/64] &^= 1 << (pos % 64)
	}
}

func (l *ldisc) at(pos uint) byte { return l.buf[pos%bufSize] }

// room is how many more characters fit.
func (l *ldisc) room() int { return bufSize - int(l.head-l.tail) }

func (l *ldisc) put(c byte) {
	l.buf[l.head%bufSize] = c
	l.setEnd(l.head, false)
	l.head++
}

// flush throws the input away (reset_buffer_flags).
func (l *ldisc) flush() {
	l.tail, l.head, l.canonHead = 0, 0, 0
	l.ends = [bufSize / 64]uint64{}
	l.erasing, l.lnext = false, false
}

// available is whether a read finds something; for poll, min is what it waits for ([n_tty] input_available_p).
func (l *ldisc) available(tm *Termios, poll bool) bool {
	if tm.Lflag&ICANON != 0 && tm.Lflag&EXTPROC == 0 {
		return l.canonHead != l.tail
	}
	min := uint(1)
	if poll && tm.CC[VTIME] == 0 && tm.CC[VMIN] != 0 {
		min = uint(tm.CC[VMIN])
	}
	return l.head-l.tail >= min
}

// raw is whether input goes into the buffer as it is, but for what PARMRK doubles.
func raw(tm *Termios) bool {
	return tm.Iflag&(ISTRIP|IUCLC|IGNCR|ICRNL|INLCR|IXON) == 0 && tm.Lflag&(ICANON|ISIG|ECHO) == 0
}

// receiveLocked takes characters, with flags beside them or nil, as far as there is room, and returns how many it took. One place is
// always kept free; a line that is longer than the buffer loses characters until it ends ([n_tty] n_tty_receive_buf_common).
//
// +checklocks:t.mu
func (t *TTY) receiveLocked(p []byte, flags []serial.Flags) (n int) {
	l, tm := &t.ld, &t.termios
	plain := flags == nil && raw(tm)
	for n < len(p) {
		room := l.room()
		if tm.Iflag&PARMRK != 0 {
			room = (room + 2) / 3
		}
		room--
		if room <= 0 {
			if tm.Lflag&ICANON == 0 || l.canonHead != l.tail {
				break
			}
			if room < 0 {
				l.head--
			}
			room = 1
		}
		chunk := p[n:min(len(p), n+room)]
		if plain && (tm.Iflag&PARMRK == 0 || bytes.IndexByte(chunk, 0o377) < 0) {
			at := l.head % bufSize
			k := copy(l.buf[at:], chunk)
			copy(l.buf[:], chunk[k:])
			l.head += uint(len(chunk))
			n += len(chunk)
			continue
		}
		for _, c := range chunk {
			f := serial.Flags(0)
			if flags != nil {
				f = flags[n]
			}
			t.receiveOne(c, f)
			n++
		}
	}
	t.flushEcho()
	return n
}

// +checklocks:t.mu
func (t *TTY) receiveOne(c byte, f serial.Flags) {
	l, tm := &t.ld, &t.termios
	if t.closing && tm.Lflag&EXTPROC == 0 {
		t.receiveClosing(c, f)
		return
	}
	switch {
	case f&serial.Break != 0:
		t.receiveBreak()
		return
	case f&(serial.ParityError|serial.Framing) != 0 && tm.Iflag&INPCK != 0:
		switch {
		case tm.Iflag&IGNPAR != 0:
		case tm.Iflag&PARMRK != 0:
			l.put(0o377)
			l.put(0)
			l.put(c)
		default:
			l.put(0)
		}
		return
	}
	if f&serial.Overrun != 0 {
		l.overruns++
	}
	if l.lnext {
		l.lnext = false
		if tm.Iflag&ISTRIP != 0 {
			c &= 0x7f
		}
		t.ordinary(c)
		return
	}
	if tm.Iflag&ISTRIP != 0 {
		c &= 0x7f
	}
	if tm.Iflag&IUCLC != 0 && tm.Lflag&IEXTEN != 0 && upper(c) {
		c |= 0x20
	}
	if tm.Lflag&EXTPROC != 0 {
		l.put(c)
		return
	}
	t.special(c)
}

// receiveClosing looks for flow control alone: nobody will read the rest, and an echo of it would keep a loop-back plug's port from ever closing
// ([n_tty] n_tty_receive_char_closing).
//
// +checklocks:t.mu
func (t *TTY) receiveClosing(c byte, f serial.Flags) {
	tm := &t.termios
	if f != 0 || tm.Iflag&IXON == 0 {
		return
	}
	if tm.Iflag&ISTRIP != 0 {
		c &= 0x7f
	}
	switch {
	case t.is(c, VSTART):
		t.setStopped(false)
	case t.is(c, VSTOP):
		t.setStopped(true)
	case !t.is(c, VINTR) && !t.is(c, VQUIT) && !t.is(c, VSUSP):
		t.resumeOnAny()
	}
}

// +checklocks:t.mu
func (t *TTY) receiveBreak() {
	l, tm := &t.ld, &t.termios
	switch {
	case tm.Iflag&IGNBRK != 0:
	case tm.Iflag&BRKINT != 0:
		t.signal(kernel.SIGINT)
	default:
		if tm.Iflag&PARMRK != 0 {
			l.put(0o377)
			l.put(0)
		}
		l.put(0)
	}
}

// ordinary enters a character that means nothing but itself.
//
// +checklocks:t.mu
func (t *TTY) ordinary(c byte) {
	l, tm := &t.ld, &t.termios
	t.resumeOnAny()
	if tm.Lflag&ECHO != 0 {
		t.finishErasing()
		if l.canonHead == l.head {
			l.lineStart = l.column
		}
		t.echoChar(c)
	}
	if tm.Iflag&PARMRK != 0 && c == 0o377 {
		l.put(c)
	}
	l.put(c)
}

// +checklocks:t.mu
func (t *TTY) resumeOnAny() {
	if t.ld.stopped && t.termios.Iflag&(IXON|IXANY) == IXON|IXANY {
		t.setStopped(false)
	}
}

// is reports whether c is a control character that is not disabled.
//
// +checklocks:t.mu
func (t *TTY) is(c byte, index int) bool { return c == t.termios.CC[index] && c != disabled }

// special looks at a character that may mean something ([n_tty] n_tty_receive_char_special).
//
// +checklocks:t.mu
func (t *TTY) special(c byte) {
	l, tm := &t.ld, &t.termios
	if tm.Iflag&IXON != 0 {
		switch {
		case t.is(c, VSTART):
			t.setStopped(false)
			return
		case t.is(c, VSTOP):
			t.setStopped(true)
			return
		}
	}
	if tm.Lflag&ISIG != 0 {
		for _, s := range [...]struct {
			index int
			sig   kernel.Signal
		}{{VINTR, kernel.SIGINT}, {VQUIT, kernel.SIGQUIT}, {VSUSP, kernel.SIGTSTP}} {
			if t.is(c, s.index) {
				t.signal(s.sig)
				if tm.Iflag&IXON != 0 {
					t.setStopped(false)
				}
				if tm.Lflag&ECHO != 0 {
					t.echoChar(c)
				}
				return
			}
		}
	}
	t.resumeOnAny()
	made := false // out of a carriage return
	switch {
	case c == '\r' && tm.Iflag&IGNCR != 0:
		return
	case c == '\r' && tm.Iflag&ICRNL != 0:
		c, made = '\n', true
	case c == '\n' && tm.Iflag&INLCR != 0:
		c = '\r'
	}
	if tm.Lflag&ICANON != 0 && t.edit(c) {
		return
	}
	if tm.Lflag&ECHO != 0 {
		t.finishErasing()
		if c == '\n' && made { // one that was typed shows as ^J here, outside of canonical mode
			t.echoRaw('\n')
		} else {
			if l.canonHead == l.head {
				l.lineStart = l.column
			}
			t.echoChar(c)
		}
	}
	if tm.Iflag&PARMRK != 0 && c == 0o377 {
		l.put(c)
	}
	l.put(c)
}

// edit is line editing in canonical mode; it reports whether c was dealt with.
//
// +checklocks:t.mu
func (t *TTY) edit(c byte) bool {
	l, tm := &t.ld, &t.termios
	ext := tm.Lflag&IEXTEN != 0
	switch {
	case t.is(c, VERASE), t.is(c, VKILL), ext && t.is(c, VWERASE):
		t.erase(c)
	case ext && t.is(c, VLNEXT):
		l.lnext = true
		if tm.Lflag&ECHO != 0 {
			t.finishErasing()
			if tm.Lflag&ECHOCTL != 0 {
				t.echoRaw('^')
				t.echoRaw('\b')
			}
		}
	case ext && tm.Lflag&ECHO != 0 && t.is(c, VREPRINT):
		t.finishErasing()
		t.echoChar(c)
		t.echoRaw('\n')
		for pos := l.canonHead; pos != l.head; pos++ {
			t.echoChar(l.at(pos))
		}
	case c == '\n':
		if tm.Lflag&(ECHO|ECHONL) != 0 {
			t.echoRaw('\n')
		}
		t.endLine(c)
	case t.is(c, VEOF):
		t.endLine(disabled)
	case t.is(c, VEOL), ext && t.is(c, VEOL2):
		if tm.Lflag&ECHO != 0 {
			if l.canonHead == l.head {
				l.lineStart = l.column
			}
			t.echoChar(c)
		}
		if tm.Iflag&PARMRK != 0 && c == 0o377 {
			l.put(c)
		}
		t.endLine(c)
	default:
		return false
	}
	return true
}

// +checklocks:t.mu
func (t *TTY) endLine(c byte) {
	l := &t.ld
	l.put(c)
	l.setEnd(l.head-1, true)
	l.canonHead = l.head
}

// signal sends a signal of the terminal and, without NOFLSH, throws away what is under way ([n_tty] isig).
//
// +checklocks:t.mu
func (t *TTY) signal(sig kernel.Signal) {
	if t.termios.Lflag&NOFLSH == 0 {
		t.ld.flush()
		t.ld.echo = t.ld.echo[:0]
		if f, ok := t.port.(Flusher); ok {
			f.FlushOutput()
		}
	}
	for f := range t.files {
		f.task.Kill(sig)
	}
}

// take copies input to p: in canonical mode up to and including a line's end, otherwise what there is. eof tells that the
// line that was taken was ended by EOF.
//
// +checklocks:t.mu
func (t *TTY) take(p []byte) (n int, more bool) {
	l := &t.ld
	if t.termios.Lflag&ICANON == 0 || t.termios.Lflag&EXTPROC != 0 {
		n = min(len(p), int(l.head-l.tail))
		at := l.tail % bufSize
		k := copy(p[:n], l.buf[at:])
		copy(p[k:n], l.buf[:])
		l.tail += uint(n)
		if l.tail == l.head && l.canonHead < l.tail {
			l.canonHead = l.tail
		}
		return n, true
	}
	for l.tail != l.canonHead {
		c, end := l.at(l.tail), l.isEnd(l.tail)
		if end && c == disabled {
			if n == len(p) && n > 0 { // the EOF of a line that just filled p is taken with it
				l.tail++
				return n, false
			}
			l.tail++
			return n, false
		}
		if n == len(p) {
			return n, false
		}
		p[n] = c
		n++
		l.tail++
		if end {
			return n, false
		}
		if n == len(p) {
			if l.tail != l.canonHead && l.isEnd(l.tail) && l.at(l.tail) == disabled {
				l.tail++
			}
			return n, false
		}
	}
	return n, false
}

// upper and lower are letters of Latin-1, as in the kernel's tables.
func upper(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 0xc0 && c <= 0xde && c != 0xd7 }

func lower(c byte) bool { return c >= 'a' && c <= 'z' || c >= 0xdf && c != 0xf7 }
