package machine

import "encoding/binary"

const (
	maxWindows  = 8
	windowShift = 28 // each has 256 MiB of addresses
	bounceSize  = 256
	windowSize  = 24 // struct kb_window in kernel/lib
)

// UserMemory is a program's memory at its own addresses, as kernel.UserMemory.
type UserMemory interface {
	ReadUser(p []byte, addr uint64) (n int, err error)
	WriteUser(p []byte, addr uint64) (n int, err error)
}

// window is a buffer of the present call that C can reach through copy_to_user and
// its family. Every other user address is the program's (Thread.Program).
//
// A small one at window 0 lies in kernel memory during the call, in the bounce
// buffer of kernel/lib, so that copy_to_user needs no call into Go. What C wrote
// there is copied out when the call ends or sleeps.
//
//	struct kb_window { u64 base; u32 rlen, wlen, lo, hi; }   where it is, bytes that can be
//	                                                         read and written, and the range
//	                                                         that was written
type window struct {
	base uint64
	p    []byte
	ro   bool
}

// SetUser maps p at the i-th user window (0 to 7) for the next Call from
// outside of C and returns its address. It is unmapped when that Call returns.
// p may be written to until then. Up to 256 MiB are mapped.
func (t *Thread) SetUser(i int, p []byte) uint64 {
	return t.SetUserAt(i, UserBase+uint64(i)<<windowShift, p)
}

// SetUserRO maps p for reading only: copy_to_user fails there.
func (t *Thread) SetUserRO(i int, p []byte) uint64 {
	addr := t.SetUser(i, p)
	t.user[i].ro = true
	return addr
}

// SetUserAt maps p at an address of the caller's choice: the program's own.
func (t *Thread) SetUserAt(i int, addr uint64, p []byte) uint64 {
	if len(p) > 1<<windowShift {
		p = p[:1<<windowShift]
	}
	t.user[i] = window{base: addr, p: p}
	t.nuser = max(t.nuser, i+1)
	return addr
}

// ReadUser copies from a user address. n is how many bytes came before the first that is not
// mapped.
func (t *Thread) ReadUser(p []byte, addr uint64) (n int) {
	if w, off := t.findUser(addr); w != nil {
		return copy(p, t.contents(w)[off:])
	}
	if t.Program != nil && addr < UserEnd {
		if m := t.Program(); m != nil {
			n, _ = m.ReadUser(p, addr)
		}
	}
	return n
}

// WriteUser copies to a user address, as ReadUser.
func (t *Thread) WriteUser(p []byte, addr uint64) (n int) {
	if w, off := t.findUser(addr); w != nil {
		return copy(t.writable(w, off, len(p)), p)
	}
	if t.Program != nil && addr < UserEnd {
		if m := t.Program(); m != nil {
			n, _ = m.WriteUser(p, addr)
		}
	}
	return n
}

// clearUser writes zeros.
func (t *Thread) clearUser(addr, n uint64) (done uint64) {
	w, off := t.findUser(addr)
	if w != nil {
		b := t.writable(w, off, int(min(n, 1<<windowShift)))
		clear(b)
		return uint64(len(b))
	}
	zero := make([]byte, min(n, 4096))
	for done < n {
		k := t.WriteUser(zero[:min(n-done, uint64(len(zero)))], addr+done)
		if done += uint64(k); k == 0 {
			break
		}
	}
	return done
}

// writable is up to n bytes of a window, which the caller will write.
func (t *Thread) writable(w *window, off uint64, n int) []byte {
	if w.ro {
		return nil
	}
	b := t.contents(w)[off:]
	b = b[:min(n, len(b))]
	if t.boun && w == &t.user[0] {
		k := t.m.mem[t.m.window:]
		lo, hi := uint32(off), uint32(off)+uint32(len(b))
		binary.LittleEndian.PutUint32(k[16:], min(binary.LittleEndian.Uint32(k[16:]), lo))
		binary.LittleEndian.PutUint32(k[20:], max(binary.LittleEndian.Uint32(k[20:]), hi))
	}
	return b
}

func (t *Thread) findUser(addr uint64) (w *window, off uint64) {
	for i := range t.user[:t.nuser] {
		w := &t.user[i]
		if off := addr - w.base; off < uint64(len(w.p)) {
			return w, off
		}
	}
	return nil, 0
}

// contents is where the bytes of a window are now.
func (t *Thread) contents(w *window) []byte {
	if t.boun && w == &t.user[0] {
		return t.m.mem[t.m.bounce:][:len(w.p)]
	}
	return w.p
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
	binary.LittleEndian.PutUint64(b, w.base)
	binary.LittleEndian.PutUint64(b[8:], n|wn<<32)
	binary.LittleEndian.PutUint64(b[16:], 0xffffffff)
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
	lo, hi := binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[20:])
	if n := uint32(len(w.p)); lo < hi && hi <= n && !w.ro {
		copy(w.p[lo:hi], m.mem[m.bounce+lo:m.bounce+hi])
	}
	binary.LittleEndian.PutUint64(b[8:], 0)
}

func (t *Thread) unmapUser() {
	t.flushUser()
	clear(t.user[:t.nuser])
	t.nuser = 0
}

// kernelBytes is n bytes of kernel memory that C has named.
func (t *Thread) kernelBytes(addr, n uint64) []byte {
	b, ok := t.m.Bytes(addr, n)
	if !ok {
		panic(t.m.BadAddress(addr))
	}
	return b
}

// intrinsic are the host functions that the machine itself supplies to kernel/lib. As in Linux the
// rest of a buffer that could not be filled from user memory is cleared (copy_from_user).
func intrinsic(name string) (HostFunc, bool) {
	three := []ValType{I64, I64, I64}
	one := []ValType{I64}
	switch name {
	case "__kb_copy_to_user":
		return HostFunc{name, three, one, func(t *Thread, s []uint64) {
			src := t.kernelBytes(s[1], s[2])
			s[0] = s[2] - uint64(t.WriteUser(src, s[0]))
		}}, true
	case "__kb_copy_from_user":
		return HostFunc{name, three, one, func(t *Thread, s []uint64) {
			dst := t.kernelBytes(s[0], s[2])
			n := t.ReadUser(dst, s[1])
			clear(dst[n:])
			s[0] = uint64(len(dst) - n)
		}}, true
	case "__kb_clear_user":
		return HostFunc{name, []ValType{I64, I64}, one, func(t *Thread, s []uint64) {
			s[0] = s[1] - t.clearUser(s[0], s[1])
		}}, true
	}
	return HostFunc{}, false
}
