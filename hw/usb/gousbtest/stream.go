package gousbtest

import (
	"context"
	"io"
)

// stream is transfers in a ring, the oldest first.
type stream struct {
	ring []*transfer
	err  error // the first; after it nothing is submitted
	dead bool  // the program has got the error
}

func (e *endpoint) newStream(size, count int) *stream {
	s := &stream{}
	for range count {
		s.ring = append(s.ring, e.newTransfer(size))
	}
	return s
}

func (s *stream) pop() *transfer {
	t := s.ring[0]
	s.ring = s.ring[1:]
	return t
}

func (s *stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// flush cancels what is under way and waits for its end.
func (s *stream) flush() {
	for _, t := range s.ring {
		t.cancel()
	}
	for _, t := range s.ring {
		t.wait(context.Background())
	}
	s.ring = nil
}

// ReadStream keeps reads under way, so that the endpoint is read ahead of the program. One
// goroutine uses it.
type ReadStream struct {
	s       *stream
	current *transfer // the last to have ended, while there is something left in it
	rest    []byte
}

// NewStream starts count reads of size bytes each; size should be a multiple of MaxPacketSize. If
// one cannot be started, the first Read after what came before says so.
func (e *InEndpoint) NewStream(size, count int) (*ReadStream, error) {
	s := e.newStream(size, count)
	for i, t := range s.ring {
		if err := t.submit(); err != nil {
			s.fail(err)
			s.ring = s.ring[:i]
			break
		}
	}
	return &ReadStream{s: s}, nil
}

// Read is ReadContext without an end.
func (r *ReadStream) Read(p []byte) (int, error) { return r.ReadContext(context.Background(), p) }

// ReadContext gives what one transfer has brought, at most. When ctx ends, the transfer waited for
// is cancelled, and with it the stream.
//
// Errors: those of [InEndpoint.ReadContext]; io.EOF when all is read after Close; io.ErrClosedPipe
// after any other error.
func (r *ReadStream) ReadContext(ctx context.Context, p []byte) (int, error) {
	s := r.s
	if s.dead {
		return 0, io.ErrClosedPipe
	}
	if r.current == nil {
		if len(s.ring) == 0 {
			s.dead = true
			return 0, s.err
		}
		t := s.pop()
		n, err := t.wait(ctx)
		if err != nil {
			s.flush()
			s.dead = true
			return n, err
		}
		r.current, r.rest = t, t.data()[:n]
	}
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) > 0 {
		return n, nil
	}
	t := r.current
	r.current = nil
	if s.err == nil {
		if err := t.submit(); err != nil {
			s.fail(err)
		} else {
			s.ring = append(s.ring, t)
		}
	}
	return n, nil
}

// Close starts no more reads. Those under way are not cancelled: Read gives what they bring, and
// waits for it, before it says io.EOF.
func (r *ReadStream) Close() error {
	if !r.s.dead {
		r.s.fail(io.EOF)
	}
	return nil
}

// WriteStream lets the program go on while its data is on the way. One goroutine uses it.
type WriteStream struct {
	s     *stream
	total int
}

// NewStream makes a stream with up to count writes of size bytes under way.
func (e *OutEndpoint) NewStream(size, count int) (*WriteStream, error) {
	return &WriteStream{s: e.newStream(size, count)}, nil
}

// Write is WriteContext without an end.
func (w *WriteStream) Write(p []byte) (int, error) { return w.WriteContext(context.Background(), p) }

// WriteContext sends p in transfers of the stream's size and waits only for a free one. gousb 1.1.3
// always sends whole transfers, against its documentation: if p is no multiple of the size, old
// data follows it in the last one. So does this.
//
// Errors: the first that an earlier transfer ended with, or that a submission met; io.ErrClosedPipe
// afterwards.
func (w *WriteStream) WriteContext(ctx context.Context, p []byte) (int, error) {
	s := w.s
	if s.dead || s.err != nil {
		return 0, io.ErrClosedPipe
	}
	written := 0
	for written < len(p) {
		t := s.pop()
		n, err := t.wait(ctx)
		w.total += n
		if err != nil {
			s.fail(err)
			s.flush()
			return written, err
		}
		n = copy(t.data(), p[written:])
		if err := t.submit(); err != nil {
			s.fail(err)
			return written, err
		}
		written += n
		s.ring = append(s.ring, t)
	}
	return written, nil
}

// Close is CloseContext without an end.
func (w *WriteStream) Close() error { return w.CloseContext(context.Background()) }

// CloseContext waits for the transfers under way; when ctx ends, it cancels them.
//
// Errors: the stream's first; io.ErrClosedPipe if it is closed.
func (w *WriteStream) CloseContext(ctx context.Context) error {
	s := w.s
	if s.dead {
		return io.ErrClosedPipe
	}
	for len(s.ring) > 0 {
		n, err := s.pop().wait(ctx)
		w.total += n
		if err != nil {
			s.fail(err)
			s.flush()
		}
	}
	s.dead = true
	return s.err
}

// Written is how many bytes the device has taken, after Close.
func (w *WriteStream) Written() int { return w.total }
