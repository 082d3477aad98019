//go:build linux

package supervisor

import (
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notif is struct seccomp_notif: a call that a thread has made and waits for.
type notif struct {
	ID    uint64
	TID   uint32
	Flags uint32
	NR    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

type notifResp struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

type notifAddfd struct {
	ID         uint64
	Flags      uint32
	SrcFD      uint32
	NewFD      uint32
	NewFDFlags uint32
}

// Requests of a listener (include/uapi/linux/seccomp.h), and their flags.
const (
	ioctlRecv     = 0xc0502100
	ioctlSend     = 0xc0182101
	ioctlIDValid  = 0x40082102
	ioctlAddfd    = 0x40182103
	ioctlSetFlags = 0x40082104

	respContinue = 1
	syncWakeUp   = 1
)

func ioctl(fd int, req uintptr, arg unsafe.Pointer) syscall.Errno {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg))
	return e
}

// answer is what becomes of a call.
type answer struct {
	val     int64
	err     syscall.Errno
	fd      int  // a descriptor that the caller gets, when give is set
	cloexec bool // of fd
	give    bool
	goOn    bool // the kernel below carries the call out
	sent    bool // it has been given already
}

func fails(e syscall.Errno) answer { return answer{err: e} }
func returns(n int) answer         { return answer{val: int64(n)} }
func goesOn() answer               { return answer{goOn: true} }
func result(n int, err error) answer {
	if err != nil {
		return fails(hostErrno(err))
	}
	return returns(n)
}

// restart is what interrupts a call: the kernel turns it into EINTR or begins the call anew, as the
// signal's handler wants it.
const restart = syscall.Errno(512) // ERESTARTSYS

// listener receives the calls of the programs that one filter holds.
type listener struct {
	s    *Supervisor
	fd   int
	mu   sync.Mutex // of stop, which only end and the very end look at
	stop int        // an eventfd: readable when it is over

	done sync.WaitGroup // goroutines that receive or answer
	gone chan struct{}  // closed when the last program is gone, or Close was called
}

func (s *Supervisor) listen(fd int) (*listener, error) {
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	// The caller runs next, on this processor: two switches instead of two wake-ups of another one.
	// Linux 6.6 and newer.
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlSetFlags, syncWakeUp)
	l := &listener{s: s, fd: fd, stop: stop, gone: make(chan struct{})}
	l.done.Add(1)
	go l.lead()
	go func() {
		l.done.Wait()
		_ = unix.Close(l.fd)
		l.mu.Lock()
		_ = unix.Close(l.stop)
		l.stop = -1
		l.mu.Unlock()
		close(l.gone)
	}()
	return l, nil
}

// over reports whether there will be no more calls.
func (l *listener) over() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

// end makes the listener deaf; calls from then on fail with ENOSYS.
func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop >= 0 {
		one := [8]byte{1}
		_, _ = unix.Write(l.stop, one[:])
	}
}

// takeover is how long a call may hold up the next one.
const takeover = 100 * time.Microsecond

// lead receives calls and answers them, one goroutine at a time; when an answer takes long, another
// one leads on.
func (l *listener) lead() {
	defer l.done.Done()
	runtime.LockOSThread() // ptrace wants one and the same thread; it also spares switches
	defer runtime.UnlockOSThread()
	for {
		n, ok := l.receive()
		if !ok {
			return
		}
		l.done.Add(1) // for who may follow
		t := time.AfterFunc(takeover, func() { l.lead() })
		l.send(&n, l.s.handle(l, &n))
		if !t.Stop() {
			return
		}
		l.done.Done()
	}
}

// receive waits for a call; false: there will be none.
func (l *listener) receive() (n notif, ok bool) {
	for {
		p := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}, {Fd: int32(l.stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && err != unix.EINTR {
			return n, false
		}
		if p[1].Revents != 0 {
			return n, false
		}
		if p[0].Revents&unix.POLLIN != 0 {
			n = notif{} // the kernel wants it so
			if ioctl(l.fd, ioctlRecv, unsafe.Pointer(&n)) == 0 {
				return n, true
			}
		} else if p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
			return n, false // nobody has the filter any more
		}
	}
}

// valid reports whether the caller still waits for its call.
func (l *listener) valid(n *notif) bool {
	id := n.ID
	return ioctl(l.fd, ioctlIDValid, unsafe.Pointer(&id)) == 0
}

func (l *listener) send(n *notif, a answer) {
	if a.sent {
		return
	}
	if a.give {
		fd, e := l.addfd(n, a)
		if e != 0 { // EMFILE
			l.send(n, fails(e))
			return
		}
		l.send(n, returns(fd))
		return
	}
	r := notifResp{ID: n.ID, Val: a.val, Error: -int32(a.err)}
	if a.err != 0 {
		r.Val = 0
	}
	if a.goOn {
		r = notifResp{ID: n.ID, Flags: respContinue}
	}
	_ = ioctl(l.fd, ioctlSend, unsafe.Pointer(&r)) // ENOENT: the caller is gone
}

// addfd hands a descriptor over and gives its number there. The caller goes on only when ours is
// closed, so that its close is the last one.
func (l *listener) addfd(n *notif, a answer) (int, syscall.Errno) {
	add := notifAddfd{ID: n.ID, SrcFD: uint32(a.fd)}
	if a.cloexec {
		add.NewFDFlags = unix.O_CLOEXEC
	}
	fd, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), ioctlAddfd, pointer(&add))
	_ = unix.Close(a.fd)
	return int(fd), e
}

// pointer is the address of a value for a call that returns before the value goes.
func pointer[T any](v *T) uintptr { return uintptr(unsafe.Pointer(v)) }
