package tty

// Echo and output processing ([n_tty] do_output_char, eraser, process_echoes). The tty's lock is held.

const maxEcho = 4096 // what waits to be echoed beyond this is dropped

func control(c byte) bool { return c < 0x20 || c == 0x7f }

// echoRaw echoes a character as it is, but for output processing.
//
// +checklocks:t.mu
func (t *TTY) echoRaw(c byte) {
	if len(t.ld.echo) < maxEcho {
		t.ld.echo = t.opost(t.ld.echo, c)
	}
}

// echoChar echoes control characters as ^X where ECHOCTL says so.
//
// +checklocks:t.mu
func (t *TTY) echoChar(c byte) {
	if t.termios.Lflag&ECHOCTL != 0 && control(c) && c != '\t' {
		t.echoRaw('^')
		t.echoRaw(c ^ 0o100)
		return
	}
	t.echoRaw(c)
}

// +checklocks:t.mu
func (t *TTY) finishErasing() {
	if t.ld.erasing {
		t.echoRaw('/')
		t.ld.erasing = false
	}
}

// flushEcho hands to the port what it has room for.
//
// +checklocks:t.mu
func (t *TTY) flushEcho() {
	l := &t.ld
	if len(l.echo) == 0 || t.heldLocked() {
		return
	}
	n := t.port.Write(l.echo)
	l.echo = append(l.echo[:0], l.echo[n:]...)
}

// opost appends what c becomes on the way out, and moves the column.
//
// +checklocks:t.mu
func (t *TTY) opost(out []byte, c byte) []byte {
	l, tm := &t.ld, &t.termios
	if tm.Oflag&OPOST == 0 {
		return append(out, c)
	}
	switch c {
	case '\n':
		if tm.Oflag&ONLRET != 0 {
			l.column = 0
		}
		if tm.Oflag&ONLCR != 0 {
			l.column, l.lineStart = 0, 0
			return append(out, '\r', '\n')
		}
		l.lineStart = l.column
	case '\r':
		if tm.Oflag&ONOCR != 0 && l.column == 0 {
			return out
		}
		if tm.Oflag&OCRNL != 0 {
			c = '\n'
			if tm.Oflag&ONLRET != 0 {
				l.column, l.lineStart = 0, 0
			}
			break
		}
		l.column, l.lineStart = 0, 0
	case '\t':
		n := 8 - l.column&7
		l.column += n
		if tm.Oflag&TABDLY == XTABS {
			return append(out, "        "[:n]...)
		}
	case '\b':
		if l.column > 0 {
			l.column--
		}
	default:
		if control(c) {
			break
		}
		if tm.Oflag&OLCUC != 0 && lower(c) {
			c -= 0x20
		}
		if tm.Iflag&IUTF8 == 0 || c&0xc0 != 0x80 {
			l.column++
		}
	}
	return append(out, c)
}

// erase takes back a character, a word or the line that is being typed.
//
// +checklocks:t.mu
func (t *TTY) erase(c byte) {
	l, tm := &t.ld, &t.termios
	if l.head == l.canonHead {
		return
	}
	word := false
	switch {
	case t.is(c, VERASE):
	case t.is(c, VWERASE):
		word = true
	default: // kill
		if tm.Lflag&ECHO == 0 {
			l.head = l.canonHead
			return
		}
		if tm.Lflag&(ECHOK|ECHOKE|ECHOE) != ECHOK|ECHOKE|ECHOE {
			l.head = l.canonHead
			t.finishErasing()
			t.echoChar(c)
			if tm.Lflag&ECHOK != 0 {
				t.echoRaw('\n')
			}
			return
		}
	}
	kill := !word && !t.is(c, VERASE)
	seenWord := false
	for l.head != l.canonHead {
		from := l.head - 1
		if tm.Iflag&IUTF8 != 0 { // all bytes of a character go together
			for from != l.canonHead && l.at(from)&0xc0 == 0x80 {
				from--
			}
		}
		ch := l.at(from)
		if word {
			letter := ch == '_' || ch >= '0' && ch <= '9' || ch|0x20 >= 'a' && ch|0x20 <= 'z' || ch >= 0x80
			if letter {
				seenWord = true
			} else if seenWord {
				break
			}
		}
		bytes := append([]byte(nil), t.span(from, l.head)...)
		l.head = from
		if tm.Lflag&ECHO != 0 {
			t.echoErase(c, ch, bytes, kill)
		}
		if !word && !kill {
			break
		}
	}
	if l.head == l.canonHead && tm.Lflag&ECHO != 0 {
		t.finishErasing()
	}
}

// +checklocks:t.mu
func (t *TTY) span(from, to uint) []byte {
	var b []byte
	for ; from != to; from++ {
		b = append(b, t.ld.at(from))
	}
	return b
}

// echoErase shows that ch is gone.
//
// +checklocks:t.mu
func (t *TTY) echoErase(c, ch byte, bytes []byte, kill bool) {
	l, tm := &t.ld, &t.termios
	switch {
	case tm.Lflag&ECHOPRT != 0:
		if !l.erasing {
			t.echoRaw('\\')
			l.erasing = true
		}
		for i, b := range bytes {
			if i == 0 {
				t.echoChar(b)
			} else {
				t.echoRaw(b)
			}
		}
	case t.is(c, VERASE) && tm.Lflag&ECHOE == 0:
		t.echoChar(c)
	case ch == '\t':
		t.echoEraseTab()
	default:
		if control(ch) && tm.Lflag&ECHOCTL != 0 {
			t.rubOut()
		}
		if !control(ch) || tm.Lflag&ECHOCTL != 0 {
			t.rubOut()
		}
	}
}

// +checklocks:t.mu
func (t *TTY) rubOut() {
	t.echoRaw('\b')
	t.echoRaw(' ')
	t.echoRaw('\b')
}

// echoEraseTab moves back over a tab: to where the text before it ends, which is counted from the line's start.
//
// +checklocks:t.mu
func (t *TTY) echoEraseTab() {
	l := &t.ld
	chars, afterTab := uint(0), false
	for pos := l.head; pos != l.canonHead; {
		pos--
		switch ch := l.at(pos); {
		case ch == '\t':
			afterTab = true
		case control(ch):
			if t.termios.Lflag&ECHOCTL != 0 {
				chars += 2
			}
		case t.termios.Iflag&IUTF8 == 0 || ch&0xc0 != 0x80:
			chars++
		}
		if afterTab {
			break
		}
	}
	if !afterTab {
		chars += l.lineStart
	}
	for n := 8 - chars&7; n > 0; n-- {
		t.ld.echo = append(t.ld.echo, '\b')
		if l.column > 0 {
			l.column--
		}
	}
}
