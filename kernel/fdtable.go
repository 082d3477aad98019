package kernel

import (
	"sync"
	"sync/atomic"
)

const (
	fdInitial = 16   // descriptors that need no growth
	fdLimit   = 4096 // RLIMIT_NOFILE
)

// fdTable maps descriptors to files. While one task uses it, a call takes no reference to its file;
// once Clone shares it, every call does, so that a close elsewhere waits for it (fs/file.c
// __fget_light).
type fdTable struct {
	users atomic.Int32
	slots atomic.Pointer[[]atomic.Pointer[File]]

	mu sync.Mutex // of open, dup and close
	// no descriptor below is free
	lo int // +checklocks:mu
	// descriptors with FD_CLOEXEC
	closing map[int]bool // +checklocks:mu
}

func newFDTable() *fdTable {
	ft := &fdTable{}
	ft.users.Store(1)
	return ft
}

// file finds a descriptor's file, nil when it is closed.
func (ft *fdTable) file(fd int) *File {
	s := ft.slots.Load()
	if s == nil || uint(fd) >= uint(len(*s)) {
		return nil
	}
	return (*s)[fd].Load()
}

// hold is file with a reference, for tables that are shared. It takes no lock, as Linux's
// (fs/file.c __fget_files_rcu): a file whose last reference has gone is not taken, and one that has
// left its descriptor meanwhile is given back.
func (ft *fdTable) hold(t *Task, fd int) *File {
	for {
		f := ft.file(fd)
		if f == nil {
			return nil
		}
		n := f.count.Load()
		if n <= 0 || !f.count.CompareAndSwap(n, n+1) {
			continue // at 0 the descriptor is empty already, or somebody else's
		}
		if ft.file(fd) == f {
			return f
		}
		f.put(t)
	}
}

// install gives f the lowest free descriptor from min on.
//
// Errors: EMFILE.
func (ft *fdTable) install(f *File, min int) (int, error) {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	fd := max(min, ft.lo)
	for {
		s := ft.slots.Load()
		size := 0
		if s != nil {
			size = len(*s)
		}
		for ; fd < size; fd++ {
			if (*s)[fd].Load() == nil {
				(*s)[fd].Store(f)
				if min <= ft.lo {
					ft.lo = fd + 1
				}
				return fd, nil
			}
		}
		if fd >= fdLimit {
			return -1, EMFILE
		}
		ft.growLocked(fd + 1)
	}
}

func (ft *fdTable) growLocked(need int) {
	size := fdInitial
	for size < need {
		size *= 2
	}
	size = min(size, fdLimit)
	grown := make([]atomic.Pointer[File], size)
	if old := ft.slots.Load(); old != nil {
		for i := range *old {
			grown[i].Store((*old)[i].Load())
		}
	}
	ft.slots.Store(&grown)
}

// put installs f at exactly fd, returning what was there.
func (ft *fdTable) put(fd int, f *File) *File {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	if s := ft.slots.Load(); s == nil || fd >= len(*s) {
		ft.growLocked(fd + 1)
	}
	delete(ft.closing, fd)
	return (*ft.slots.Load())[fd].Swap(f)
}

// setCloexec sets or clears FD_CLOEXEC of an open descriptor.
func (ft *fdTable) setCloexec(fd int, on bool) {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	switch {
	case !on || fd < 0:
		delete(ft.closing, fd)
	case ft.closing == nil:
		ft.closing = map[int]bool{fd: true}
	default:
		ft.closing[fd] = true
	}
}

// cloexec is what F_GETFD says of a descriptor.
func (ft *fdTable) cloexec(fd int) int {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	if ft.closing[fd] {
		return FD_CLOEXEC
	}
	return 0
}

// remove closes the descriptor and returns its file.
func (ft *fdTable) remove(fd int) *File {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	s := ft.slots.Load()
	if s == nil || uint(fd) >= uint(len(*s)) {
		return nil
	}
	f := (*s)[fd].Swap(nil)
	delete(ft.closing, fd)
	if f != nil && fd < ft.lo {
		ft.lo = fd
	}
	return f
}

// exitFiles leaves the table; the last user closes what is open.
func (t *Task) exitFiles() {
	ft := t.files
	if ft.users.Add(-1) > 0 {
		return
	}
	s := ft.slots.Load()
	if s == nil {
		return
	}
	for fd := range *s {
		if f := ft.remove(fd); f != nil {
			f.put(t)
		}
	}
}
