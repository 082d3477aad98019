//go:build linux

package fuse

import (
	"bytes"
	"errors"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// handle answers one request.
func (s *Server) handle(r request) {
	switch r.op() {
	case opInit:
		s.init(r)
	case opLookup:
		s.lookup(r)
	case opForget:
		s.forget(r.node(), r.u64(0))
	case opBatchForget:
		for b, n := r.body()[8:], r.u32(0); n > 0 && len(b) >= 16; b, n = b[16:], n-1 {
			s.forget(le.Uint64(b), le.Uint64(b[8:]))
		}
	case opGetattr:
		s.getattr(r)
	case opOpen:
		s.open(r)
	case opRead:
		s.readFile(r)
	case opWrite:
		s.writeFile(r)
	case opPoll:
		s.poll(r)
	case opRelease:
		s.release(r)
	case opOpendir:
		s.reply(r, 0, make([]byte, 16))
	case opReaddir:
		s.readdir(r)
	case opReleasedir, opFlush:
		s.reply(r, 0, nil)
	case opInterrupt:
		s.interrupt(r)
	case opStatfs:
		s.reply(r, 0, make([]byte, 80))
	case opIoctl:
		s.reply(r, unix.ENOTTY, nil)
	case opSetattr, opFsync: // ftruncate and fsync of a device
		s.reply(r, unix.EINVAL, nil)
	case opDestroy:
	default:
		s.reply(r, unix.ENOSYS, nil)
	}
}

func (s *Server) init(r request) {
	out := make([]byte, 64)
	le.PutUint32(out, 7)
	le.PutUint32(out[4:], min(r.u32(4), 36))
	le.PutUint32(out[8:], 0) // no read-ahead
	le.PutUint32(out[12:], r.u32(12)&(initAtomicTrunc|initBigWrites|initMaxPages))
	le.PutUint16(out[16:], 0xffff) // releases must not wait for each other
	le.PutUint16(out[18:], 0xffff)
	le.PutUint32(out[20:], maxIO)
	le.PutUint32(out[24:], 1)
	le.PutUint16(out[28:], maxPages)
	s.reply(r, 0, out)
}

func (s *Server) lookup(r request) {
	id, err := strconv.ParseUint(string(bytes.TrimRight(r.body(), "\x00")), 10, 64)
	s.mu.Lock()
	e := s.nodes[id]
	if e != nil {
		e.lookups++
	}
	s.mu.Unlock()
	if err != nil || e == nil {
		s.reply(r, unix.ENOENT, nil)
		return
	}
	out := make([]byte, 40+attrSize)
	le.PutUint64(out, id)
	// attributes hold; the name does not, so that a node goes when nobody has it open
	le.PutUint64(out[24:], 3600)
	_, dir := e.node.List()
	putAttr(out[40:], id, dir)
	s.reply(r, 0, out)
}

func (s *Server) forget(id, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.nodes[id]
	if e == nil {
		return
	}
	if e.lookups -= min(n, e.lookups); e.lookups == 0 {
		delete(s.nodes, id)
	}
}

func (s *Server) getattr(r request) {
	out := make([]byte, 16+attrSize)
	le.PutUint64(out, 3600)
	dir := r.node() == 1
	if n := s.Node(r.node()); n != nil {
		_, dir = n.List()
	}
	putAttr(out[16:], r.node(), dir)
	s.reply(r, 0, out)
}

// begin notes a call, so that an interrupt finds it.
func (s *Server) begin(r request, flags uint32) *Call {
	c := &Call{Caller: r.caller(), Flags: flags}
	s.mu.Lock()
	s.calls[r.unique()] = c
	s.mu.Unlock()
	return c
}

func (s *Server) end(r request) {
	s.mu.Lock()
	delete(s.calls, r.unique())
	s.mu.Unlock()
}

// interrupt ends a sleep. A call that has not been noted yet is asked for again; the kernel drops
// that when the call is over.
func (s *Server) interrupt(r request) {
	s.mu.Lock()
	c := s.calls[r.u64(0)]
	s.mu.Unlock()
	if c == nil {
		s.reply(r, unix.EAGAIN, nil)
		return
	}
	c.signalled()
}

func (s *Server) file(handle uint64) File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[handle]
}

func errno(err error) syscall.Errno {
	var e syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e
	}
	return unix.EIO
}

func (s *Server) open(r request) {
	n := s.Node(r.node())
	if n == nil {
		s.reply(r, unix.ESTALE, nil)
		return
	}
	c := s.begin(r, r.u32(0))
	f, err := n.Open(c, r.u32(0))
	s.end(r)
	if err != nil {
		s.reply(r, errno(err), nil)
		return
	}
	s.mu.Lock()
	s.next++
	handle := s.next
	s.files[handle] = f
	s.mu.Unlock()
	flags := uint32(openDirect | openNoFlush | openParallelWrites)
	if f.Stream() {
		flags |= openStream
	}
	out := make([]byte, 16)
	le.PutUint64(out, handle)
	le.PutUint32(out[8:], flags)
	s.reply(r, 0, out)
}

func (s *Server) readFile(r request) {
	f := s.file(r.u64(0))
	if f == nil {
		s.reply(r, unix.EBADF, nil)
		return
	}
	var small [512]byte
	p := small[:]
	if size := int(min(r.u32(16), maxIO)); size > len(p) {
		p = make([]byte, size)
	} else {
		p = p[:size]
	}
	c := s.begin(r, r.u32(32))
	n, err := f.Read(c, int64(r.u64(8)), p)
	s.end(r)
	s.interruptible(c, err, func() { s.reply(r, errno(err), p[:max(n, 0)]) })
}

func (s *Server) writeFile(r request) {
	f := s.file(r.u64(0))
	data := r.body()[40:]
	if f == nil || uint64(len(data)) < uint64(r.u32(16)) {
		s.reply(r, unix.EBADF, nil)
		return
	}
	c := s.begin(r, r.u32(32))
	n, err := f.Write(c, int64(r.u64(8)), data[:r.u32(16)])
	s.end(r)
	var out [8]byte
	le.PutUint32(out[:], uint32(max(n, 0)))
	s.interruptible(c, err, func() { s.reply(r, errno(err), out[:]) })
}

// interruptible answers a read or a write; one that a signal has interrupted by way of whoever
// knows how to begin it anew.
func (s *Server) interruptible(c *Call, err error, answer func()) {
	if s.restart == nil || errno(err) != unix.EINTR {
		answer()
		return
	}
	s.restart(c.PID, answer)
}

func (s *Server) poll(r request) {
	f := s.file(r.u64(0))
	if f == nil {
		s.reply(r, unix.EBADF, nil)
		return
	}
	var changed func()
	if r.u32(16)&pollNotify != 0 {
		kh := r.u64(8)
		changed = func() { s.wake(kh) }
	}
	c := s.begin(r, 0)
	events := f.Poll(c, changed)
	s.end(r)
	var out [8]byte
	le.PutUint32(out[:], events)
	s.reply(r, 0, out[:])
}

func (s *Server) release(r request) {
	handle := r.u64(0)
	s.mu.Lock()
	f := s.files[handle]
	delete(s.files, handle)
	s.mu.Unlock()
	if f != nil {
		f.Release()
	}
	s.reply(r, 0, nil)
}

func (s *Server) readdir(r request) {
	n := s.Node(r.node())
	if n == nil {
		s.reply(r, 0, nil)
		return
	}
	list, _ := n.List()
	limit := int(min(r.u32(16), maxIO))
	out := make([]byte, 0, min(limit, 4096))
	for i := r.u64(8); i < uint64(len(list)); i++ {
		var ok bool
		if out, ok = putDirent(out, limit, list[i], i+1); !ok {
			break
		}
	}
	s.reply(r, 0, out)
}
