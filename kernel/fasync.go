package kernel

import (
	"encoding/binary"
	"sync"
)

// FasyncList are the files of a device whose tasks want SIGIO when something happens (struct
// fasync_struct). The zero value is ready for use.
type FasyncList struct {
	mu   sync.Mutex
	list map[*File]*Task // +checklocks:mu
}

// Set puts the file on the list or takes it off, and sets its O_ASYNC; a driver's Fasync calls it
// (fasync_helper).
func (l *FasyncList) Set(t *Task, f *File, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !on {
		f.flags.And(^uint32(FASYNC))
		delete(l.list, f)
		return
	}
	f.flags.Or(FASYNC)
	if l.list == nil {
		l.list = make(map[*File]*Task)
	}
	l.list[f] = t
}

// Kill sends SIGIO to every task on the list (kill_fasync).
func (l *FasyncList) Kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.list {
		t.Kill(SIGIO)
	}
}

// Uint32 is the 32-bit little-endian integer at the start of the memory that the argument points
// to. Errors: EFAULT.
func (a Arg) Uint32() (uint32, error) {
	if len(a.Buf) < 4 {
		return 0, EFAULT
	}
	return binary.LittleEndian.Uint32(a.Buf), nil
}

// PutUint32 stores a 32-bit little-endian integer there. Errors: EFAULT.
func (a Arg) PutUint32(v uint32) error {
	if len(a.Buf) < 4 {
		return EFAULT
	}
	binary.LittleEndian.PutUint32(a.Buf, v)
	return nil
}
