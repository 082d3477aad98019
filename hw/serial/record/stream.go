package record

import (
	"errors"
	"sync"

	"github.com/kobench/kobench/hw/serial"
)

// maxQueue bounds what waits to be written, in bytes.
const maxQueue = 256 << 10

// stream writes events as they come, in a goroutine of its own.
type stream struct {
	w      *limited
	failed func(error)
	wake   chan struct{} // with room for one: the queue or stopped has changed
	done   chan struct{} // closed when nothing is written any more

	mu      sync.Mutex // a leaf
	room    sync.Cond
	queue   []queued // +checklocks:mu
	size    int      // +checklocks:mu
	stopped bool     // +checklocks:mu
	err     error    // +checklocks:mu
}

type queued struct {
	Event
	now serial.Time
}

// put hands an event over. It waits for room: the caller holds the line's lock, so the line waits
// with it.
func (s *stream) put(e Event, now serial.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.size > maxQueue && s.err == nil && !s.stopped {
		s.room.Wait()
	}
	if s.err != nil || s.stopped {
		return
	}
	s.queue = append(s.queue, queued{e, now})
	s.size += eventSize + len(e.Data)
	s.poke()
}

func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stream) take(old []queued) (batch []queued, stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch, s.queue, s.size = s.queue, old[:0], 0
	s.room.Broadcast()
	return batch, s.stopped
}

func (s *stream) run(e encoder) {
	defer close(s.done)
	var batch []queued
	for {
		var stopped bool
		batch, stopped = s.take(batch)
		var err error
		for i := range batch {
			if err = e.event(batch[i].Event, batch[i].now); err == nil {
				err = s.w.full()
			}
			if err != nil {
				break
			}
			batch[i].Data = nil
		}
		if stopped && err == nil {
			if err = e.end(0); err == nil {
				if x, ok := e.(*scriptEncoder); ok && x.left > 0 {
					err = &NoPlace{Events: x.left}
				}
			}
			s.fail(err, false)
			return
		}
		if err == nil && len(batch) > 0 {
			err = e.flush()
		}
		if err != nil {
			if full := (*Full)(nil); errors.As(err, &full) { // a file that programs can read
				err = errors.Join(err, e.end(0))
			}
			s.fail(err, true)
			return
		}
		<-s.wake
	}
}

func (s *stream) fail(err error, tell bool) {
	s.mu.Lock()
	s.err = err
	s.queue, s.size = nil, 0
	s.room.Broadcast()
	s.mu.Unlock()
	if tell && s.failed != nil {
		s.failed(err)
	}
}

// stop lets what waits be written and ends.
func (s *stream) stop() error {
	s.mu.Lock()
	s.stopped = true
	s.room.Broadcast()
	s.mu.Unlock()
	s.poke()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
