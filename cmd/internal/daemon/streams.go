package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/kobench/kobench/kernel"
)

// Record is a line of the kernel's log as JSON.
type Record struct {
	Seq      uint64 `json:"seq"`
	Usec     int64  `json:"usec"` // since boot
	Level    uint8  `json:"level"`
	Facility uint8  `json:"facility"`
	Text     string `json:"text"`
	Lost     bool   `json:"lost,omitempty"` // records before this one were overwritten
}

func recordOf(r kernel.Record) Record {
	return Record{Seq: r.Seq, Usec: r.Time.Microseconds(), Level: uint8(r.Level), Facility: r.Facility, Text: r.Text}
}

func (s *Server) streamRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /v1/log", s.log)
	m.HandleFunc("DELETE /v1/log", s.call(func(t *kernel.Task, _ http.ResponseWriter, _ *http.Request) error {
		if !t.Capable() {
			return kernel.EPERM
		}
		s.Sim.Kernel.Log.Clear()
		return nil
	}))
	m.HandleFunc("GET /v1/uevents", s.uevents)
	m.HandleFunc("GET /v1/requests", s.owner(s.serveRequests))
	m.HandleFunc("POST /v1/requests/{id}", s.owner(func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseUint(r.PathValue("id"), 10, 64)
		if !s.requests.answer(id, reply{kernel.Errno(number(r, "errno")), query(r, "text")}) {
			fail(w, kernel.ENOENT)
			return
		}
		answer(w, struct{}{})
	}))
	m.HandleFunc("POST /v1/kerneld", s.owner(func(w http.ResponseWriter, r *http.Request) {
		text, err := s.requests.request(r.Context(), Request{Name: query(r, "word"), Control: true})
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, map[string]string{"text": text})
	}))
	m.HandleFunc("POST /v1/mount", s.call(func(t *kernel.Task, _ http.ResponseWriter, r *http.Request) error {
		if !t.Capable() || s.NoHostFiles {
			return kernel.EPERM
		}
		return s.Mount(query(r, "dir"))
	}))
	m.HandleFunc("DELETE /v1/mount", s.call(func(t *kernel.Task, _ http.ResponseWriter, r *http.Request) error {
		if !t.Capable() {
			return kernel.EPERM
		}
		return s.Unmount(query(r, "dir"))
	}))
}

// log sends the records since the last clear (all=1: every one that is left), and with follow=1
// goes on as they come.
func (s *Server) log(w http.ResponseWriter, r *http.Request) {
	log := &s.Sim.Kernel.Log
	enc, flush := json.NewEncoder(w), http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	seq := max(log.First(), log.ClearSeq())
	if query(r, "all") != "" {
		seq = log.First()
	}
	if query(r, "new") != "" {
		seq = log.Next()
	}
	follow := query(r, "follow") != ""
	more := make(chan struct{}, 1)
	waiter := kernel.Waiter{Func: func(kernel.Events) {
		select {
		case more <- struct{}{}:
		default:
		}
	}}
	log.Queue().Add(&waiter)
	defer log.Queue().Remove(&waiter)
	for {
		rec, err := log.Read(seq)
		if err == kernel.EAGAIN {
			if !follow {
				return
			}
			_ = flush.Flush()
			select {
			case <-more:
				continue
			case <-r.Context().Done():
				return
			}
		}
		out := recordOf(rec)
		out.Lost = err == kernel.EPIPE
		if enc.Encode(out) != nil {
			return
		}
		seq = rec.Seq + 1
	}
}

func (s *Server) uevents(w http.ResponseWriter, r *http.Request) {
	ch := make(chan kernel.Uevent, 256)
	stop := s.Sim.Kernel.OnUevent(func(u kernel.Uevent) {
		select {
		case ch <- u:
		default: // a reader that is too slow loses events, as on a netlink socket
		}
	})
	defer stop()
	enc, flush := json.NewEncoder(w), http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush()
	for {
		select {
		case u := <-ch:
			if enc.Encode(u) != nil || flush.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// Request is a module that the kernel asks for.
type Request struct {
	ID   uint64 `json:"id"`
	Name string `json:"name"`
	// Control marks a word of kdstat for kerneld itself; its answer is text.
	Control bool `json:"control,omitempty"`
}

// broker passes requests on to the process that serves them. Without one they are refused at once,
// unless one can be started.
type broker struct {
	// start starts one at the first request, and gives what is closed when it has ended. nil: it
	// has been, or none is.
	start func() (gone <-chan struct{}, err error) // +checklocks:mu
	// closed when what was started serves, or has failed to
	begun chan struct{} // +checklocks:mu

	mu      sync.Mutex
	next    uint64                // +checklocks:mu
	waiting map[uint64]chan reply // +checklocks:mu
	// nil: nobody serves
	out chan Request // +checklocks:mu
}

// serves reports whether somebody answers requests, or would.
func (b *broker) serves() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out != nil || b.start != nil
}

// kerneldTime is how long a kerneld that was started may take until it serves.
const kerneldTime = 5 * time.Second

// need starts the process that serves, if there is none yet and one can be started, and waits for
// it.
func (b *broker) need(ctx context.Context) {
	b.mu.Lock()
	start, begun := b.start, b.begun
	if b.start = nil; b.out != nil || start == nil && begun == nil {
		b.mu.Unlock()
		return
	}
	if begun == nil {
		begun = make(chan struct{})
		b.begun = begun
	}
	b.mu.Unlock()
	var gone <-chan struct{}
	if start != nil {
		var err error
		if gone, err = start(); err != nil {
			b.settled(begun)
			return
		}
	}
	t := time.NewTimer(kerneldTime)
	defer t.Stop()
	select {
	case <-begun:
	case <-ctx.Done():
	case <-gone:
		b.settled(begun)
	case <-t.C:
		b.settled(begun)
	}
}

// settled lets those go that wait for a process to serve.
func (b *broker) settled(begun chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun == begun && begun != nil {
		close(begun)
		b.begun = nil
	}
}

// StartKerneld says how to start the process that serves the kernel's requests for modules; it is
// started at the first, and told of once. What start gives is closed when the process has ended.
func (s *Server) StartKerneld(start func() (gone <-chan struct{}, err error)) {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.requests.start = start
}

// reply is what kerneld made of a request.
type reply struct {
	errno kernel.Errno
	text  string
}

func (b *broker) ask(ctx context.Context, name string) error {
	_, err := b.request(ctx, Request{Name: name})
	return err
}

func (b *broker) request(ctx context.Context, q Request) (text string, err error) {
	b.need(ctx)
	b.mu.Lock()
	out := b.out
	if out == nil {
		b.mu.Unlock()
		return "", kernel.ENOENT
	}
	b.next++
	done := make(chan reply, 1)
	q.ID = b.next
	if b.waiting == nil {
		b.waiting = make(map[uint64]chan reply)
	}
	b.waiting[q.ID] = done
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.waiting, q.ID)
		b.mu.Unlock()
	}()
	select {
	case out <- q:
	case <-ctx.Done():
		return "", kernel.EINTR
	default:
		return "", kernel.EBUSY // more than its queue holds
	}
	select {
	case r := <-done:
		if r.errno != 0 {
			return "", r.errno
		}
		return r.text, nil
	case <-ctx.Done():
		return "", kernel.EINTR
	}
}

func (b *broker) answer(id uint64, r reply) bool {
	b.mu.Lock()
	done, ok := b.waiting[id]
	delete(b.waiting, id)
	b.mu.Unlock()
	if ok {
		done <- r
	}
	return ok
}

// serveRequests makes the client the one that serves requests, until it goes away.
func (s *Server) serveRequests(w http.ResponseWriter, r *http.Request) {
	b := &s.requests
	out := make(chan Request, 64)
	b.mu.Lock()
	if b.out != nil {
		b.mu.Unlock()
		fail(w, kernel.EBUSY)
		return
	}
	b.out, b.start = out, nil
	begun := b.begun
	b.mu.Unlock()
	b.settled(begun)
	defer func() {
		b.mu.Lock()
		b.out = nil
		for id, done := range b.waiting { // nobody is left to answer
			done <- reply{errno: kernel.ENOENT}
			delete(b.waiting, id)
		}
		b.mu.Unlock()
	}()
	enc, flush := json.NewEncoder(w), http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush()
	for {
		select {
		case q := <-out:
			if enc.Encode(q) != nil || flush.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
