package kernel

// Whence values of lseek(2).
const (
	SEEK_SET  = 0
	SEEK_CUR  = 1
	SEEK_END  = 2
	SEEK_DATA = 3
	SEEK_HOLE = 4
)

// doSeek is lseek(2) on the file (ksys_lseek, vfs_llseek).
func (f *File) doSeek(t *Task, off int64, whence int) (pos int64, err error) {
	if whence < SEEK_SET || whence > SEEK_HOLE {
		return 0, EINVAL
	}
	if f.op.Llseek == nil {
		return 0, ESPIPE
	}
	t.depth++
	defer t.catch(f, &err)
	pos, err = f.op.Llseek(t, f, off, whence)
	if err != nil {
		err = t.sysError(err)
	}
	return pos, err
}

// SeekSize is an Llseek over a content of the given size in bytes, all of it data
// (generic_file_llseek_size).
//
// Errors: EINVAL for a position outside 0…MaxInt64 or an unknown whence; ENXIO for data or a hole
// behind the end.
func (f *File) SeekSize(off int64, whence int, size int64) (int64, error) {
	switch whence {
	case SEEK_SET:
	case SEEK_CUR:
		off += f.Pos()
	case SEEK_END:
		off += size
	case SEEK_DATA, SEEK_HOLE:
		if off < 0 || off >= size {
			return 0, ENXIO
		}
		if whence == SEEK_HOLE {
			off = size
		}
	default:
		return 0, EINVAL
	}
	if off < 0 {
		return 0, EINVAL
	}
	f.SetPos(off)
	return off, nil
}

// seekSeq is an Llseek of a text that is made as it is read (seq_lseek).
//
// Errors: EINVAL for whence values but SEEK_SET and SEEK_CUR, or a negative position.
func (f *File) seekSeq(off int64, whence int) (int64, error) {
	if whence != SEEK_SET && whence != SEEK_CUR {
		return 0, EINVAL
	}
	return f.SeekSize(off, whence, 0)
}
