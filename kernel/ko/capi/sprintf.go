package capi

import (
	"strconv"

	"github.com/kobench/kobench/kernel"
)

// Text into memory. References: lib/vsprintf.c; lib/kasprintf.c; fs/sysfs/file.c sysfs_emit.
func sprintfFuncs() []Func {
	list := []Func{
		f3("sprintf", func(c *Ctx, to, format, args ptr) int32 { return c.sprint(to, 1<<31-1, format, args) }),
		f3("vsprintf", func(c *Ctx, to, format, args ptr) int32 { return c.sprint(to, 1<<31-1, format, args) }),
		f4("snprintf", func(c *Ctx, to, n, format, args ptr) int32 { return c.sprint(to, n, format, args) }),
		f4("vsnprintf", func(c *Ctx, to, n, format, args ptr) int32 { return c.sprint(to, n, format, args) }),
		f4("scnprintf", func(c *Ctx, to, n, format, args ptr) int32 { return clip(c.sprint(to, n, format, args), n) }),
		f4("vscnprintf", func(c *Ctx, to, n, format, args ptr) int32 { return clip(c.sprint(to, n, format, args), n) }),
		f3("kasprintf", func(c *Ctx, flags uint32, format, args ptr) ptr { return c.strdup(c.vformat(format, args), flags) }),
		f3("kvasprintf", func(c *Ctx, flags uint32, format, args ptr) ptr { return c.strdup(c.vformat(format, args), flags) }),
		f3("sscanf", func(c *Ctx, from, format, args ptr) int32 { return c.scan(from, format, args) }),
		f3("vsscanf", func(c *Ctx, from, format, args ptr) int32 { return c.scan(from, format, args) }),
		f3("sysfs_emit", func(c *Ctx, to, format, args ptr) int32 {
			if to&(pageSize-1) != 0 {
				c.warn("fs/sysfs/file.c", 735, 9, "invalid sysfs_emit: buf:"+strconv.FormatUint(uint64(to), 16)+"\n")
				return 0
			}
			return clip(c.sprint(to, pageSize, format, args), pageSize)
		}),
		f4("sysfs_emit_at", func(c *Ctx, to ptr, at int32, format, args ptr) int32 {
			if to&(pageSize-1) != 0 || at < 0 || at >= pageSize {
				c.warn("fs/sysfs/file.c", 765, 9, "invalid sysfs_emit_at\n")
				return 0
			}
			return clip(c.sprint(to+ptr(at), pageSize-uint64(at), format, args), pageSize-uint64(at))
		}),
	}
	return list
}

// sprint writes at most n bytes with the NUL and gives the length that there would have been.
func (c *Ctx) sprint(to, n, format, args ptr) int32 {
	text := c.vformat(format, args)
	if n == 0 {
		return int32(len(text))
	}
	put := min(uint64(len(text)), n-1)
	b := c.mem().bytes(to, put+1)
	copy(b, text[:put])
	b[put] = 0
	return int32(len(text))
}

// clip makes of that the length that there is.
func clip(length int32, n ptr) int32 {
	if n == 0 {
		return 0
	}
	return int32(min(int64(length), int64(min(n, 1<<31))-1))
}

// strdup is kstrdup of a Go string; 0 when there is no room.
func (c *Ctx) strdup(s string, flags uint32) ptr {
	p := c.alloc(uint64(len(s))+1, 0, flags, 1<<22)
	if p == 0 {
		return 0
	}
	c.mem().text(p, s)
	return p
}

// scan is vsscanf.
func (c *Ctx) scan(from, format, ap ptr) (count int32) {
	m := c.mem()
	in, f := m.cstr(from), m.cstr(format)
	a := args{m, ap}
	pos := 0
	space := func(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }
	skip := func() {
		for pos < len(in) && space(in[pos]) {
			pos++
		}
	}
	for i := 0; i < len(f); {
		if space(f[i]) {
			skip()
			i++
			continue
		}
		if f[i] != '%' || i+1 >= len(f) || f[i+1] == '%' {
			if f[i] == '%' && i+1 < len(f) {
				i++
			}
			if pos >= len(in) || in[pos] != f[i] {
				return count
			}
			pos++
			i++
			continue
		}
		i++
		ignore := f[i] == '*'
		if ignore {
			i++
		}
		width := 0
		for i < len(f) && f[i] >= '0' && f[i] <= '9' {
			width = min(width*10+int(f[i]-'0'), maxField)
			i++
		}
		s := spec{}
		if i = s.qualifier(f, i); i >= len(f) {
			return count
		}
		verb := f[i]
		i++
		switch verb {
		case 'n':
			if !ignore {
				m.put(a.u64(), uint32(pos))
			}
			continue
		case 'c':
			n := max(width, 1)
			if pos+n > len(in) {
				return count
			}
			if !ignore {
				copy(m.bytes(a.u64(), uint64(n)), in[pos:pos+n])
				count++
			}
			pos += n
			continue
		case 's', '[':
			var set func(byte) bool
			if verb == 's' {
				skip()
				set = func(b byte) bool { return !space(b) }
			} else if set, i = scanSet(f, i); set == nil {
				return count
			}
			start := pos
			for pos < len(in) && set(in[pos]) && (width == 0 || pos-start < width) {
				pos++
			}
			if pos == start {
				return count
			}
			if !ignore {
				m.text(a.u64(), string(in[start:pos]))
				count++
			}
			continue
		}
		base := map[byte]int{'d': 10, 'u': 10, 'i': 0, 'x': 16, 'X': 16, 'o': 8}[verb]
		if base == 0 && verb != 'i' {
			return count
		}
		skip()
		v, n, ok := scanNumber(in[pos:], base, width)
		if !ok {
			return count
		}
		pos += n
		if ignore {
			continue
		}
		to := a.u64()
		switch s.size {
		case 'q', 'l':
			m.put64(to, v)
		case 'h':
			m.put16(to, uint16(v))
		case 'b':
			m.put8(to, uint8(v))
		default:
			m.put(to, uint32(v))
		}
		count++
	}
	return count
}

// scanSet reads a "[a-z]" or "[^,]" whose "[" is behind i.
func scanSet(f []byte, i int) (func(byte) bool, int) {
	negate := i < len(f) && f[i] == '^'
	if negate {
		i++
	}
	var in [256]bool
	for first := true; i < len(f) && (f[i] != ']' || first); first = false {
		if i+2 < len(f) && f[i+1] == '-' && f[i+2] != ']' {
			for b := int(f[i]); b <= int(f[i+2]); b++ {
				in[b] = true
			}
			i += 3
			continue
		}
		in[f[i]] = true
		i++
	}
	if i >= len(f) {
		return nil, i
	}
	return func(b byte) bool { return in[b] != negate }, i + 1
}

func scanNumber(in []byte, base, width int) (v uint64, n int, ok bool) {
	if width > 0 && len(in) > width {
		in = in[:width]
	}
	neg := false
	if n < len(in) && (in[n] == '-' || in[n] == '+') {
		neg = in[n] == '-'
		n++
	}
	hexPrefix := n+2 < len(in) && in[n] == '0' && in[n+1]|0x20 == 'x' && digit(in[n+2]) < 16
	switch {
	case base == 0 && hexPrefix:
		base, n = 16, n+2
	case base == 16 && hexPrefix:
		n += 2
	case base == 0 && n < len(in) && in[n] == '0':
		base = 8
	case base == 0:
		base = 10
	}
	start := n
	for n < len(in) && digit(in[n]) < base {
		v = v*uint64(base) + uint64(digit(in[n]))
		n++
	}
	if neg {
		v = -v
	}
	return v, n, n > start
}

func digit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return 99
}

var _ = kernel.EINVAL
