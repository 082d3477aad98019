package usb

import "sync"

// Queue runs functions one after the other in the background, in a goroutine that lives as long as
// there are any (an ordered work queue). The zero value is empty.
type Queue struct {
	mu   sync.Mutex
	work []func() // +checklocks:mu
	// closed when the queue has run empty; nil while it is
	busy chan struct{} // +checklocks:mu
	over bool          // +checklocks:mu
	puts uint64        // +checklocks:mu
}

// Put adds fn, unless the queue has ended. It does not wait.
func (q *Queue) Put(fn func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	q.work = append(q.work, fn)
	q.puts++
	if q.busy == nil {
		q.busy = make(chan struct{})
		go q.run()
	}
}

func (q *Queue) run() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.work) > 0 {
		fn := q.work[0]
		q.work = q.work[:copy(q.work, q.work[1:])]
		q.mu.Unlock()
		fn()
		q.mu.Lock()
	}
	close(q.busy)
	q.busy = nil
}

// Puts is how many functions have been put so far.
func (q *Queue) Puts() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.puts
}

// Settle waits until the queue has run empty. A function of the queue must not call it.
func (q *Queue) Settle() {
	q.mu.Lock()
	busy := q.busy
	q.mu.Unlock()
	if busy != nil {
		<-busy
	}
}

// Flush waits until what is in the queue now is done (flush_workqueue). A function of the queue
// must not call it.
func (q *Queue) Flush() {
	q.mu.Lock()
	done := q.busy
	if done != nil && !q.over {
		done = make(chan struct{})
		q.work = append(q.work, func() { close(done) })
	}
	q.mu.Unlock()
	if done != nil {
		<-done
	}
}

// End finishes what is in the queue and takes nothing more.
func (q *Queue) End() {
	q.mu.Lock()
	q.over = true
	q.mu.Unlock()
	q.Settle()
}
