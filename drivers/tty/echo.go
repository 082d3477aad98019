package tty

// Echo and output processing ([n_tty] do_output_char, eraser, process_echoes).

const maxEcho = 4096 // what waits to be echoed beyond this is dropped

func control(c byte) bool { return c < 0x20 || c == 0x7f }

// echoRaw echoes a character as it is, but for output processing.
func (l *ldisc) echoRaw(c byte) {
	if len(l.echo) < maxEcho {
		l.echo = l.opost(l.echo, c)
		l.asks.any = true
	}
}

// echoChar echoes control characters as ^X where ECHOCTL says so.
func (l *ldisc) echoChar(c byte) {
	if l.tm.Lflag&ECHOCTL != 0 && control(c) && c != '\t' {
		l.echoRaw('^')
		l.echoRaw(c ^ 0o100)
		return
	}
	l.echoRaw(c)
}

func (l *ldisc) finishErasing() {
	if l.erasing {
		l.echoRaw('/')
		l.erasing = false
	}
}

// opost appends what c becomes on the way out, and moves the column.
func (l *ldisc) opost(out []byte, c byte) []byte {
	tm := &l.tm
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

// process is opost for what is written: as many characters of p as become at most limit bytes. k is
// how many those were.
func (l *ldisc) process(out, p []byte, limit int) (_ []byte, k int) {
	for k < len(p) {
		column, lineStart := l.column, l.lineStart
		before := len(out)
		if out = l.opost(out, p[k]); len(out) > limit {
			l.column, l.lineStart = column, lineStart
			return out[:before], k
		}
		k++
	}
	return out, k
}

// erase takes back a character, a word or the line that is being typed.
func (l *ldisc) erase(c byte) {
	tm := &l.tm
	if l.head == l.canonHead {
		return
	}
	word := false
	switch {
	case l.is(c, VERASE):
	case l.is(c, VWERASE):
		word = true
	default: // kill
		if tm.Lflag&ECHO == 0 {
			l.head = l.canonHead
			return
		}
		if tm.Lflag&(ECHOK|ECHOKE|ECHOE) != ECHOK|ECHOKE|ECHOE {
			l.head = l.canonHead
			l.finishErasing()
			l.echoChar(c)
			if tm.Lflag&ECHOK != 0 {
				l.echoRaw('\n')
			}
			return
		}
	}
	kill := !word && !l.is(c, VERASE)
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
		bytes := append([]byte(nil), l.span(from, l.head)...)
		l.head = from
		if tm.Lflag&ECHO != 0 {
			l.echoErase(c, ch, bytes, kill)
		}
		if !word && !kill {
			break
		}
	}
	if l.head == l.canonHead && tm.Lflag&ECHO != 0 {
		l.finishErasing()
	}
}

func (l *ldisc) span(from, to uint) []byte {
	var b []byte
	for ; from != to; from++ {
		b = append(b, l.at(from))
	}
	return b
}

// echoErase shows that ch is gone.
func (l *ldisc) echoErase(c, ch byte, bytes []byte, kill bool) {
	tm := &l.tm
	switch {
	case tm.Lflag&ECHOPRT != 0:
		if !l.erasing {
			l.echoRaw('\\')
			l.erasing = true
		}
		for i, b := range bytes {
			if i == 0 {
				l.echoChar(b)
			} else {
				l.echoRaw(b)
			}
		}
	case l.is(c, VERASE) && tm.Lflag&ECHOE == 0:
		l.echoChar(c)
	case ch == '\t':
		l.echoEraseTab()
	default:
		if control(ch) && tm.Lflag&ECHOCTL != 0 {
			l.rubOut()
		}
		if !control(ch) || tm.Lflag&ECHOCTL != 0 {
			l.rubOut()
		}
	}
}

func (l *ldisc) rubOut() {
	l.echoRaw('\b')
	l.echoRaw(' ')
	l.echoRaw('\b')
}

// echoEraseTab moves back over a tab: to where the text before it ends, which is counted from the
// line's start.
func (l *ldisc) echoEraseTab() {
	chars, afterTab := uint(0), false
	for pos := l.head; pos != l.canonHead; {
		pos--
		switch ch := l.at(pos); {
		case ch == '\t':
			afterTab = true
		case control(ch):
			if l.tm.Lflag&ECHOCTL != 0 {
				chars += 2
			}
		case l.tm.Iflag&IUTF8 == 0 || ch&0xc0 != 0x80:
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
		l.echo = append(l.echo, '\b')
		if l.column > 0 {
			l.column--
		}
	}
}
