//go:build linux

package supervisor

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tracee is a thread that is stopped for a moment ([ptrace]). All that is done to it is done from
// one thread of this program's.
type tracee struct {
	tid  int
	own  bool          // this program's child: somebody else waits for its end
	held []unix.Signal // that came meanwhile
}

// seize attaches to a thread and asks it to stop on its way out of the kernel, where it is now.
// Errors: what the host has against it.
func seize(tid int) (*tracee, error) {
	const sysGood = unix.PTRACE_O_TRACESYSGOOD
	if err := ptrace(unix.PTRACE_SEIZE, tid, 0, sysGood); err != nil {
		return nil, err
	}
	if err := ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0); err != nil {
		_ = ptrace(unix.PTRACE_DETACH, tid, 0, 0)
		return nil, err
	}
	t := &tracee{tid: tid}
	text, _ := os.ReadFile(procFile(tid, "status"))
	t.own = bytes.Contains(text, []byte("\nPPid:\t"+strconv.Itoa(os.Getpid())+"\n")) && bytes.Contains(text, []byte("\nTgid:\t"+strconv.Itoa(tid)+"\n"))
	return t, nil
}

// onThread runs do on a thread of its own, whose end lets go of what do may still hold.
func onThread(do func()) {
	done := make(chan struct{})
	go startThread(func() { defer close(done); do() })
	<-done
}

func ptrace(request, tid int, addr, data uintptr) error {
	_, _, e := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// stopLimit is how long a thread may take to get out of the kernel.
const stopLimit = 10 * time.Second

// siginfo is what waitid tells of a stop.
type siginfo struct {
	_      [3]int32 // signal, errno, code
	_      int32
	pid    int32
	_      int32 // user
	status int32
	_      [100]byte
}

// wait waits for a stop and gives its kind: SIGTRAP|0x80 at a system call, else a signal, with the
// event in the upper bits. It must not take the end of a process away from who waits for that, and
// so it asks again and again.
func (t *tracee) wait() (status int, ok bool) {
	for end := time.Now().Add(stopLimit); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		info, e := t.waitid(unix.WSTOPPED)
		switch {
		case e == unix.EINTR:
		case e != 0:
			return 0, false
		case info.pid != 0:
			return int(info.status), true
		case t.ended():
			if !t.own { // so that its parent hears of it
				_, _ = t.waitid(unix.WEXITED)
			}
			return 0, false
		}
	}
	return 0, false
}

func (t *tracee) waitid(what uintptr) (info siginfo, e syscall.Errno) {
	_, _, e = unix.Syscall6(unix.SYS_WAITID, unix.P_PID, uintptr(t.tid), pointer(&info), what|unix.WNOHANG|unix.WALL, 0, 0)
	return info, e
}

// ended reports whether the thread is a zombie, or gone.
func (t *tracee) ended() bool {
	text, err := os.ReadFile(procFile(t.tid, "stat"))
	i := bytes.LastIndexByte(text, ')')
	return err != nil || i < 0 || i+2 >= len(text) || text[i+2] == 'Z' || text[i+2] == 'X'
}

// call has the thread make a system call, from where it has just made one.
//
// Errors: ESRCH the thread is gone; its own are in the result, negative.
func (t *tracee) call(saved *regs, nr uint64, args ...uint64) (int64, error) {
	r := *saved
	r.again(nr, args)
	if err := r.set(t.tid); err != nil {
		return 0, err
	}
	for stops := 0; stops < 2; {
		if err := ptrace(unix.PTRACE_SYSCALL, t.tid, 0, 0); err != nil {
			return 0, err
		}
		status, ok := t.wait()
		switch {
		case !ok:
			return 0, unix.ESRCH
		case status == int(unix.SIGTRAP)|0x80:
			stops++
		case status>>8 == 0:
			t.held = append(t.held, unix.Signal(status)) // it gets it afterwards
		}
	}
	if err := r.get(t.tid); err != nil {
		return 0, err
	}
	return r.result(), nil
}

// release lets the thread go.
func (t *tracee) release() {
	_ = ptrace(unix.PTRACE_DETACH, t.tid, 0, 0)
	for _, sig := range t.held {
		_, _, _ = unix.Syscall(unix.SYS_TKILL, uintptr(t.tid), uintptr(sig), 0)
	}
}

// chdir into what a program has under another name than the host is a change to the descriptor of
// that directory, made by the thread itself.
func (c *call) chdir() answer {
	p, err := c.named(cwd, 0, true)
	switch {
	case err != nil:
		return fails(hostErrno(err))
	case p.magic != "" || p.world == hosts:
		return goesOn()
	}
	a := c.openPlace(p, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if !a.give {
		return a
	}
	onThread(func() { a = c.fchdir(p, a) })
	return a
}

// fchdir hands the directory over and has the thread go there.
func (c *call) fchdir(p place, a answer) answer {
	t, err := seize(int(c.TID))
	if err != nil {
		_ = unix.Close(a.fd)
		c.s.k.Log.Printf(3, "kobench: chdir to %s needs ptrace, which this system refuses (%v); use the path in each command", p.name, err)
		return fails(hostErrno(err))
	}
	defer t.release()
	fd, e := c.l.addfd(c.notif, a)
	if e != 0 {
		return fails(e)
	}
	c.l.send(c.notif, returns(0))
	c.answered = true
	var saved regs
	if _, ok := t.wait(); !ok || saved.get(t.tid) != nil {
		return answer{}
	}
	n, err := t.call(&saved, unix.SYS_FCHDIR, uint64(fd))
	if err != nil {
		return answer{}
	}
	_, _ = t.call(&saved, unix.SYS_CLOSE, uint64(fd))
	saved.setResult(n)
	_ = saved.set(t.tid)
	return answer{}
}

// restarting makes the read of a thread that is interrupted begin anew after the signal where the
// handler wants it so, which FUSE cannot: answer is what ends the read with EINTR. The thread is
// stopped before it takes the signal, and its result becomes ERESTARTSYS.
func restarting(tid int, answer func()) { onThread(func() { restartHere(tid, answer) }) }

func restartHere(tid int, answer func()) {
	if dying(tid) {
		answer()
		return
	}
	t, err := seize(tid)
	answer()
	if err != nil {
		return
	}
	defer t.release()
	status, ok := t.wait()
	if !ok {
		return
	}
	if status>>8 == 0 && status != int(unix.SIGTRAP) {
		t.held = append(t.held, unix.Signal(status))
	}
	var r regs
	if r.get(tid) == nil && r.result() == -int64(unix.EINTR) {
		r.setResult(-int64(restart))
		_ = r.set(tid)
	}
}

// dying reports whether SIGKILL is on its way, which every fatal signal becomes.
func dying(tid int) bool {
	text, err := os.ReadFile(procFile(tid, "status"))
	_, set, ok := bytes.Cut(text, []byte("\nSigPnd:\t"))
	if err != nil || !ok {
		return true
	}
	set, _, _ = bytes.Cut(set, []byte("\n"))
	n, err := strconv.ParseUint(string(set), 16, 64)
	return err != nil || n&(1<<(unix.SIGKILL-1)) != 0
}

func (c *call) mmap() answer {
	if c.descriptor(4) == nil {
		return goesOn()
	}
	return fails(unix.ENODEV) // no driver maps anything yet
}

// getcwd is only ours in a directory of the bench's.
func (c *call) getcwd() answer {
	d := c.s.nodeAt(procFile(int(c.TID), "cwd"))
	if d == nil {
		return goesOn()
	}
	b := append([]byte(d.path), 0)
	if uint64(len(b)) > c.Args[1] {
		return fails(unix.ERANGE)
	}
	if c.mem.write(b, c.Args[0]) != len(b) {
		return fails(unix.EFAULT)
	}
	return returns(len(b))
}
