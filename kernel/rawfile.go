package kernel

// An open file without a descriptor, for those who keep descriptors of their own: what programs of
// the host have open. Any task may make its calls; they behave and fail as the task's calls of the
// same names do.

// OpenRaw opens a path, making it with the permission bits of perm where flags say so. ReleaseRaw
// gives the file back. Errors: as Open.
func (t *Task) OpenRaw(path string, flags, perm uint32) (*File, error) {
	return t.openFile(path, flags, perm)
}

// ReleaseRaw ends the file.
func (t *Task) ReleaseRaw(f *File) { f.put(t) }

// ReadRaw is read(2). Errors: as Read.
func (t *Task) ReadRaw(f *File, p []byte) (int, error) { return f.doRead(t, p) }

// WriteRaw is write(2). Errors: as Write.
func (t *Task) WriteRaw(f *File, p []byte) (int, error) { return f.doWrite(t, p) }

// SeekRaw is lseek(2). Errors: as Lseek.
func (t *Task) SeekRaw(f *File, off int64, whence int) (int64, error) {
	return f.doSeek(t, off, whence)
}

// IoctlRaw is ioctl(2); fd is the number that the caller knows the file by. Errors: as Ioctl.
func (t *Task) IoctlRaw(f *File, fd int, cmd uint32, arg Arg) (int, error) {
	return f.doIoctl(t, fd, cmd, arg)
}

// SetFlagsRaw is fcntl(2) with F_SETFL. Errors: the driver's, for FASYNC.
func (t *Task) SetFlagsRaw(f *File, fd int, flags uint32) error { return f.setFlags(t, fd, flags) }

// PollRaw tells what is possible now. With a table, its queues are registered for later wake-ups.
func (t *Task) PollRaw(f *File, w *PollTable) (ev Events) {
	var err error
	t.depth++
	defer t.catch(f, &err)
	return f.doPoll(t, w)
}

// Seekable reports whether the file has a position that can be moved.
func (f *File) Seekable() bool { return f.op.Llseek != nil && !f.fixed.Load() }

// SetStream says in a driver's Open that the file has no position (nonseekable_open, stream_open).
func (f *File) SetStream() { f.fixed.Store(true) }

// MoveRaw says where the next read or write is: it is for callers who keep the position themselves,
// as pread(2) does.
func (f *File) MoveRaw(pos int64) {
	f.pos.Store(pos)
	f.moved.Store(true)
}

// Moved reports, once, that MoveRaw was called: to drivers that keep the position in a place of
// their own.
func (f *File) Moved() bool { return f.moved.Load() && f.moved.Swap(false) }

// StatRaw describes the file, also when its name is gone.
func (k *Kernel) StatRaw(f *File) Stat {
	k.ns.mu.RLock()
	defer k.ns.mu.RUnlock()
	s := f.inode.stat("")
	s.Mode &= S_IFMT | modeMask
	return s
}
