package kernel

import "encoding/binary"

// Ioctl commands that the kernel answers itself, whatever the driver (fs/ioctl.c do_vfs_ioctl).
const (
	FIGETBSZ        = 2          // 32 bits: the file system's block size in bytes
	FIONCLEX        = 0x5450     // the descriptor stays open over exec(2)
	FIOCLEX         = 0x5451     // it does not
	FIONBIO         = 0x5421     // 32 bits: O_NONBLOCK
	FIOASYNC        = 0x5452     // 32 bits: O_ASYNC
	FIOQSIZE        = 0x5460     // 64 bits: the room that a regular file takes
	FIFREEZE        = 0xc0045877 // of file systems that can
	FITHAW          = 0xc0045878
	FS_IOC_FIEMAP   = 0xc020660b
	FICLONE         = 0x40049409
	FICLONERANGE    = 0x4020940d
	FIDEDUPERANGE   = 0xc0189436
	procBlockSize   = 1024
	commonBlockSize = 4096
)

// doIoctl is ioctl(2) on the file; fd is the descriptor that the call came by, -1 without one.
func (f *File) doIoctl(t *Task, fd int, cmd uint32, arg Arg) (ret int, err error) {
	t.depth++
	defer t.catch(f, &err)
	if mine, err := f.vfsIoctl(t, fd, cmd, arg); mine {
		return 0, err
	}
	if f.op.Ioctl == nil {
		return 0, ENOTTY
	}
	ret, err = f.op.Ioctl(t, f, cmd, arg)
	if err == nil {
		return ret, nil
	}
	if err == ENOIOCTLCMD || ErrnoOf(err) == ENOIOCTLCMD { // the comparison spares the look-up
		return 0, ENOTTY
	}
	return 0, t.sysError(err)
}

// vfsIoctl answers a command that is not the driver's; mine reports whether it was one.
func (f *File) vfsIoctl(t *Task, fd int, cmd uint32, arg Arg) (mine bool, err error) {
	switch cmd {
	case FIOCLEX, FIONCLEX:
		t.files.setCloexec(fd, cmd == FIOCLEX)
		return true, nil
	case FIONBIO, FIOASYNC:
		return true, f.switchFlag(t, fd, cmd, arg)
	case FIGETBSZ:
		return true, arg.PutUint32(f.inode.blockSize())
	case FIOQSIZE:
		return true, f.roomTaken(arg)
	case FIFREEZE, FITHAW:
		switch {
		case !t.Capable():
			return true, EPERM
		case cmd == FITHAW:
			return true, EINVAL // it is not frozen
		}
		return true, EOPNOTSUPP
	case FS_IOC_FIEMAP:
		return true, EOPNOTSUPP
	case FICLONE, FICLONERANGE, FIDEDUPERANGE:
		return true, EINVAL // they are for regular files
	}
	return false, nil
}

// switchFlag is FIONBIO and FIOASYNC (ioctl_fionbio, ioctl_fioasync).
func (f *File) switchFlag(t *Task, fd int, cmd uint32, arg Arg) error {
	v, err := arg.Uint32()
	if err != nil {
		return err
	}
	if cmd == FIOASYNC {
		if on := v != 0; on != (f.Flags()&FASYNC != 0) && f.op.Fasync == nil {
			return ENOTTY
		}
		return f.setAsync(t, fd, v != 0)
	}
	if v != 0 {
		f.flags.Or(O_NONBLOCK)
	} else {
		f.flags.And(^uint32(O_NONBLOCK))
	}
	return nil
}

// setAsync asks the driver to switch SIGIO, where that is a change. The flag is what the driver
// makes of it.
func (f *File) setAsync(t *Task, fd int, on bool) error {
	if on == (f.Flags()&FASYNC != 0) || f.op.Fasync == nil {
		return nil
	}
	if err := f.op.Fasync(t, f, fd, on); err != nil {
		return t.sysError(err)
	}
	return nil
}

// setFlags is F_SETFL (fs/fcntl.c setfl).
func (f *File) setFlags(t *Task, fd int, flags uint32) error {
	if err := f.setAsync(t, fd, flags&FASYNC != 0); err != nil {
		return err
	}
	for {
		old := f.flags.Load()
		if f.flags.CompareAndSwap(old, old&^setflMask|flags&setflMask) {
			return nil
		}
	}
}

func (f *File) roomTaken(arg Arg) error {
	if f.inode.mode&S_IFMT != S_IFREG {
		return ENOTTY
	}
	if len(arg.Buf) < 8 {
		return EFAULT
	}
	var size uint64
	if f.inode.data != nil {
		size = (uint64(f.inode.data.size()) + commonBlockSize - 1) &^ (commonBlockSize - 1)
	}
	binary.LittleEndian.PutUint64(arg.Buf, size)
	return nil
}

// blockSize is that of the file system which the inode is on.
func (i *Inode) blockSize() uint32 {
	if i.parent != nil && i.parent.mode&procDir != 0 {
		return procBlockSize
	}
	return commonBlockSize
}
