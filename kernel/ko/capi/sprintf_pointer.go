package capi

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/kobench/kobench/kernel"
)

// The %p family (Documentation/core-api/printk-formats.rst).

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
	addr := a.u64()
	end := i + 1
	switch letter {
	case 'x':
		s.verb, s.size = 'x', 0
		if s.width == 0 {
			s.width, s.zero = 16, true
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
		if f.deep < 4 && f.valid(s, addr, 16) {
			f.deep++
			sub := args{f.m, f.m.ptr(f.m.ptr(addr + sizeofPtr))}
			f.run(f.m.cstr(f.m.ptr(addr)), &sub)
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
		if f.valid(s, addr, 8) {
			s.alt, s.zero, s.verb = true, true, 'x'
			s.width = 18
			f.number(s, f.m.u64(addr), false, 16, false)
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
		if f.valid(s, addr, 32) { // struct resource: start, end, name, flags
			f.pad(s, fmt.Sprintf("[mem 0x%08x-0x%08x]", f.m.u64(addr), f.m.u64(addr+8)))
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
func (f *formatter) hashed(s spec, addr ptr) {
	v := addr
	if addr != 0 && !isErr(addr) {
		v = uint64(f.c.s.hash(addr))
	}
	if s.width == 0 {
		s.width = 16
	}
	s.zero, s.verb = true, 'x'
	f.number(s, uint64(v), false, 16, false)
}

// valid is check_pointer: where addr cannot be read, it prints what %s prints.
func (f *formatter) valid(s spec, addr, n ptr) bool {
	if _, ok := f.m.m.Bytes(addr, n); ok {
		return true
	}
	f.pad(s, f.text(spec{prec: -1}, addr&^(pageSize-1)))
	return false
}

func (f *formatter) errName(addr ptr) string {
	if !isErr(addr) {
		return fmt.Sprintf("%016x", f.c.s.hash(addr))
	}
	e := kernel.Errno(-int64(addr))
	if name := e.Name(); len(name) > 1 && name[0] == 'E' {
		return "-" + name
	}
	return strconv.Itoa(-int(e))
}

// hexBytes is %*ph, %*phC, %*phD, %*phN: the field width is the number of bytes.
func (f *formatter) hexBytes(s spec, format []byte, i int, addr ptr) int {
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
	if s.width == 0 && s.left || !f.valid(spec{prec: -1}, addr, uint64(n)) {
		return i
	}
	for j, b := range f.m.bytes(addr, uint64(n)) {
		if j > 0 {
			f.out = append(f.out, sep...)
		}
		f.out = hex.AppendEncode(f.out, []byte{b})
	}
	return i
}

func (f *formatter) ip(s spec, format []byte, i int, addr ptr, letter, second byte) int {
	n := uint64(4)
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

func (f *formatter) mac(s spec, format []byte, i int, addr ptr, letter byte) int {
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

func (f *formatter) uuid(s spec, format []byte, i int, addr ptr) int {
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
func (f *formatter) dentry(s spec, format []byte, i int, addr ptr, letter byte) int {
	depth := 1
	if i < len(format) && format[i] >= '2' && format[i] <= '4' {
		depth, i = int(format[i]-'0'), i+1
	}
	if !f.valid(s, addr, 4) {
		return i
	}
	if letter == 'D' {
		addr = f.m.ptr(addr + offFileFPath + offPathDentry)
		if !f.valid(s, addr, sizeofDentry) {
			return i
		}
	}
	text := f.text(spec{prec: -1}, f.m.ptr(addr+offDentryDName+offQstrName))
	for ; depth > 1; depth-- {
		up := f.m.ptr(addr + offDentryDParent)
		if up == 0 || up == addr {
			break
		}
		addr = up
		text = f.text(spec{prec: -1}, f.m.ptr(addr+offDentryDName+offQstrName)) + "/" + text
	}
	f.pad(s, cut(text, s.prec))
	return i
}

// bitmap is %*pb and %*pbl: the field width is the number of bits.
func (f *formatter) bitmap(s spec, addr ptr, list bool) {
	n := uint32(max(s.width, 0))
	words := (n + 31) / 32
	if !f.valid(spec{prec: -1}, addr, uint64(words)*4) {
		return
	}
	word := func(i uint32) uint32 {
		w := f.m.u32(addr + 4*ptr(i))
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
func (f *formatter) clock(s spec, format []byte, i int, addr ptr) int {
	var t time.Time
	which := byte(0)
	if i < len(format) {
		which, i = format[i], i+1
	}
	switch {
	case which == 'R' && f.valid(s, addr, 24):
		v := func(k ptr) int { return int(int32(f.m.u32(addr + 4*k))) }
		t = time.Date(v(5)+1900, time.Month(v(4)+1), v(3), v(2), v(1), v(0), 0, time.UTC)
	case which == 'T' && f.valid(s, addr, 16):
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
func (s *System) symbolAt(addr ptr, offset bool) string {
	if mod, name, typ, ok := s.M.FuncAt(addr); ok {
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
