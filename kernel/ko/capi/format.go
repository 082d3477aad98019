package capi

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/kobench/kobench/kernel"
)

// args walks the packed arguments of a C function with "...": 4 bytes each, 8 bytes aligned to 8 for long long.
type args struct {
	m  mem
	at uint32
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

// vformat is vsnprintf without a limit: what the format at address format makes of the arguments at address ap.
// References: lib/vsprintf.c; Documentation/core-api/printk-formats.rst.
func (c *Ctx) vformat(format, ap uint32) string {
	var f formatter
	f.c, f.m = c, c.mem()
	f.out = f.buf[:0]
	a := args{f.m, ap}
	f.run(f.m.cstr(format), &a)
	return string(f.out)
}

// cstr is the text at addr, valid until the big lock is given up.
func (m mem) cstr(addr uint32) []byte {
	for n := uint32(128); ; n *= 4 {
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
		f.str(s, a.u32())
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
		a.u32()
	default:
		return false
	}
	return true
}

func (s *spec) signed(a *args) int64 {
	switch s.size {
	case 'q':
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
	case 'q':
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
func (f *formatter) str(s spec, addr uint32) {
	f.pad(s, f.text(s, addr))
}

func (f *formatter) text(s spec, addr uint32) string {
	switch {
	case addr == 0:
		return cut("(null)", s.prec)
	case addr < PageSize || isErr(addr):
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

// hash is what %p shows of an address: always the same for one address in one kernel, and nothing of the address itself.
func (s *System) hash(addr uint32) uint32 {
	h := addr ^ s.salt
	h = (h ^ h>>16) * 0x7feb352d
	h = (h ^ h>>15) * 0x846ca68b
	return h ^ h>>16
}

// pointer is %p with the letters behind it; it gives the place after them.
func (f *formatter) pointer(s spec, format []byte, i int, a *args) int {
	letter := byte(0)
	if i < len(format) {
		letter = format[i]
	}
	second := byte(0)
	if i+1 < len(format) {
		second = format[i+1]
	}
	addr := a.u32()
	end := i + 1
	switch letter {
	case 'x':
		s.verb, s.size = 'x', 0
		if s.width == 0 {
			s.width, s.zero = 8, true
		}
		f.number(s, uint64(addr), false, 16, false)
	case 'S', 's', 'B', 'F', 'f':
		end = skipLetters(format, end, "RTb")
		f.pad(s, f.c.s.symbolAt(addr, letter == 'S' || letter == 'B' || letter == 'F'))
	case 'e':
		f.pad(s, f.errName(addr))
	case 'h':
		return f.hexBytes(s, format, end, addr)
	case 'V':
		if f.deep < 4 && f.valid(s, addr, 8) {
			f.deep++
			sub := args{f.m, f.m.u32(f.m.u32(addr + 4))}
			f.run(f.m.cstr(f.m.u32(addr)), &sub)
			f.deep--
		}
	case 'K':
		f.hashed(s, addr)
	case 'I', 'i':
		return f.ip(s, format, end, addr, letter, second)
	case 'M', 'm':
		return f.mac(s, format, end, addr, letter)
	case 'U':
		return f.uuid(s, format, end, addr)
	case 'a':
		end = skipLetters(format, end, "dp")
		if f.valid(s, addr, 4) {
			s.alt, s.zero, s.verb = true, true, 'x'
			s.width = 10
			f.number(s, uint64(f.m.u32(addr)), false, 16, false)
		}
	case 'd', 'D':
		return f.dentry(s, format, end, addr, letter)
	case 'b':
		list := second == 'l'
		if list {
			end++
		}
		f.bitmap(s, addr, list)
	case 'r', 'R':
		if f.valid(s, addr, 16) { // struct resource: start, end, name, flags
			f.pad(s, fmt.Sprintf("[mem 0x%08x-0x%08x]", f.m.u32(addr), f.m.u32(addr+4)))
		}
	case 't':
		return f.clock(s, format, end, addr)
	case 'N', 'E', 'g', 'G', 'C', 'O', 'u', 'A':
		f.pad(s, "(%p"+string(letter)+"?)")
	default:
		end = i
		f.hashed(s, addr)
	}
	return end
}

func skipLetters(format []byte, i int, set string) int {
	for i < len(format) {
		known := false
		for j := range len(set) {
			known = known || set[j] == format[i]
		}
		if !known {
			break
		}
		i++
	}
	return i
}

// hashed is %p: NULL and error pointers are shown as they are, others by their hash.
func (f *formatter) hashed(s spec, addr uint32) {
	v := addr
	if addr != 0 && !isErr(addr) {
		v = f.c.s.hash(addr)
	}
	if s.width == 0 {
		s.width = 8
	}
	s.zero, s.verb = true, 'x'
	f.number(s, uint64(v), false, 16, false)
}

// valid is check_pointer: where addr cannot be read, it prints what %s prints.
func (f *formatter) valid(s spec, addr, n uint32) bool {
	if _, ok := f.m.m.Bytes(addr, n); ok {
		return true
	}
	f.pad(s, f.text(spec{prec: -1}, addr&^(PageSize-1)))
	return false
}

func (f *formatter) errName(addr uint32) string {
	if !isErr(addr) {
		return fmt.Sprintf("%08x", f.c.s.hash(addr))
	}
	e := kernel.Errno(-int32(addr))
	if name := e.Name(); len(name) > 1 && name[0] == 'E' {
		return "-" + name
	}
	return strconv.Itoa(-int(e))
}

// hexBytes is %*ph, %*phC, %*phD, %*phN: the field width is the number of bytes.
func (f *formatter) hexBytes(s spec, format []byte, i int, addr uint32) int {
	sep := " "
	if i < len(format) {
		switch format[i] {
		case 'C':
			sep, i = ":", i+1
		case 'D':
			sep, i = "-", i+1
		case 'N':
			sep, i = "", i+1
		}
	}
	n := min(max(s.width, 1), 64)
	if s.width == 0 && s.left || !f.valid(spec{prec: -1}, addr, uint32(n)) {
		return i
	}
	for j, b := range f.m.bytes(addr, uint32(n)) {
		if j > 0 {
			f.out = append(f.out, sep...)
		}
		f.out = hex.AppendEncode(f.out, []byte{b})
	}
	return i
}

func (f *formatter) ip(s spec, format []byte, i int, addr uint32, letter, second byte) int {
	n := uint32(4)
	if second == '6' {
		n = 16
	}
	i = skipLetters(format, i+1, "hnblcpfs")
	if !f.valid(s, addr, n) {
		return i
	}
	b := f.m.bytes(addr, n)
	if n == 4 {
		verb := "%d.%d.%d.%d"
		if letter == 'i' {
			verb = "%03d.%03d.%03d.%03d"
		}
		f.pad(s, fmt.Sprintf(verb, b[0], b[1], b[2], b[3]))
		return i
	}
	text := ""
	for j := 0; j < 16; j += 2 {
		if j > 0 && letter == 'I' {
			text += ":"
		}
		text += hex.EncodeToString(b[j : j+2])
	}
	if letter == 'I' && format[i-1] == 'c' {
		text = compress6(b)
	}
	f.pad(s, text)
	return i
}

// compress6 is %pI6c: the longest run of zero groups becomes "::" (RFC 5952).
func compress6(b []byte) string {
	var g [8]uint16
	for i := range g {
		g[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	at, n := -1, 1
	for i := range g {
		j := i
		for j < 8 && g[j] == 0 {
			j++
		}
		if j-i > n {
			at, n = i, j-i
		}
	}
	text := ""
	for i := 0; i < 8; i++ {
		if i == at {
			text += "::"
			i += n - 1
			continue
		}
		if text != "" && text[len(text)-1] != ':' {
			text += ":"
		}
		text += strconv.FormatUint(uint64(g[i]), 16)
	}
	return text
}

func (f *formatter) mac(s spec, format []byte, i int, addr uint32, letter byte) int {
	sep, reverse := ":", false
	if letter == 'm' {
		sep = ""
	}
	for i < len(format) && (format[i] == 'R' || format[i] == 'F') {
		if format[i] == 'R' {
			reverse = true
		} else {
			sep = "-"
		}
		i++
	}
	if !f.valid(s, addr, 6) {
		return i
	}
	b := f.m.bytes(addr, 6)
	text := ""
	for j := range b {
		k := j
		if reverse {
			k = 5 - j
		}
		if j > 0 {
			text += sep
		}
		text += hex.EncodeToString(b[k : k+1])
	}
	f.pad(s, text)
	return i
}

func (f *formatter) uuid(s spec, format []byte, i int, addr uint32) int {
	order := [16]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	big := false
	if i < len(format) {
		switch format[i] {
		case 'L', 'l':
			order = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
			big, i = format[i] == 'L', i+1
		case 'B', 'b':
			big, i = format[i] == 'B', i+1
		}
	}
	if !f.valid(s, addr, 16) {
		return i
	}
	b := f.m.bytes(addr, 16)
	var text []byte
	for j, k := range order {
		if j == 4 || j == 6 || j == 8 || j == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, b[k:k+1])
	}
	if big {
		upper(text)
	}
	f.pad(s, string(text))
	return i
}

// dentry is %pd and %pD, with a digit for the number of path components.
func (f *formatter) dentry(s spec, format []byte, i int, addr uint32, letter byte) int {
	depth := 1
	if i < len(format) && format[i] >= '2' && format[i] <= '4' {
		depth, i = int(format[i]-'0'), i+1
	}
	if !f.valid(s, addr, 4) {
		return i
	}
	if letter == 'D' {
		addr = f.m.u32(addr + OffFileFPath + OffPathDentry)
		if !f.valid(s, addr, SizeofDentry) {
			return i
		}
	}
	text := f.text(spec{prec: -1}, f.m.u32(addr+OffDentryDName+OffQstrName))
	for ; depth > 1; depth-- {
		up := f.m.u32(addr + OffDentryDParent)
		if up == 0 || up == addr {
			break
		}
		addr = up
		text = f.text(spec{prec: -1}, f.m.u32(addr+OffDentryDName+OffQstrName)) + "/" + text
	}
	f.pad(s, cut(text, s.prec))
	return i
}

// bitmap is %*pb and %*pbl: the field width is the number of bits.
func (f *formatter) bitmap(s spec, addr uint32, list bool) {
	n := uint32(max(s.width, 0))
	words := (n + 31) / 32
	if !f.valid(spec{prec: -1}, addr, words*4) {
		return
	}
	word := func(i uint32) uint32 {
		w := f.m.u32(addr + 4*i)
		if r := n - 32*i; r < 32 {
			w &= 1<<r - 1
		}
		return w
	}
	if !list {
		for i := words; i > 0; i-- {
			w := word(i - 1)
			if i == words {
				digits := (int(n-32*(words-1)) + 3) / 4
				f.out = append(f.out, fmt.Sprintf("%0*x", digits, w)...)
			} else {
				f.out = append(f.out, fmt.Sprintf(",%08x", w)...)
			}
		}
		return
	}
	bit := func(i uint32) bool { return i < n && word(i/32)>>(i%32)&1 != 0 }
	first := true
	for i := uint32(0); i < n; i++ {
		if word(i/32) == 0 {
			i |= 31
			continue
		}
		if !bit(i) {
			i += max(uint32(bits.TrailingZeros32(word(i/32)>>(i%32))), 1) - 1
			continue
		}
		j := i
		for bit(j + 1) {
			j++
		}
		if !first {
			f.out = append(f.out, ',')
		}
		first = false
		f.out = strconv.AppendUint(f.out, uint64(i), 10)
		if j > i {
			f.out = append(f.out, '-')
			f.out = strconv.AppendUint(f.out, uint64(j), 10)
		}
		i = j
	}
}

// clock is %ptR (struct rtc_time) and %ptT (time64_t), whole or with d or t behind.
func (f *formatter) clock(s spec, format []byte, i int, addr uint32) int {
	var t time.Time
	which := byte(0)
	if i < len(format) {
		which, i = format[i], i+1
	}
	switch {
	case which == 'R' && f.valid(s, addr, 24):
		v := func(k uint32) int { return int(int32(f.m.u32(addr + 4*k))) }
		t = time.Date(v(5)+1900, time.Month(v(4)+1), v(3), v(2), v(1), v(0), 0, time.UTC)
	case which == 'T' && f.valid(s, addr, 8):
		t = time.Unix(int64(f.m.u64(addr)), 0).UTC()
	default:
		return i
	}
	layout := "2006-01-02T15:04:05"
	if i < len(format) && (format[i] == 'd' || format[i] == 't') {
		layout = map[byte]string{'d': "2006-01-02", 't': "15:04:05"}[format[i]]
		i++
	}
	i = skipLetters(format, i, "rs")
	f.pad(s, t.Format(layout))
	return i
}

// symbolAt names what is at an address or a function slot: %pS with the offset, %ps without.
func (s *System) symbolAt(addr uint32, offset bool) string {
	if mod, name, typ, ok := s.M.SlotInfo(addr); ok {
		_ = typ
		text := s.place(mod, name, 0)
		if !offset {
			text = name
			if mod != "" && mod != s.M.Builtin().Name() {
				text += " [" + mod + "]"
			}
		}
		return text
	}
	if mod, name, off, ok := s.M.FindData(addr); ok && name != "" {
		text := name
		if offset {
			text = fmt.Sprintf("%s+%#x", name, off)
		}
		if mod != s.M.Builtin() {
			text += " [" + mod.Name() + "]"
		}
		return text
	}
	return fmt.Sprintf("0x%x", addr)
}
