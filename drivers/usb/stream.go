package usb

import (
	"sync"
	"time"

	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// StreamConfig says what a Stream moves.
type StreamConfig struct {
	In, Out *hw.Endpoint
	// Receive takes what one URB brought, in order. It must not wait; it may call Pause.
	Receive func(p []byte)
	// Sent tells that room has become free in the transmit buffer.
	Sent func()
	// ReadSize is the size of a read, in bytes; 0 is 4096. Reads is how many are in flight; 0 is 2.
	ReadSize, Reads int
}

// Sizes of a stream's transmit side: the buffer, and each of the URBs that empty it, in bytes.
const (
	bufferSize = 4096
	writeSize  = 4096
	writeURBs  = 2
)

// sendLimit is how many writes a caller of Send submits before a goroutine takes over.
const sendLimit = 4

// retry is how long a stream rests after an error that may pass.
const retry = 10 * time.Millisecond

// Stream is what serial drivers share: reads that are always in flight, and a transmit buffer that
// is emptied in the background.
type Stream struct {
	cfg StreamConfig
	i   *Interface

	mu sync.Mutex
	// all read URBs
	in []*URB // +checklocks:mu
	// read URBs that are not submitted
	idle []*URB // +checklocks:mu
	// free write URBs
	out    []*URB // +checklocks:mu
	allOut []*URB
	// what waits to be sent
	fifo []byte // +checklocks:mu
	// bytes in submitted writes
	flying  int  // +checklocks:mu
	running bool // +checklocks:mu
	paused  bool // +checklocks:mu
	// output waits
	held int // +checklocks:mu
	// somebody submits, in order
	sending bool // +checklocks:mu
	// of the last write, for nobody but the log
	failed error // +checklocks:mu
}

// NewStream prepares the URBs of an interface's stream.
func NewStream(i *Interface, cfg StreamConfig) *Stream {
	if cfg.ReadSize == 0 {
		cfg.ReadSize = 4096
	}
	if cfg.Reads == 0 {
		cfg.Reads = 2
	}
	size := max(cfg.In.PacketSize(), 1) // whole packets, or a full one may not fit
	cfg.ReadSize = max(cfg.ReadSize/size, 1) * size
	s := &Stream{cfg: cfg, i: i, fifo: make([]byte, 0, bufferSize)}
	for range cfg.Reads {
		u := i.NewURB(cfg.In, make([]byte, cfg.ReadSize), s.received)
		s.in = append(s.in, u)
		s.idle = append(s.idle, u)
	}
	for range writeURBs {
		u := i.NewURB(cfg.Out, nil, s.written)
		u.Context = make([]byte, writeSize)
		s.out = append(s.out, u)
	}
	s.allOut = append(s.allOut, s.out...)
	return s
}

// Start begins to read.
//
// Errors: ENODEV the device has gone.
func (s *Stream) Start() error {
	s.mu.Lock()
	s.running, s.paused, s.failed = true, false, nil
	s.mu.Unlock()
	return s.submitReads()
}

// Stop ends reading, throws away what waits to be sent, and waits until Receive and Sent are called
// no more (usb_kill_urb). Not to be called from them.
//
// Unlocked: the list of reads is complete once the stream has been made.
// +checklocksignore
func (s *Stream) Stop() {
	s.mu.Lock()
	s.running = false
	s.fifo = s.fifo[:0]
	s.mu.Unlock()
	for _, list := range [][]*URB{s.in, s.allOut} {
		for _, u := range list {
			u.Kill()
		}
	}
}

// Pause stops submitting reads until Unpause. What is in flight still comes. Both may be called
// with a lock held that Receive takes; the last one counts.
func (s *Stream) Pause() { s.mu.Lock(); s.paused = true; s.mu.Unlock() }

// Unpause ends a pause. Poke has to follow.
func (s *Stream) Unpause() { s.mu.Lock(); s.paused = false; s.mu.Unlock() }

// Poke goes on with reading, unless there is a pause. Receive may be called before it returns.
func (s *Stream) Poke() { _ = s.submitReads() }

func (s *Stream) submitReads() error {
	for {
		s.mu.Lock()
		if !s.running || s.paused || len(s.idle) == 0 {
			s.mu.Unlock()
			return nil
		}
		u := s.idle[0]
		s.idle = s.idle[:copy(s.idle, s.idle[1:])]
		s.mu.Unlock()
		if err := u.Submit(); err != nil {
			s.mu.Lock()
			s.idle = append(s.idle, u)
			s.mu.Unlock()
			return err
		}
	}
}

// received is a read's end.
func (s *Stream) received(u *URB) {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if u.Actual > 0 && running {
		s.cfg.Receive(u.Data[:u.Actual])
	}
	err := u.Err
	s.mu.Lock()
	s.idle = append(s.idle, u) // from here on it may be submitted by somebody else
	s.mu.Unlock()
	switch err {
	case nil:
	case kernel.ENODEV, kernel.ESHUTDOWN:
		return
	case kernel.ECONNRESET, kernel.ENOENT: // unlinked; perhaps it has been started again meanwhile
	case kernel.EPIPE:
		go func() {
			if err := s.i.dev.ClearHalt(s.cfg.In); err != nil {
				s.i.Printf(kernel.LevelErr, "the bulk-in endpoint is halted, and stays so: error %d", -int(kernel.ErrnoOf(err)))
				return
			}
			_ = s.submitReads()
		}()
		return
	default:
		time.AfterFunc(retry, func() { _ = s.submitReads() })
		return
	}
	_ = s.submitReads()
}

// Put puts what fits of p into the buffer and returns how much; Send has to follow. It may be
// called with a lock held that Receive or Sent take.
func (s *Stream) Put(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(p), bufferSize-len(s.fifo))
	s.fifo = append(s.fifo, p[:n]...)
	return n
}

// Send submits what is in the buffer. Receive and Sent may be called before it returns.
func (s *Stream) Send() {
	s.mu.Lock()
	if s.sending { // whoever does it will see what is new
		s.mu.Unlock()
		return
	}
	s.sending = true
	for n := 0; len(s.fifo) > 0 && len(s.out) > 0 && s.held == 0 && s.running; n++ {
		if n == sendLimit { // what comes back may be sent again, for ever
			go s.Send()
			break
		}
		u := s.out[0]
		s.out = s.out[:copy(s.out, s.out[1:])]
		buf := u.Context.([]byte)
		n := copy(buf, s.fifo)
		s.fifo = s.fifo[:copy(s.fifo, s.fifo[n:])]
		s.flying += n
		u.Data = buf[:n]
		s.mu.Unlock()
		err := u.Submit()
		if err != nil {
			s.finish(u, err)
		}
		s.mu.Lock()
		if err != nil {
			break
		}
	}
	s.sending = false
	s.mu.Unlock()
}

func (s *Stream) finish(u *URB, err error) {
	lost := len(u.Data) - u.Actual
	s.mu.Lock()
	s.flying -= len(u.Data)
	s.out = append(s.out, u)
	first := s.failed == nil && err != nil
	if err != nil {
		s.failed = err
	}
	s.mu.Unlock()
	switch kernel.ErrnoOf(err) {
	case 0, kernel.ENODEV, kernel.ESHUTDOWN, kernel.ECONNRESET, kernel.EPERM, kernel.ENOENT:
		return
	}
	if first {
		s.i.Printf(kernel.LevelErr, "%d bytes were not sent: error %d", lost, -int(kernel.ErrnoOf(err)))
	}
	if kernel.ErrnoOf(err) == kernel.EPIPE {
		go func() { _ = s.i.dev.ClearHalt(s.cfg.Out) }()
	}
}

// written is a write's end.
func (s *Stream) written(u *URB) {
	s.finish(u, u.Err)
	s.Send()
	s.cfg.Sent()
}

// Room is what Write would take, Pending what has not left, both in bytes.
func (s *Stream) Room() (room, pending int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bufferSize - len(s.fifo), len(s.fifo) + s.flying
}

// Discard throws away what waits and is not on its way.
func (s *Stream) Discard() {
	s.mu.Lock()
	s.fifo = s.fifo[:0]
	s.mu.Unlock()
}

// Hold keeps what is written in the buffer until a Release for each Hold.
func (s *Stream) Hold() { s.mu.Lock(); s.held++; s.mu.Unlock() }

// Release undoes a Hold.
func (s *Stream) Release() {
	s.mu.Lock()
	s.held--
	s.mu.Unlock()
	s.Send()
}
