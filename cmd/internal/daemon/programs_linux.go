package daemon

import (
	"errors"
	"net"
	"net/http"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/supervisor"
	"golang.org/x/sys/unix"
)

// programs is the supervisor of the programs that see this machine; it is made when the first one
// comes.
type programs = supervisor.Supervisor

// Programs is what starts programs that see this machine.
//
// Errors: supervisor.ErrNoFUSE, with the reason; ESHUTDOWN the machine has ended.
func (s *Server) Programs() (*supervisor.Supervisor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.programs != nil:
		return s.programs, nil
	case s.ended:
		return nil, kernel.ESHUTDOWN
	}
	p, err := supervisor.New(s.Sim.Kernel, supervisor.Config{Root: s.Sim.Root, Build: s.Build})
	if err != nil {
		return nil, err
	}
	s.programs = p
	return p, nil
}

// endPrograms ends the programs.
func (s *Server) endPrograms() {
	s.mu.Lock()
	p := s.programs
	s.ended = true
	s.mu.Unlock()
	if p != nil {
		p.Close()
	}
}

// attach serves the programs of a client that has put the supervisor's filter on them; fd is the
// client's descriptor of the listener.
func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	cn := r.Context().Value(connKey{}).(*conn)
	if peerCred(cn.c).UID != 0 {
		fail(w, kernel.EPERM)
		return
	}
	p, err := s.Programs()
	if err == nil {
		err = p.AttachOf(peerPID(cn.c), number(r, "fd"))
		if errors.Is(err, unix.EPERM) {
			err = errors.New("this system lets a process look into its own children only (/proc/sys/kernel/yama/ptrace_scope is not 0): use kobench run")
		}
	}
	if err != nil {
		bad(w, err.Error())
		return
	}
	answer(w, struct{}{})
}

// peerPID is the process at the other end of a socket.
func peerPID(c net.Conn) (pid int) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if p, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(p.Pid)
		}
	})
	return pid
}
