package tty

import (
	"bytes"
	"slices"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

const (
	bufSize = 4096 // N_TTY_BUF_SIZE
	// TTY_THRESHOLD_THROTTLE: room left when the sender is asked to pause; bytes left when it may
	// go on
	throttle  = 128
	disabled  = 0   // _POSIX_VDISABLE; also the mark of an end of file in the buffer
	wakeChars = 256 // WAKEUP_CHARS: poll shows room to write below it
)

// ldisc is the N_TTY line discipline of one terminal, as a machine without locks: characters and
// settings go in, what a read takes and what is to be echoed come out. What it wants of the port or
// of the tasks it leaves in asks. The tty's short lock guards it. Positions count bytes since the
// buffer was empty at open; their low bits index it.
//
//	            receive                                take
//	hardware ──────────► special ──► edit ──► buf ──────────► read
//	                        │          │
//	                        ▼          ▼      opost
//	                       asks       echo ◄──────── write
//	                        └──────────┴───► port
//
//	tail … canonHead    complete lines, to be read
//	canonHead … head    the line that is being typed (canonical mode)
type ldisc struct {
	tm        Termios // how the terminal is set
	buf       [bufSize]byte
	ends      [bufSize / 64]uint64 // where lines end
	tail      uint
	canonHead uint
	head      uint

	column    uint // of the cursor, for tabs
	lineStart uint // its column where the line began
	echo      []byte
	dropped   uint // how often echo was thrown away
	erasing   bool // inside an ECHOPRT erase
	lnext     bool // the next character is literal
	closing   bool // the last close waits: nobody will read
	stopped   bool // by STOP or TCOOFF: nothing is sent
	throttled bool
	overruns  uint
	asks      asks
}

// asks are what the discipline wants done outside of it. The order does not matter but for this:
// what waits is thrown away before an echo is sent.
type asks struct {
	any      bool
	flush    bool // what has been written and not sent goes
	throttle bool // throttled has changed, perhaps back again
	x        byte // STOP or START for the other side, before all that waits; 0: none
	signals  [3]kernel.Signal
	nsignals int
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

func (l *ldisc) dropEcho() {
	l.echo = l.echo[:0]
	l.dropped++
}

// available is whether a read finds something; for poll, min is what it waits for ([n_tty]
// input_available_p).
func (l *ldisc) available(poll bool) bool {
	tm := &l.tm
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

// receive takes characters, with flags beside them or nil, as far as there is room, and returns how
// many it took. One place is always kept free; a line that is longer than the buffer loses
// characters until it ends ([n_tty] n_tty_receive_buf_common).
func (l *ldisc) receive(p []byte, flags []serial.Flags) (n int) {
	tm := &l.tm
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
			l.receiveOne(c, f)
			n++
		}
	}
	return n
}

func (l *ldisc) receiveOne(c byte, f serial.Flags) {
	tm := &l.tm
	if l.closing && tm.Lflag&EXTPROC == 0 {
		l.receiveClosing(c, f)
		return
	}
	switch {
	case f&serial.Break != 0:
		l.receiveBreak()
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
		l.ordinary(c)
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
	l.special(c)
}

// receiveClosing looks for flow control alone: nobody will read the rest, and an echo of it would
// keep a loop-back plug's port from ever closing ([n_tty] n_tty_receive_char_closing).
func (l *ldisc) receiveClosing(c byte, f serial.Flags) {
	tm := &l.tm
	if f != 0 || tm.Iflag&IXON == 0 {
		return
	}
	if tm.Iflag&ISTRIP != 0 {
		c &= 0x7f
	}
	switch {
	case l.is(c, VSTART):
		l.setStopped(false)
	case l.is(c, VSTOP):
		l.setStopped(true)
	case !l.is(c, VINTR) && !l.is(c, VQUIT) && !l.is(c, VSUSP):
		l.resumeOnAny()
	}
}

func (l *ldisc) receiveBreak() {
	tm := &l.tm
	switch {
	case tm.Iflag&IGNBRK != 0:
	case tm.Iflag&BRKINT != 0:
		l.signal(kernel.SIGINT)
	default:
		if tm.Iflag&PARMRK != 0 {
			l.put(0o377)
			l.put(0)
		}
		l.put(0)
	}
}

// ordinary enters a character that means nothing but itself.
func (l *ldisc) ordinary(c byte) {
	tm := &l.tm
	l.resumeOnAny()
	if tm.Lflag&ECHO != 0 {
		l.finishErasing()
		if l.canonHead == l.head {
			l.lineStart = l.column
		}
		l.echoChar(c)
	}
	if tm.Iflag&PARMRK != 0 && c == 0o377 {
		l.put(c)
	}
	l.put(c)
}

func (l *ldisc) resumeOnAny() {
	if l.stopped && l.tm.Iflag&(IXON|IXANY) == IXON|IXANY {
		l.setStopped(false)
	}
}

// is reports whether c is a control character that is not disabled.
func (l *ldisc) is(c byte, index int) bool { return c == l.tm.CC[index] && c != disabled }

// signal asks for a signal to the terminal's tasks and, without NOFLSH, throws away what is under
// way ([n_tty] isig).
func (l *ldisc) signal(sig kernel.Signal) {
	if l.tm.Lflag&NOFLSH == 0 {
		l.flush()
		l.dropEcho()
		l.asks.flush, l.asks.any = true, true
	}
	a := &l.asks
	if !slices.Contains(a.signals[:a.nsignals], sig) {
		a.signals[a.nsignals] = sig
		a.nsignals++
	}
}

// setStopped holds or releases output (stop_tty, start_tty).
func (l *ldisc) setStopped(on bool) {
	if l.stopped != on {
		l.stopped, l.asks.any = on, true
	}
}

// throttle asks the sender to pause when the buffer fills, and to go on when it has emptied;
// waiting is whether more is received that has no room here yet ([n_tty] n_tty_check_throttle,
// n_tty_check_unthrottle).
func (l *ldisc) throttle(waiting bool) {
	switch {
	case !l.throttled && l.room() <= throttle && (l.tm.Lflag&ICANON == 0 || l.canonHead != l.tail):
		l.throttled = true
		l.xchar(VSTOP)
	case l.throttled && l.head-l.tail <= throttle && !waiting:
		l.throttled = false
		l.xchar(VSTART)
	default:
		return
	}
	l.asks.throttle, l.asks.any = true, true
}

// xchar sends STOP or START where IXOFF is set.
func (l *ldisc) xchar(index int) {
	if l.tm.Iflag&IXOFF != 0 {
		l.sendX(l.tm.CC[index])
	}
}

func (l *ldisc) sendX(c byte) {
	if c != disabled {
		l.asks.x, l.asks.any = c, true
	}
}

// set changes how the terminal is set: what was typed becomes readable, or starts a line ([n_tty]
// n_tty_set_termios).
func (l *ldisc) set(now Termios) {
	old := l.tm
	l.tm = now
	if (old.Lflag^now.Lflag)&(ICANON|EXTPROC) != 0 {
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
		l.setStopped(false)
	}
}

// count is what FIONREAD tells: without the marks of an end of file ([n_tty] inq_canon).
func (l *ldisc) count() uint {
	if l.tm.Lflag&ICANON == 0 {
		return l.head - l.tail
	}
	n := uint(0)
	for pos := l.tail; pos != l.canonHead; pos++ {
		if !(l.isEnd(pos) && l.at(pos) == disabled) {
			n++
		}
	}
	return n
}

// take copies input to p: in canonical mode up to and including a line's end, otherwise what there
// is. more is whether the read may wait for more. An EOF right behind what fills p is taken with
// it, or the next read would find an end of file ([n_tty] canon_copy_from_read_buf).
func (l *ldisc) take(p []byte) (n int, more bool) {
	if l.tm.Lflag&ICANON == 0 || l.tm.Lflag&EXTPROC != 0 {
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
			l.tail++
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
