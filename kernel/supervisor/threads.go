//go:build linux

package supervisor

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// thread is a thread of a program with the task of the simulated kernel that makes its calls.
type thread struct {
	tid  int
	pid  int // its process
	task *kernel.Task
	// one call at a time, also where a signal has taken the thread out of one that is not over here
	mu sync.Mutex
}

// threads are those that have called so far. One that is gone is forgotten when there are too many.
type threads struct {
	mu  sync.Mutex
	all map[int]*thread // +checklocks:mu
	// how many there may be before the next look
	sweep int // +checklocks:mu
}

const sweepAt = 64

// procFile is a file of a thread's in the host's /proc.
func procFile(tid int, name string) string { return "/proc/" + strconv.Itoa(tid) + "/" + name }

// thread finds the thread of a caller. fresh looks anew at who it is: a program may have become
// another one, and somebody else's.
func (s *Supervisor) thread(tid int, fresh bool) *thread {
	s.threads.mu.Lock()
	t := s.threads.all[tid]
	s.threads.mu.Unlock()
	if t != nil && !fresh {
		return t
	}
	pid, comm, cred := s.identity(tid)
	if t != nil && t.pid == pid && !t.task.Killed() {
		t.task.SetComm(comm)
		return t
	}
	old := t
	t = &thread{tid: tid, pid: pid, task: s.k.NewTask(kernel.WithCred(cred), kernel.WithComm(comm))}
	t.task.SetUserMemory(memory{tid})
	s.threads.mu.Lock()
	s.threads.all[tid] = t
	gone := s.goneLocked()
	s.threads.mu.Unlock()
	if old != nil {
		gone = append(gone, old)
	}
	for _, t := range gone {
		t.task.Exit()
	}
	return t
}

// goneLocked takes out the threads that have ended.
//
// +checklocks:s.threads.mu
func (s *Supervisor) goneLocked() (gone []*thread) {
	all := s.threads.all
	if len(all) < max(s.threads.sweep, sweepAt) {
		return nil
	}
	for tid, t := range all {
		if unix.Kill(tid, 0) == unix.ESRCH {
			delete(all, tid)
			gone = append(gone, t)
		}
	}
	s.threads.sweep = 2 * len(all)
	return gone
}

// identity says which process a thread belongs to, its name, and in whose name it acts: the bench's
// root is whoever runs the bench.
func (s *Supervisor) identity(tid int) (pid int, comm string, cred kernel.Cred) {
	pid, cred = tid, kernel.Cred{UID: 65534, GID: 65534}
	text, err := os.ReadFile(procFile(tid, "status"))
	if err != nil {
		return pid, "?", cred
	}
	number := func(s string) uint32 { n, _ := strconv.ParseUint(s, 10, 32); return uint32(n) }
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		f := strings.Fields(value)
		switch {
		case key == "Name":
			comm = strings.TrimSpace(value)
		case key == "Tgid" && len(f) == 1:
			pid = int(number(f[0]))
		case key == "Uid" && len(f) == 4:
			cred.UID = number(f[1])
		case key == "Gid" && len(f) == 4:
			cred.GID = number(f[1])
		case key == "Groups":
			for _, g := range f {
				cred.Groups = append(cred.Groups, number(g))
			}
		}
	}
	if int(cred.UID) == os.Geteuid() {
		cred = kernel.Cred{}
	}
	return pid, comm, cred
}

// killPrograms ends the programs that are left. Which they are the filter tells; a process that has
// only started one has none itself.
func (s *Supervisor) killPrograms() {
	s.threads.mu.Lock()
	defer s.threads.mu.Unlock()
	for _, t := range s.threads.all {
		text, err := os.ReadFile(procFile(t.pid, "status"))
		if err == nil && t.pid != os.Getpid() && bytes.Contains(text, []byte("\nSeccomp:\t2\n")) {
			_ = unix.Kill(t.pid, unix.SIGKILL)
		}
	}
}

// killThreads ends all tasks, and with exit takes them out of the kernel.
func (s *Supervisor) killThreads(exit bool) {
	s.threads.mu.Lock()
	defer s.threads.mu.Unlock()
	for _, t := range s.threads.all {
		t.task.Kill(kernel.SIGKILL)
		if exit {
			t.task.Exit()
		}
	}
}

// signalled reports whether a thread has a signal to take, or is gone.
func signalled(tid int) bool {
	text, err := os.ReadFile(procFile(tid, "status"))
	if err != nil {
		return true
	}
	var pending, blocked uint64
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		set := func() uint64 { n, _ := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64); return n }
		switch string(key) {
		case "SigPnd", "ShdPnd":
			pending |= set()
		case "SigBlk":
			blocked = set()
		}
	}
	return pending&^blocked != 0
}

// sleeping runs a call that may sleep on behalf of a thread that a listener holds. A signal to the
// thread, or its end, interrupts the task.
//
// The kernel below does not tell of either, so it is asked, seldom at first. A call that is over
// soon costs nothing.
func (l *listener) sleeping(n *notif, t *thread, do func() answer) answer {
	over := make(chan struct{})
	var mu sync.Mutex
	ended, hit := false, false
	watch := time.AfterFunc(firstLook, func() {
		tick := time.NewTicker(nextLook)
		defer tick.Stop()
		for {
			if !l.valid(n) || signalled(int(n.TID)) {
				mu.Lock()
				if !ended {
					hit = true
					t.task.Kill(kernel.SIGINT)
				}
				mu.Unlock()
			}
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	t.mu.Lock()
	a := do()
	t.mu.Unlock()
	watch.Stop()
	close(over)
	mu.Lock()
	ended = true
	mu.Unlock()
	if hit {
		drain(t.task)
		if a.err == unix.EINTR {
			a.err = restart
		}
	}
	return a
}

const (
	firstLook = 2 * time.Millisecond
	nextLook  = 5 * time.Millisecond
)

// drain forgets signals that have interrupted a call.
func drain(t *kernel.Task) {
	for {
		if _, ok := t.TakeSignal(); !ok {
			return
		}
	}
}
