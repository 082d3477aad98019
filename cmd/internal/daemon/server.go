package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/kernel"
)

// Server serves one machine.
type Server struct {
	Sim *sim.Sim
	// NoHostFiles forbids requests that make the daemon open, write or run what is the host's. Set
	// it before Serve.
	NoHostFiles bool
	// Build makes the kernel build directory, for programs that look for it. nil: there is none.
	Build func() (string, error)

	http     http.Server
	requests broker
	stop     context.CancelFunc
	ctx      context.Context
	started  time.Time
	ready    atomic.Bool
	conns    sync.Map // net.Conn → *conn, for ConnState, which does not see the context

	mu sync.Mutex
	// by directory: how to end them
	mounts map[string]func() error // +checklocks:mu
	// programs is nil until the first one comes.
	programs *programs // +checklocks:mu
	ended    bool      // +checklocks:mu
}

// New makes a server for a machine. Modules that the kernel asks for are requested from whoever
// reads /v1/requests.
func New(s *sim.Sim) *Server {
	srv := &Server{Sim: s, started: time.Now(), mounts: make(map[string]func() error)}
	srv.ctx, srv.stop = context.WithCancel(context.Background())
	s.Kernel.SetModprobe(srv.requests.ask)
	srv.http = http.Server{
		Handler:           srv.routes(),
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return srv.ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, &conn{srv: srv, c: c})
		},
		ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				srv.closed(c)
			}
		},
	}
	return srv
}

// Serve answers on l until Shutdown is asked for, then ends everything that is open.
//
// Errors: the listener's.
func (s *Server) Serve(l net.Listener) error {
	done := context.AfterFunc(s.ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		_ = s.http.Shutdown(ctx)
		_ = s.http.Close()
	})
	defer done()
	err := s.http.Serve(l)
	s.stop()
	s.unmountAll()
	s.endPrograms()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// SetReady says that all that was asked for at the start is there.
func (s *Server) SetReady() { s.ready.Store(true) }

// Shutdown makes Serve return.
func (s *Server) Shutdown() { s.stop() }

type connKey struct{}

// conn is one client: its task is made at its first request.
type conn struct {
	srv *Server
	c   net.Conn

	mu   sync.Mutex
	task *kernel.Task // +checklocks:mu
}

func (s *Server) closed(c net.Conn) {
	v, ok := s.conns.LoadAndDelete(c)
	if !ok {
		return
	}
	cn := v.(*conn)
	cn.mu.Lock()
	defer cn.mu.Unlock()
	if cn.task != nil {
		cn.task.Kill(kernel.SIGKILL)
		cn.task.Exit()
	}
}

// taskOf is the task of the request's connection. It is killed when the client goes away in the
// middle.
func (s *Server) taskOf(r *http.Request) (*kernel.Task, func()) {
	cn := r.Context().Value(connKey{}).(*conn)
	cn.mu.Lock()
	if cn.task == nil {
		cn.task = s.Sim.Kernel.NewTask(kernel.WithCred(peerCred(cn.c)), kernel.WithComm(comm(r)))
		s.conns.Store(cn.c, cn)
	}
	t := cn.task
	cn.mu.Unlock()
	if uid, err := strconv.ParseUint(r.Header.Get("Kobench-Uid"), 10, 32); err == nil && t.Cred().UID == 0 {
		other := s.Sim.Kernel.NewTask(kernel.WithCred(kernel.Cred{UID: uint32(uid), GID: uint32(uid)}), kernel.WithComm(comm(r)))
		stop := context.AfterFunc(r.Context(), func() { other.Kill(kernel.SIGKILL) })
		return other, func() { stop(); other.Exit() }
	}
	stop := context.AfterFunc(r.Context(), func() { t.Kill(kernel.SIGKILL) })
	return t, func() { stop() }
}

func comm(r *http.Request) string {
	if name := r.Header.Get("Kobench-Comm"); name != "" {
		return name
	}
	return "client"
}

// problem is an error as JSON.
type problem struct {
	Errno  int    `json:"errno"`
	Name   string `json:"name"`
	Error  string `json:"error"`
	Killed bool   `json:"killed,omitempty"`
}

func fail(w http.ResponseWriter, err error) {
	p, status := problemOf(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p)
}

func problemOf(err error) (p problem, status int) {
	if errors.Is(err, kernel.ErrKilled) {
		return problem{Error: err.Error(), Killed: true, Errno: int(kernel.EINTR), Name: "EINTR"}, http.StatusInternalServerError
	}
	e := kernel.ErrnoOf(err)
	p = problem{Errno: int(e), Name: e.Name(), Error: e.Error()}
	switch e {
	case kernel.ENOENT:
		return p, http.StatusNotFound
	case kernel.EPERM, kernel.EACCES:
		return p, http.StatusForbidden
	case kernel.EBUSY, kernel.EEXIST, kernel.EAGAIN:
		return p, http.StatusConflict
	}
	return p, http.StatusBadRequest
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// bad is a request that makes no sense.
func bad(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(problem{Errno: int(kernel.EINVAL), Name: "EINVAL", Error: text})
}

// Info is what /v1/info tells.
type Info struct {
	PID     int     `json:"pid"`
	Board   string  `json:"board"`
	Release string  `json:"release"`
	Root    string  `json:"root"`
	Uptime  float64 `json:"uptime_seconds"`
	Kerneld bool    `json:"kerneld"`
	Ready   bool    `json:"ready"` // all that was asked for at the start is there: mount, doors
	// Problems is what the board asks for and the machine does not have.
	Problems []string `json:"problems,omitempty"`
}

const maxImage = 64 << 20 // bytes of a module file

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /v1/info", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, Info{os.Getpid(), s.Sim.Board.Name, kernel.Release, s.Sim.Root, s.Sim.Kernel.Uptime().Seconds(), s.requests.serves(), s.ready.Load(), s.Sim.Problems()})
	})
	m.HandleFunc("POST /v1/modules", s.call(func(t *kernel.Task, w http.ResponseWriter, r *http.Request) error {
		image, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxImage))
		if err != nil {
			return kernel.EFBIG
		}
		return t.InitModule(image, r.FormValue("params"), number(r, "flags"))
	}))
	m.HandleFunc("DELETE /v1/modules/{name}", s.call(func(t *kernel.Task, _ http.ResponseWriter, r *http.Request) error {
		return t.DeleteModule(r.PathValue("name"), number(r, "flags"))
	}))
	m.HandleFunc("GET /v1/devtab", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Sim.Kernel.DevTables()) })
	m.HandleFunc("POST /v1/shutdown", s.owner(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, struct{}{})
		s.Shutdown()
	}))
	s.fileRoutes(m)
	s.fdRoutes(m)
	s.streamRoutes(m)
	s.usbRoutes(m)
	m.HandleFunc("POST /v1/programs", s.attach)
	return m
}

// owner lets root's requests through: those of the daemon's own user and of the host's root, unless
// they act for somebody else.
func (s *Server) owner(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, done := s.taskOf(r)
		capable := t.Capable()
		done()
		if !capable {
			fail(w, kernel.EPERM)
			return
		}
		do(w, r)
	}
}

// call makes a handler of a function that answers nothing but its error.
func (s *Server) call(do func(*kernel.Task, http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, done := s.taskOf(r)
		defer done()
		if err := do(t, w, r); err != nil {
			fail(w, err)
			return
		}
		answer(w, struct{}{})
	}
}

// number is a decimal, 0x or 0 number of the request's query, 0 where it is missing.
func number(r *http.Request, key string) int {
	n, _ := strconv.ParseInt(r.URL.Query().Get(key), 0, 64)
	return int(n)
}
