package machine

import "encoding/binary"

const (
	maxWindows  = 8
	windowShift = 28 // each has 256 MiB of addresses
	bounceSize  = 256
	windowSize  = 16 // struct kb_window in kernel/lib
)

// window is a piece of user memory that C can reach through copy_to_user and
// its family.
//
// A small one at window 0 lies in kernel memory during the call, in the bounce
// buffer of kernel/lib, so that copy_to_user needs no call into Go. What C wrote
// there is copied out when the call ends or sleeps.
//
//	struct kb_window { u32 rlen, wlen, lo, hi; }   bytes that can be read and
//	                                               written, and the range that was written
type window struct {
	p  []byte
	ro bool
}

// SetUser maps p at the i-th user window (0 to 7) for the next Call from
// outside of C and returns its address. It is unmapped when that Call returns.
// p may be written to until then. Up to 256 MiB (less for window 7) are mapped.
func (t *Thread) SetUser(i int, p []byte) uint32 { return t.setUser(i, p, false) }

// SetUserRO maps p for reading only: copy_to_user fails there.
func (t *Thread) SetUserRO(i int, p []byte) uint32 { return t.setUser(i, p, true) }

func (t *Thread) setUser(i int, p []byte, ro bool) uint32 {
	const room = 1<<windowShift - 1<<16 // above the last window lie the error pointers
	if len(p) > room {
		p = p[:room]
	}
	t.user[i] = window{p, ro}
	t.nuser = max(t.nuser, i+1)
	return UserBase + uint32(i)<<windowShift
}

// User finds n bytes at a user address, for reading. ok is false if not all of
// them are mapped.
func (t *Thread) User(addr, n uint32) (p []byte, ok bool) {
	p, _, ok = t.findUser(addr, n)
	return p, ok
}

// UserW finds n bytes at a user address, for writing.
func (t *Thread) UserW(addr, n uint32) (p []byte, ok bool) {
	p, w, ok := t.findUser(addr, n)
	if !ok || w.ro {
		return nil, false
	}
	if t.boun && w == &t.user[0] {
		b := t.m.mem[t.m.window:]
		lo := addr - UserBase
		binary.LittleEndian.PutUint32(b[8:], min(binary.LittleEndian.Uint32(b[8:]), lo))
		binary.LittleEndian.PutUint32(b[12:], max(binary.LittleEndian.Uint32(b[12:]), lo+n))
	}
	return p, true
}

// UserRoom is how many bytes are mapped from addr on, at most n.
func (t *Thread) UserRoom(addr, n uint32) uint32 {
	_, w, ok := t.findUser(addr, 0)
	if !ok {
		return 0
	}
	return min(n, uint32(len(w.p))-addr&(1<<windowShift-1))
}

func (t *Thread) findUser(addr, n uint32) ([]byte, *window, bool) {
	if addr < UserBase {
		return nil, nil, false
	}
	i := addr & (UserBase - 1) >> windowShift
	off := addr & (1<<windowShift - 1)
	w := &t.user[i]
	if uint64(off)+uint64(n) > uint64(len(w.p)) {
		return nil, nil, false
	}
	if i == 0 && t.boun {
		a := t.m.bounce + off
		return t.m.mem[a : a+n : a+n], w, true
	}
	return w.p[off : off+n : off+n], w, true
}

// mapUser sets up the bounce buffer: the thread has got the lock.
func (t *Thread) mapUser() {
	m := t.m
	w := &t.user[0]
	if m.window == 0 || len(w.p) == 0 || len(w.p) > bounceSize {
		return
	}
	t.boun = true
	copy(m.mem[m.bounce:], w.p)
	n := uint64(len(w.p))
	wn := n
	if w.ro {
		wn = 0
	}
	b := m.mem[m.window : m.window+windowSize]
	binary.LittleEndian.PutUint64(b, n|wn<<32)
	binary.LittleEndian.PutUint64(b[8:], 0xffffffff)
}

// flushUser copies out what was written and closes the window: the thread
// is about to give up the lock.
func (t *Thread) flushUser() {
	if !t.boun {
		return
	}
	t.boun = false
	m, w := t.m, &t.user[0]
	b := m.mem[m.window : m.window+windowSize]
	lo, hi := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if n := uint32(len(w.p)); lo < hi && hi <= n && !w.ro {
		copy(w.p[lo:hi], m.mem[m.bounce+lo:m.bounce+hi])
	}
	binary.LittleEndian.PutUint64(b, 0)
}

func (t *Thread) unmapUser() {
	t.flushUser()
	clear(t.user[:t.nuser])
	t.nuser = 0
}

// intrinsic are the host functions that the machine itself supplies to kernel/lib.
func intrinsic(name string) (HostFunc, bool) {
	three := []ValType{I32, I32, I32}
	one := []ValType{I32}
	switch name {
	case "__kb_copy_to_user":
		return HostFunc{name, three, one, func(t *Thread, s []uint64) {
			n := t.UserRoom(uint32(s[0]), uint32(s[2]))
			left := uint32(s[2])
			if dst, ok := t.UserW(uint32(s[0]), n); ok {
				src, ok := t.m.Bytes(uint32(s[1]), n)
				if !ok {
					panic(t.badAddress(uint32(s[1]), n))
				}
				left -= uint32(copy(dst, src))
			}
			s[0] = uint64(left)
		}}, true
	case "__kb_copy_from_user":
		return HostFunc{name, three, one, func(t *Thread, s []uint64) {
			n := t.UserRoom(uint32(s[1]), uint32(s[2]))
			left := uint32(s[2])
			if src, ok := t.User(uint32(s[1]), n); ok {
				dst, ok := t.m.Bytes(uint32(s[0]), n)
				if !ok {
					panic(t.badAddress(uint32(s[0]), n))
				}
				left -= uint32(copy(dst, src))
			}
			s[0] = uint64(left)
		}}, true
	case "__kb_clear_user":
		return HostFunc{name, []ValType{I32, I32}, one, func(t *Thread, s []uint64) {
			n := t.UserRoom(uint32(s[0]), uint32(s[1]))
			left := uint32(s[1])
			if dst, ok := t.UserW(uint32(s[0]), n); ok {
				clear(dst)
				left -= n
			}
			s[0] = uint64(left)
		}}, true
	}
	return HostFunc{}, false
}
