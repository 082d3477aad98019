package kernel

import "sync"

// maxRAMFile bounds a regular file of the name space; it is a place for scripts' scraps, not a file
// system.
const maxRAMFile = 16 << 20

// ramFile is the content of a regular file in memory.
type ramFile struct {
	mu   sync.Mutex
	data []byte // +checklocks:mu
}

func (r *ramFile) size() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.data))
}

var ramOps = &FileOperations{
	Open: func(_ *Task, f *File) error {
		if f.Flags()&O_TRUNC != 0 {
			r := f.inode.data
			r.mu.Lock()
			r.data = nil
			r.mu.Unlock()
		}
		return nil
	},
	Read: func(_ *Task, f *File, p []byte) (int, error) {
		r := f.inode.data
		r.mu.Lock()
		defer r.mu.Unlock()
		pos := f.Pos()
		if pos >= int64(len(r.data)) {
			return 0, nil
		}
		n := copy(p, r.data[pos:])
		f.SetPos(pos + int64(n))
		return n, nil
	},
	Write: func(_ *Task, f *File, p []byte) (int, error) {
		r := f.inode.data
		r.mu.Lock()
		defer r.mu.Unlock()
		pos := f.Pos()
		if f.Flags()&O_APPEND != 0 {
			pos = int64(len(r.data))
		}
		if pos+int64(len(p)) > maxRAMFile {
			return 0, EFBIG
		}
		if grow := pos + int64(len(p)) - int64(len(r.data)); grow > 0 {
			r.data = append(r.data, make([]byte, grow)...)
		}
		n := copy(r.data[pos:], p)
		f.SetPos(pos + int64(n))
		return n, nil
	},
	Llseek: func(_ *Task, f *File, off int64, whence int) (int64, error) {
		return f.SeekSize(off, whence, f.inode.data.size())
	},
}
