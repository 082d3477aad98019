package tty

import "github.com/kobench/kobench/kernel"

// What a character that is typed does: flow control, signals, line editing.

// special looks at a character that may mean something ([n_tty] n_tty_receive_char_special).
func (l *ldisc) special(c byte) {
	tm := &l.tm
	if tm.Iflag&IXON != 0 {
		switch {
		case l.is(c, VSTART):
			l.setStopped(false)
			return
		case l.is(c, VSTOP):
			l.setStopped(true)
			return
		}
	}
	if tm.Lflag&ISIG != 0 {
		for _, s := range [...]struct {
			index int
			sig   kernel.Signal
		}{{VINTR, kernel.SIGINT}, {VQUIT, kernel.SIGQUIT}, {VSUSP, kernel.SIGTSTP}} {
			if l.is(c, s.index) {
				l.signal(s.sig)
				if tm.Iflag&IXON != 0 {
					l.setStopped(false)
				}
				if tm.Lflag&ECHO != 0 {
					l.echoChar(c)
				}
				return
			}
		}
	}
	l.resumeOnAny()
	made := false // out of a carriage return
	switch {
	case c == '\r' && tm.Iflag&IGNCR != 0:
		return
	case c == '\r' && tm.Iflag&ICRNL != 0:
		c, made = '\n', true
	case c == '\n' && tm.Iflag&INLCR != 0:
		c = '\r'
	}
	if tm.Lflag&ICANON != 0 && l.edit(c) {
		return
	}
	if tm.Lflag&ECHO != 0 {
		l.finishErasing()
		if c == '\n' && made { // one that was typed shows as ^J here, outside of canonical mode
			l.echoRaw('\n')
		} else {
			if l.canonHead == l.head {
				l.lineStart = l.column
			}
			l.echoChar(c)
		}
	}
	if tm.Iflag&PARMRK != 0 && c == 0o377 {
		l.put(c)
	}
	l.put(c)
}

// edit is line editing in canonical mode; it reports whether c was dealt with.
func (l *ldisc) edit(c byte) bool {
	tm := &l.tm
	ext := tm.Lflag&IEXTEN != 0
	switch {
	case l.is(c, VERASE), l.is(c, VKILL), ext && l.is(c, VWERASE):
		l.erase(c)
	case ext && l.is(c, VLNEXT):
		l.lnext = true
		if tm.Lflag&ECHO != 0 {
			l.finishErasing()
			if tm.Lflag&ECHOCTL != 0 {
				l.echoRaw('^')
				l.echoRaw('\b')
			}
		}
	case ext && tm.Lflag&ECHO != 0 && l.is(c, VREPRINT):
		l.finishErasing()
		l.echoChar(c)
		l.echoRaw('\n')
		for pos := l.canonHead; pos != l.head; pos++ {
			l.echoChar(l.at(pos))
		}
	case c == '\n':
		if tm.Lflag&(ECHO|ECHONL) != 0 {
			l.echoRaw('\n')
		}
		l.endLine(c)
	case l.is(c, VEOF):
		l.endLine(disabled)
	case l.is(c, VEOL), ext && l.is(c, VEOL2):
		if tm.Lflag&ECHO != 0 {
			if l.canonHead == l.head {
				l.lineStart = l.column
			}
			l.echoChar(c)
		}
		if tm.Iflag&PARMRK != 0 && c == 0o377 {
			l.put(c)
		}
		l.endLine(c)
	default:
		return false
	}
	return true
}

func (l *ldisc) endLine(c byte) {
	l.put(c)
	l.setEnd(l.head-1, true)
	l.canonHead = l.head
}
