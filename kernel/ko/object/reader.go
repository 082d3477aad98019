package object

import (
	"fmt"
	"unicode/utf8"
)

// reader reads one section. The first failure sticks: err is set, the cursor
// moves to the end, and everything read afterwards is zero.
type reader struct {
	b       []byte
	p       int
	base    int // of b[0] in the file
	section string
	err     *Error
}

func (r *reader) pos() int   { return r.base + r.p }
func (r *reader) more() bool { return r.err == nil && r.p < len(r.b) }

func (r *reader) failAt(at int, kind error, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Kind: kind, Section: r.section, Offset: at, Msg: fmt.Sprintf(format, args...)}
	}
	r.p = len(r.b)
}

func (r *reader) fail(kind error, format string, args ...any) {
	r.failAt(r.pos(), kind, format, args...)
}

func (r *reader) byte() byte {
	if r.p >= len(r.b) {
		r.fail(ErrTruncated, "a byte is missing")
		return 0
	}
	c := r.b[r.p]
	r.p++
	return c
}

// u32 reads an unsigned LEB128 of at most 32 bits ([core] 5.2.2).
func (r *reader) u32() uint32 {
	at := r.pos()
	var v uint32
	for s := uint(0); ; s += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if s == 28 && c > 0x0f {
			r.failAt(at, ErrFormat, "number is longer than 32 bits")
			return 0
		}
		v |= uint32(c&0x7f) << s
		if c < 0x80 {
			return v
		}
	}
}

// u64 reads an unsigned LEB128 of at most 64 bits.
func (r *reader) u64() uint64 {
	at := r.pos()
	var v uint64
	for s := uint(0); ; s += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if s == 63 && c > 1 {
			r.failAt(at, ErrFormat, "number is longer than 64 bits")
			return 0
		}
		v |= uint64(c&0x7f) << s
		if c < 0x80 {
			return v
		}
	}
}

// s64 reads a signed LEB128 of at most 64 bits.
func (r *reader) s64() int64 {
	at := r.pos()
	var v int64
	for s := uint(0); ; s += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if s == 63 && c != 0 && c != 0x7f {
			r.failAt(at, ErrFormat, "number is longer than 64 bits")
			return 0
		}
		v |= int64(c&0x7f) << s
		if c < 0x80 {
			if s+7 < 64 && c&0x40 != 0 {
				v |= -1 << (s + 7)
			}
			return v
		}
	}
}

// s32 reads a signed LEB128 that must fit 32 bits.
func (r *reader) s32() int32 {
	at := r.pos()
	v := r.s64()
	if v != int64(int32(v)) {
		r.failAt(at, ErrFormat, "number is longer than 32 bits")
		return 0
	}
	return int32(v)
}

func (r *reader) bytes(n uint32, what string) []byte {
	if uint64(n) > uint64(len(r.b)-r.p) {
		r.fail(ErrTruncated, "%s has %d bytes, %d are left", what, n, len(r.b)-r.p)
		return nil
	}
	b := r.b[r.p : r.p+int(n) : r.p+int(n)]
	r.p += int(n)
	return b
}

func (r *reader) name() string {
	at := r.pos()
	n := r.u32()
	if n > maxName {
		r.failAt(at, ErrLimit, "a name of %d bytes, the limit is %d", n, maxName)
		return ""
	}
	b := r.bytes(n, "a name")
	if !utf8.Valid(b) {
		r.failAt(at, ErrFormat, "a name is not UTF-8")
		return ""
	}
	return string(b)
}

// count reads the length of a vector whose elements take at least min bytes
// each, so that a hostile count cannot make anybody allocate.
func (r *reader) count(what string, min int) uint32 {
	at := r.pos()
	n := r.u32()
	if left := len(r.b) - r.p; uint64(n)*uint64(min) > uint64(left) {
		r.failAt(at, ErrTruncated, "%d %s do not fit in the %d bytes left", n, what, left)
		return 0
	}
	return n
}

func (r *reader) valType() ValType {
	at := r.pos()
	t := ValType(r.byte())
	switch t {
	case I32, I64, F32, F64:
	default:
		r.failAt(at, ErrUnsupported, "value type %#x (only i32, i64, f32 and f64 are)", byte(t))
	}
	return t
}
