//go:build linux

package fuse

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Caller is the thread that makes a request.
type Caller struct {
	PID      int // of the thread
	UID, GID uint32
}

// Entry is one name of a directory.
type Entry struct {
	Name string
	Ino  uint64
	Mode uint32 // S_IFMT bits
}

// Node is a file or a directory of the mount.
type Node interface {
	// Open makes an open file, for the caller's thread. Errors: syscall.Errno.
	Open(c *Call, flags uint32) (File, error)
	// List is the content of a directory. nil, false: it is a file.
	List() (list []Entry, dir bool)
}

// File is an open file.
type File interface {
	Read(c *Call, off int64, p []byte) (int, error)
	Write(c *Call, off int64, p []byte) (int, error)
	// Poll tells what is possible. With a function, that is called once at the next change; it may
	// be called from anywhere.
	Poll(c *Call, changed func()) uint32
	// Stream reports whether the file has no position.
	Stream() bool
	// Release ends it.
	Release()
}

// Call is one request in progress.
type Call struct {
	Caller
	Flags uint32 // of the open file, as they are now

	mu        sync.Mutex
	interrupt func() // +checklocks:mu
	// a signal came already
	hit bool // +checklocks:mu
}

// OnInterrupt says what ends a sleep of the call when its thread gets a signal; done, which the
// function returns, takes that back.
func (c *Call) OnInterrupt(fn func()) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupt = fn
	if c.hit {
		fn()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.interrupt = nil
	}
}

func (c *Call) signalled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hit = true
	if c.interrupt != nil {
		c.interrupt()
	}
}

// Server answers the requests of one mount.
type Server struct {
	restart func(tid int, answer func())

	dev  int // of /dev/fuse
	root int // the mounted directory, O_PATH

	bufs sync.Pool
	done sync.WaitGroup // goroutines that read or answer

	mu    sync.Mutex
	nodes map[uint64]*entry // +checklocks:mu
	// by handle
	files map[uint64]File // +checklocks:mu
	// by the request's number
	calls map[uint64]*Call // +checklocks:mu
	next  uint64           // +checklocks:mu
	// in progress
	releases int       // +checklocks:mu
	released sync.Cond // when releases gets to 0
	closed   atomic.Bool
	syncs    atomic.Uint64
}

// entry is a node with the number of the kernel's references to it.
type entry struct {
	node    Node
	lookups uint64
}

const firstID = 16 // 1 is the root

// Serve answers on dev, an opened /dev/fuse that is mounted at root. Both descriptors belong to the
// server, which Close ends. restart, if not nil, is called with the answer to a call of a thread
// that a signal has interrupted, and gives it.
func Serve(dev, root int, restart func(tid int, answer func())) *Server {
	s := &Server{restart: restart, dev: dev, root: root, nodes: map[uint64]*entry{}, files: map[uint64]File{}, calls: map[uint64]*Call{}, next: firstID}
	s.released.L = &s.mu
	s.bufs.New = func() any { b := make([]byte, bufSize); return &b }
	s.follow()
	return s
}

// endName is the name whose look-up ends the server.
const endName = "end"

// Close ends the mount: what programs still have open gives errors from then on.
func (s *Server) Close() {
	if s.closed.Swap(true) {
		return
	}
	var st unix.Stat_t
	_ = unix.Fstatat(s.root, endName, &st, 0) // who leads stops there
	s.mu.Lock()
	for _, c := range s.calls {
		go c.signalled()
	}
	s.mu.Unlock()
	s.done.Wait()
	_ = unix.Close(s.dev) // aborts the connection
	_ = unix.Close(s.root)
	s.mu.Lock()
	files := s.files
	s.files = map[uint64]File{}
	s.mu.Unlock()
	for _, f := range files {
		f.Release()
	}
}

// Add gives a node a number, under which Open finds it. The kernel forgets a node that nobody has
// open; one that never was is dropped by Drop.
func (s *Server) Add(n Node) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.nodes[id] = &entry{node: n}
	return id
}

// Drop takes back a node that the kernel does not know.
func (s *Server) Drop(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.nodes[id]; e != nil && e.lookups == 0 {
		delete(s.nodes, id)
	}
}

// Node finds a node by its number, which is its inode number too.
func (s *Server) Node(id uint64) Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.nodes[id]; e != nil {
		return e.node
	}
	return nil
}

// Open opens a node and gives the descriptor. Errors: syscall.Errno, those of the node's Open.
func (s *Server) Open(id uint64, flags int) (int, error) {
	for {
		fd, err := unix.Openat(s.root, name(id), flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Dev is the device number of the mount, as stat shows it. Errors: the host's.
func (s *Server) Dev() (major, minor uint32, err error) {
	var st unix.Statx_t
	err = unix.Statx(s.root, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st)
	return st.Dev_major, st.Dev_minor, err
}

// Sync waits until the releases of all files that were closed before it are through: close returns
// before FUSE has told, and Linux has released then.
func (s *Server) Sync() {
	var st unix.Stat_t
	// Its look-up stands in the queue behind the releases. Each has a name of its own, since the
	// kernel has one look-up serve all who ask at the same time.
	_ = unix.Fstatat(s.root, "sync"+name(s.syncs.Add(1)), &st, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.releases > 0 {
		s.released.Wait()
	}
}

// Open files, those that nobody has released.
func (s *Server) Files() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.files)
}

func name(id uint64) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + id%10)
		if id /= 10; id == 0 {
			return string(b[i:])
		}
	}
}

// takeover is how long a request may hold up the next one.
const takeover = 100 * time.Microsecond

// lead reads requests in their order, one goroutine at a time. What may sleep is answered here too,
// but somebody else leads on then: at once where a request ends a file, else after a moment. So a
// short read costs no switch of threads, and a long one holds up nobody.
func (s *Server) lead() {
	defer s.done.Done()
	buf := s.bufs.Get().(*[]byte)
	defer s.bufs.Put(buf)
	for {
		n, err := syscall.Read(s.dev, *buf)
		switch {
		case err == nil && n >= inHeader:
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT):
			continue
		default:
			return // ENODEV: unmounted
		}
		r := request((*buf)[:n])
		if len(r.body()) < need(r.op()) {
			continue
		}
		switch r.op() {
		case opLookup:
			s.handle(r)
			if string(r.body()) == endName+"\x00" {
				return
			}
		case opRelease:
			s.releasing(1)
			s.follow()
			s.handle(r)
			s.releasing(-1)
			return
		case opOpen, opRead, opWrite, opPoll:
			s.done.Add(1) // for who may follow
			t := time.AfterFunc(takeover, s.lead)
			s.handle(r)
			if !t.Stop() {
				return
			}
			s.done.Done()
		default:
			s.handle(r)
		}
	}
}

func (s *Server) releasing(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.releases += n; s.releases == 0 {
		s.released.Broadcast()
	}
}

// follow lets another goroutine lead.
func (s *Server) follow() {
	s.done.Add(1)
	go s.lead()
}

// reply sends an answer; errno 0 is success.
func (s *Server) reply(r request, errno syscall.Errno, body []byte) {
	var head [outHeader]byte
	if errno != 0 {
		body = nil
	}
	le.PutUint32(head[:], uint32(outHeader+len(body)))
	le.PutUint32(head[4:], uint32(-int32(errno)))
	le.PutUint64(head[8:], r.unique())
	if len(body) == 0 {
		_, _ = syscall.Write(s.dev, head[:])
		return
	}
	_, _ = unix.Writev(s.dev, [][]byte{head[:], body})
}

// wake tells the kernel to ask the pollers of a file again.
func (s *Server) wake(kh uint64) {
	var b [outHeader + 8]byte
	le.PutUint32(b[:], uint32(len(b)))
	le.PutUint32(b[4:], notifyPoll)
	le.PutUint64(b[16:], kh)
	_, _ = syscall.Write(s.dev, b[:])
}
