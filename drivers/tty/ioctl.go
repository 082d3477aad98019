package tty

import "github.com/kobench/kobench/kernel"

// The ioctls of a terminal (include/uapi/asm-generic/ioctls.h).
const (
	TCGETS      = 0x5401
	TCSETS      = 0x5402
	TCSETSW     = 0x5403
	TCSETSF     = 0x5404
	TCGETA      = 0x5405
	TCSETA      = 0x5406
	TCSETAW     = 0x5407
	TCSETAF     = 0x5408
	TCSBRK      = 0x5409
	TCXONC      = 0x540a
	TCFLSH      = 0x540b
	TIOCEXCL    = 0x540c
	TIOCNXCL    = 0x540d
	TIOCOUTQ    = 0x5411
	TIOCSTI     = 0x5412
	TIOCGWINSZ  = 0x5413
	TIOCSWINSZ  = 0x5414
	TIOCMGET    = 0x5415
	TIOCMBIS    = 0x5416
	TIOCMBIC    = 0x5417
	TIOCMSET    = 0x5418
	TIOCGSOFT   = 0x5419
	TIOCSSOFT   = 0x541a
	FIONREAD    = 0x541b // TIOCINQ
	TIOCGSERIAL = 0x541e
	TIOCSSERIAL = 0x541f
	TIOCGETD    = 0x5424
	TIOCSETD    = 0x5423
	TCSBRKP     = 0x5425
	TIOCSBRK    = 0x5427
	TIOCCBRK    = 0x5428
	TIOCGEXCL   = 0x80045440
	TCGETS2     = 0x802c542a
	TCSETS2     = 0x402c542b
	TCSETSW2    = 0x402c542c
	TCSETSF2    = 0x402c542d
	TIOCGRS485  = 0x542e
	TIOCSRS485  = 0x542f
	TIOCMIWAIT  = 0x545c
	TIOCGICOUNT = 0x545d
	TIOCVHANGUP = 0x5437

	TIOCSERGETLSR = 0x5459
)

// Arguments of TCXONC and TCFLSH.
const (
	TCOOFF, TCOON, TCIOFF, TCION  = 0, 1, 2, 3
	TCIFLUSH, TCOFLUSH, TCIOFLUSH = 0, 1, 2
)

// ioctl is tty_ioctl with n_tty_ioctl_helper and the serial core's.
func ioctl(task *kernel.Task, f *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
	tf := f.Private.(*file)
	t := tf.t
	if tf.isHung() {
		return 0, kernel.EIO
	}
	return 0, t.dispatch(task, tf, cmd, arg)
}

func (t *TTY) dispatch(task *kernel.Task, tf *file, cmd uint32, arg kernel.Arg) error {
	switch cmd {
	case TCGETS:
		return t.getTermios(arg, sizeTermios)
	case TCGETS2:
		return t.getTermios(arg, sizeTermios2)
	case TCGETA:
		return t.getTermios(arg, sizeTermio)
	case TCSETS, TCSETSW, TCSETSF:
		return t.setTermios(task, arg, sizeTermios, cmd-TCSETS)
	case TCSETA, TCSETAW, TCSETAF:
		return t.setTermios(task, arg, sizeTermio, cmd-TCSETA)
	case TCSETS2, TCSETSW2, TCSETSF2:
		return t.setTermios(task, arg, sizeTermios2, cmd-TCSETS2)
	case TIOCGSOFT:
		return arg.PutUint32(bit(t.Termios().Cflag&CLOCAL != 0))
	case TIOCSSOFT:
		return t.setSoft(arg)
	case TCSBRK, TCSBRKP:
		return t.sendBreak(task, cmd, arg.Val)
	case TIOCSBRK, TIOCCBRK:
		return t.setBreak(cmd == TIOCSBRK)
	case TCXONC:
		return t.flow(arg.Val)
	case TCFLSH:
		return t.flushQueues(arg.Val)
	case TIOCOUTQ:
		_, pending := t.port.Queue()
		return arg.PutUint32(uint32(pending))
	case TIOCMGET, TIOCMSET, TIOCMBIS, TIOCMBIC:
		return t.modem(cmd, arg)
	case TIOCMIWAIT:
		return tf.awaitModem(task, uint32(arg.Val))
	case TIOCGICOUNT:
		return t.counts(arg)
	case TIOCGSERIAL:
		return t.getSerial(arg)
	case TIOCSSERIAL:
		return t.setSerial(task, arg)
	case TIOCSERGETLSR:
		return t.lineStatus(arg)
	case TIOCGRS485, TIOCSRS485:
		return t.rs485(cmd, arg)
	case TIOCVHANGUP:
		if !task.Capable() {
			return kernel.EPERM
		}
		t.hangup(false)
		return nil
	case TIOCSTI:
		return t.simulate(task, arg)
	}
	return t.stateIoctl(cmd, arg)
}

// stateIoctl are the ones that only look at the tty's own state.
func (t *TTY) stateIoctl(cmd uint32, arg kernel.Arg) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch cmd {
	case FIONREAD:
		return arg.PutUint32(uint32(t.ld.count()))
	case TIOCEXCL, TIOCNXCL:
		t.exclusive = cmd == TIOCEXCL
		return nil
	case TIOCGEXCL:
		return arg.PutUint32(bit(t.exclusive))
	case TIOCGETD:
		return arg.PutUint32(0)
	case TIOCSETD:
		if v, err := arg.Uint32(); err != nil || v == 0 {
			return err
		}
		return kernel.EINVAL
	case TIOCGWINSZ, TIOCSWINSZ:
		if len(arg.Buf) < len(t.winsize) {
			return kernel.EFAULT
		}
		if cmd == TIOCGWINSZ {
			copy(arg.Buf, t.winsize[:])
		} else {
			copy(t.winsize[:], arg.Buf)
		}
		return nil
	}
	return kernel.ENOTTY
}

// simulate is TIOCSTI: a character as if it had been typed.
func (t *TTY) simulate(task *kernel.Task, arg kernel.Arg) error {
	if !task.Capable() {
		return kernel.EPERM
	}
	if len(arg.Buf) < 1 {
		return kernel.EFAULT
	}
	t.mu.Lock()
	t.ld.receive(arg.Buf[:1], nil)
	t.publishLocked()
	t.mu.Unlock()
	t.service()
	t.readers.Wake(kernel.PollIn | kernel.PollRdnorm)
	return nil
}

// flow is TCXONC.
func (t *TTY) flow(arg uint64) error {
	if arg > TCION {
		return kernel.EINVAL
	}
	t.mu.Lock()
	l := &t.ld
	switch arg {
	case TCOOFF:
		l.setStopped(true)
	case TCOON:
		l.setStopped(false)
	case TCIOFF:
		l.sendX(l.tm.CC[VSTOP])
	case TCION:
		l.sendX(l.tm.CC[VSTART])
	}
	t.publishLocked()
	t.mu.Unlock()
	t.serviceNow()
	return nil
}

// flushQueues is TCFLSH.
func (t *TTY) flushQueues(arg uint64) error {
	if arg > TCIOFLUSH {
		return kernel.EINVAL
	}
	t.mu.Lock()
	if arg != TCOFLUSH {
		t.ld.flush()
		t.pending.clear()
		t.throttleLocked()
	}
	if arg != TCIFLUSH {
		t.ld.dropEcho()
		t.ld.asks.flush, t.ld.asks.any = true, true
	}
	t.publishLocked()
	t.mu.Unlock()
	t.serviceNow()
	t.writers.Wake(kernel.PollOut | kernel.PollWrnorm)
	return nil
}

func bit(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}
