package capi

import (
	"strconv"
)

// args walks the packed arguments of a C function with "...": 4 bytes each, 8 bytes aligned to 8
// for longs and pointers.
type args struct {
	m  mem
	at ptr
}

func (a *args) u32() uint32 {
	v := a.m.u32(a.at)
	a.at += 4
	return v
}

func (a *args) u64() uint64 {
	a.at = (a.at + 7) &^ 7
	v := a.m.u64(a.at)
	a.at += 8
	return v
}

// spec is one conversion of a format.
type spec struct {
	left, plus, space, alt, zero bool
	width                        int
	prec                         int  // -1: none
	size                         byte // 0, 'b' (hh), 'h', 'l', 'q' (ll, L)
	verb                         byte
}

// maxField bounds widths and precisions, as INT_MAX bounds Linux's.
const maxField = 1 << 16

// vformat is vsnprintf without a limit: what the format at address format makes of the arguments at
// address ap. References: lib/vsprintf.c; Documentation/core-api/printk-formats.rst.
func (c *Ctx) vformat(format, ap ptr) string {
	var f formatter
	f.c, f.m = c, c.mem()
	f.out = f.buf[:0]
	a := args{f.m, ap}
	f.run(f.m.cstr(format), &a)
	return string(f.out)
}

// cstr is the text at addr, valid until the big lock is given up.
func (m mem) cstr(addr ptr) []byte {
	for n := uint64(128); ; n *= 4 {
		b, ok := m.m.Bytes(addr, n)
		if !ok {
			return []byte(m.str(addr)) // near the end of memory
		}
		for i, ch := range b {
			if ch == 0 {
				return b[:i]
			}
		}
		if n > maxString {
			return b
		}
	}
}

type formatter struct {
	c    *Ctx
	m    mem
	out  []byte
	buf  [256]byte
	deep int // %pV
}

func (f *formatter) run(format []byte, a *args) {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			f.out = append(f.out, format[i])
			continue
		}
		start := i
		s := spec{prec: -1}
		i = s.flags(format, i+1)
		i = f.numbers(&s, format, i, a)
		i = s.qualifier(format, i)
		if i >= len(format) {
			f.out = append(f.out, format[start:]...)
			return
		}
		s.verb = format[i]
		if s.verb == 'p' {
			i = f.pointer(s, format, i+1, a) - 1
			continue
		}
		if !f.convert(s, a) {
			// Linux warns and prints the rest as it stands.
			f.out = append(f.out, format[start:i+1]...)
		}
	}
}

func (s *spec) flags(format []byte, i int) int {
	for ; i < len(format); i++ {
		switch format[i] {
		case '-':
			s.left = true
		case '+':
			s.plus = true
		case ' ':
			s.space = true
		case '#':
			s.alt = true
		case '0':
			s.zero = true
		default:
			return i
		}
	}
	return i
}

func (f *formatter) numbers(s *spec, format []byte, i int, a *args) int {
	number := func() int {
		if i < len(format) && format[i] == '*' {
			i++
			return int(int32(a.u32()))
		}
		n := 0
		for i < len(format) && format[i] >= '0' && format[i] <= '9' {
			n = min(n*10+int(format[i]-'0'), maxField)
			i++
		}
		return n
	}
	if s.width = number(); s.width < 0 {
		s.left, s.width = true, -s.width
	}
	s.width = min(s.width, maxField)
	if i < len(format) && format[i] == '.' {
		i++
		s.prec = min(max(number(), 0), maxField)
	}
	return i
}

func (s *spec) qualifier(format []byte, i int) int {
	if i >= len(format) {
		return i
	}
	c := format[i]
	twice := i+1 < len(format) && format[i+1] == c
	switch {
	case c == 'h' && twice:
		s.size, i = 'b', i+2
	case c == 'l' && twice:
		s.size, i = 'q', i+2
	case c == 'h' || c == 'l':
		s.size, i = c, i+1
	case c == 'L':
		s.size, i = 'q', i+1
	case c == 'z' || c == 'Z' || c == 't':
		s.size, i = 'l', i+1
	case c == 'j':
		s.size, i = 'q', i+1
	}
	return i
}

// convert does every conversion but %p; false if it does not know it.
func (f *formatter) convert(s spec, a *args) bool {
	switch s.verb {
	case '%':
		f.out = append(f.out, '%')
	case 'c':
		f.pad(s, string([]byte{byte(a.u32())}))
	case 's':
		f.str(s, a.u64())
	case 'd', 'i':
		v := s.signed(a)
		neg, u := v < 0, uint64(v)
		if neg {
			u = -u
		}
		f.number(s, u, neg, 10, true)
	case 'u':
		f.number(s, s.unsigned(a), false, 10, false)
	case 'o':
		f.number(s, s.unsigned(a), false, 8, false)
	case 'x', 'X':
		f.number(s, s.unsigned(a), false, 16, false)
	case 'n': // Linux ignores it, and warns
		a.u64()
	default:
		return false
	}
	return true
}

func (s *spec) signed(a *args) int64 {
	switch s.size {
	case 'q', 'l':
		return int64(a.u64())
	case 'h':
		return int64(int16(a.u32()))
	case 'b':
		return int64(int8(a.u32()))
	}
	return int64(int32(a.u32()))
}

func (s *spec) unsigned(a *args) uint64 {
	switch s.size {
	case 'q', 'l':
		return a.u64()
	case 'h':
		return uint64(uint16(a.u32()))
	case 'b':
		return uint64(uint8(a.u32()))
	}
	return uint64(a.u32())
}

func (f *formatter) number(s spec, u uint64, neg bool, base int, signed bool) {
	var tmp [72]byte
	digits := strconv.AppendUint(tmp[:0], u, base)
	if s.verb == 'X' {
		upper(digits)
	}
	var sign []byte
	switch {
	case neg:
		sign = []byte("-")
	case signed && s.plus:
		sign = []byte("+")
	case signed && s.space:
		sign = []byte(" ")
	}
	if s.alt && base == 16 {
		sign = append(sign, '0', s.verb)
	} else if s.alt && base == 8 && digits[0] != '0' {
		sign = append(sign, '0')
	}
	zeros := max(s.prec-len(digits), 0)
	room := s.width - len(sign) - zeros - len(digits)
	if s.zero && !s.left && s.prec < 0 && room > 0 {
		zeros, room = room, 0
	}
	if !s.left {
		f.fill(' ', room)
	}
	f.out = append(f.out, sign...)
	f.fill('0', zeros)
	f.out = append(f.out, digits...)
	if s.left {
		f.fill(' ', room)
	}
}

func upper(b []byte) {
	for i, c := range b {
		if c >= 'a' && c <= 'f' {
			b[i] = c - 0x20
		}
	}
}

func (f *formatter) fill(c byte, n int) {
	for ; n > 0; n-- {
		f.out = append(f.out, c)
	}
}

// pad writes text in the field; the precision has been applied.
func (f *formatter) pad(s spec, text string) {
	if !s.left {
		f.fill(' ', s.width-len(text))
	}
	f.out = append(f.out, text...)
	if s.left {
		f.fill(' ', s.width-len(text))
	}
}

// str is %s. A precision bounds what is read.
func (f *formatter) str(s spec, addr ptr) {
	f.pad(s, f.text(s, addr))
}

func (f *formatter) text(s spec, addr ptr) string {
	switch {
	case addr == 0:
		return cut("(null)", s.prec)
	case addr < pageSize || isErr(addr):
		return cut("(efault)", s.prec)
	}
	limit := maxString
	if s.prec >= 0 {
		limit = s.prec
	}
	t, ok := f.m.m.CString(addr, limit)
	if !ok {
		return cut("(efault)", s.prec)
	}
	return t
}

func cut(s string, prec int) string {
	if prec >= 0 && len(s) > prec {
		return s[:prec]
	}
	return s
}

// hash is what %p shows of an address: always the same for one address in one kernel, and nothing
// of the address itself.
func (s *System) hash(addr ptr) uint32 {
	h := uint32(addr) ^ uint32(addr>>32) ^ s.salt
	h = (h ^ h>>16) * 0x7feb352d
	h = (h ^ h>>15) * 0x846ca68b
	return h ^ h>>16
}
