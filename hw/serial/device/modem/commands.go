package modem

import (
	"context"
	"fmt"
	"strings"
)

// execute runs a command line [V.250] 5.2.
func (m *Modem) execute(ctx context.Context, line string) {
	up := strings.ToUpper(strings.ReplaceAll(line, " ", ""))
	i := strings.Index(up, "AT")
	if i < 0 {
		return // not for the modem
	}
	m.last = line
	m.rings = 0
	cmds := up[i+2:]
	for cmds != "" {
		c := cmds[0]
		cmds = cmds[1:]
		if c == '&' {
			if cmds == "" {
				m.result(errorCode)
				return
			}
			c, cmds = cmds[0]|0x80, cmds[1:]
		}
		switch c {
		case 'D':
			m.dial(ctx, cmds)
			return
		case 'A':
			m.answer()
			return
		case 'O':
			m.back(cmds)
			return
		case 'S':
			rest, ok := m.register(cmds)
			if !ok {
				m.result(errorCode)
				return
			}
			cmds = rest
			continue
		}
		n, rest := number(cmds)
		if !m.simple(c, n) {
			m.result(errorCode)
			return
		}
		cmds = rest
	}
	m.result(ok0)
}

// number takes decimal digits off s; none is 0.
func number(s string) (n int, rest string) {
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		n = min(n*10+int(s[0]-'0'), 1000)
		s = s[1:]
	}
	return n, s
}

// simple does a command with one number; those with & have bit 7 set.
func (m *Modem) simple(c byte, n int) bool {
	set := func(b *bool, on bool) bool { *b = on; return n <= 1 }
	switch c {
	case 'E':
		return set(&m.echo, n == 1)
	case 'Q':
		return set(&m.quiet, n == 1)
	case 'V':
		return set(&m.numeric, n == 0)
	case 'X':
		m.x = n
		return n <= 4
	case 'H':
		m.hangup()
		return n == 0
	case 'I':
		id := m.ID
		if id == "" {
			id = "kobench modem"
		}
		m.text(id)
		return true
	case 'Z', 'F' | 0x80:
		if c == 'Z' {
			m.hangup()
		}
		m.settings = factory()
		return true
	case 'C' | 0x80:
		m.c = n
		m.carrier()
		return n <= 1
	case 'D' | 0x80:
		m.d = n
		return n <= 3
	case 'V' | 0x80:
		m.text(fmt.Sprintf("E%d Q%d V%d X%d &C%d &D%d S0=%d S2=%d S7=%d S12=%d", bit(m.echo), bit(m.quiet), 1-bit(m.numeric), m.x, m.c, m.d, m.s[0], m.s[2], m.s[7], m.s[12]))
		return true
	case 'L', 'M', 'N', 'B', 'K' | 0x80, 'S' | 0x80, 'W' | 0x80: // loudspeaker, standards, profiles
		return true
	}
	return false
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

// register is Sn=v or Sn?.
func (m *Modem) register(cmds string) (rest string, ok bool) {
	n, rest := number(cmds)
	if n >= len(m.s) || rest == "" {
		return "", false
	}
	switch rest[0] {
	case '?':
		m.text(fmt.Sprintf("%03d", m.s[n]))
		return rest[1:], true
	case '=':
		v, rest := number(rest[1:])
		if v > 255 {
			return "", false
		}
		m.s[n] = byte(v)
		return rest, true
	}
	return "", false
}
