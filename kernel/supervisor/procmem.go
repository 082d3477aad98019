//go:build linux

package supervisor

import (
	"bytes"
	"unsafe"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

const pageSize = 4096

// memory is that of a program's process, by one of its threads.
type memory struct{ tid int }

// read fills p from addr on and returns how much there was, page by page up to the first that
// cannot be read.
func (m memory) read(p []byte, addr uint64) int {
	return m.transfer(p, addr, unix.ProcessVMReadv)
}

// write is read the other way.
func (m memory) write(p []byte, addr uint64) int {
	return m.transfer(p, addr, unix.ProcessVMWritev)
}

type vm func(pid int, local []unix.Iovec, remote []unix.RemoteIovec, flags uint) (int, error)

// maxRemote is how many pages one call names: each is one of its own, so that a bad one ends the
// transfer just before it.
const maxRemote = 256

func (m memory) transfer(p []byte, addr uint64, do vm) (done int) {
	var one [8]unix.RemoteIovec
	for done < len(p) {
		remote := one[:0]
		size := 0
		for at, left := addr+uint64(done), len(p)-done; left > 0 && len(remote) < maxRemote; {
			n := min(left, pageSize-int(at%pageSize))
			remote = append(remote, unix.RemoteIovec{Base: uintptr(at), Len: n})
			at, left, size = at+uint64(n), left-n, size+n
		}
		local := [1]unix.Iovec{{Base: &p[done]}}
		local[0].SetLen(size)
		n, err := do(m.tid, local[:], remote, 0)
		if err != nil || n <= 0 {
			break
		}
		done += n
		if n < size {
			break
		}
	}
	return done
}

// ReadUser is the memory as a driver's copy_from_user sees it ([kernel.UserMemory]).
func (m memory) ReadUser(p []byte, addr uint64) (int, error) { return copied(m.read(p, addr), len(p)) }

// WriteUser is its copy_to_user.
func (m memory) WriteUser(p []byte, addr uint64) (int, error) {
	return copied(m.write(p, addr), len(p))
}

func copied(n, want int) (int, error) {
	if n < want {
		return n, kernel.EFAULT
	}
	return n, nil
}

const maxPath = 4096

// text reads a string that ends with a zero, at most limit bytes with it.
//
// Errors: EFAULT it is not there; ENAMETOOLONG it does not end.
func (m memory) text(addr uint64, limit int) (string, error) {
	var all []byte
	var buf [256]byte
	for len(all) < limit {
		at := addr + uint64(len(all))
		n := m.read(buf[:min(len(buf), limit-len(all), int(pageSize-at%pageSize))], at)
		if n == 0 {
			return "", unix.EFAULT
		}
		if i := bytes.IndexByte(buf[:n], 0); i >= 0 {
			return string(append(all, buf[:i]...)), nil
		}
		all = append(all, buf[:n]...)
	}
	return "", unix.ENAMETOOLONG
}

// put writes the bytes of a value. Errors: EFAULT.
func put[T any](m memory, addr uint64, v *T) error {
	b := unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
	if m.write(b, addr) != len(b) {
		return unix.EFAULT
	}
	return nil
}

// get reads them. Errors: EFAULT.
func get[T any](m memory, addr uint64) (v T, err error) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v))
	if m.read(b, addr) != len(b) {
		return v, unix.EFAULT
	}
	return v, nil
}
