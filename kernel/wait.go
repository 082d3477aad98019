package kernel

import "sync"

// Waiting is done in one way everywhere, so that no wake-up is lost:
//
//  1. say that the task is about to sleep (Task.SetState) and register with the queue;
//  2. look again whether there is something to do;
//  3. only then sleep (Task.Schedule), which returns at once when a wake-up came in between.
//
// Whoever makes the condition true does so first and wakes the queue after. Task.waitUntil is the
// loop: WaitEvent, poll, and File, for every driver that answers EAGAIN, wait by it.
//
// References: kernel/sched/wait.c; Documentation/memory-barriers.txt, SLEEP AND WAKE-UP FUNCTIONS.

// WaitQueue is a list of waiters. The zero value is ready for use. It must not be copied.
type WaitQueue struct {
	mu sync.Mutex
	// circular
	head *Waiter // +checklocks:mu
	n    int     // +checklocks:mu
}

// Waiter is one entry of a WaitQueue: a function that a wake-up calls. It is called with the
// queue's lock held and must not block nor touch the queue.
type Waiter struct {
	Func func(ev Events)
	// Mask selects the events that concern the waiter; 0 is all of them.
	Mask Events
	// Exclusive waiters stand at the end; a Wake stops after the first that it woke, WakeAll does
	// not.
	Exclusive bool

	task       *Task // instead of Func: the task to wake
	queue      *WaitQueue
	next, prev *Waiter
}

// Add registers w. A waiter is in one queue at a time; adding it where it already is does nothing.
func (q *WaitQueue) Add(w *Waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.queue == q {
		return
	}
	w.queue = q
	q.n++
	if q.head == nil {
		q.head, w.next, w.prev = w, w, w
		return
	}
	last := q.head.prev
	w.prev, w.next = last, q.head
	last.next, q.head.prev = w, w
	if !w.Exclusive {
		q.head = w
	}
}

// Remove takes w out; a waiter that is not in the queue is left alone.
func (q *WaitQueue) Remove(w *Waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.queue != q {
		return
	}
	if w.next == w {
		q.head = nil
	} else {
		w.prev.next, w.next.prev = w.next, w.prev
		if q.head == w {
			q.head = w.next
		}
	}
	w.queue, w.next, w.prev = nil, nil, nil
	q.n--
}

// Wake wakes all waiters for the events and one exclusive one. Call it after the change that they
// wait for.
func (q *WaitQueue) Wake(ev Events) { q.wake(ev, 1) }

// WakeAll wakes every waiter for the events, exclusive or not.
func (q *WaitQueue) WakeAll(ev Events) { q.wake(ev, 0) }

// WakeN wakes all waiters for the events and at most n exclusive ones.
func (q *WaitQueue) WakeN(ev Events, n int) { q.wake(ev, n) }

func (q *WaitQueue) wake(ev Events, exclusive int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.head
	for range q.n {
		next := w.next
		if w.Mask == 0 || ev == 0 || w.Mask&ev != 0 {
			woke := true
			if w.task != nil {
				woke = w.task.WakeUp()
			} else {
				w.Func(ev)
			}
			if w.Exclusive && woke { // one that ran already has not been woken (__wake_up_common)
				if exclusive--; exclusive == 0 {
					return
				}
			}
		}
		w = next
	}
}

// Active reports whether anyone waits.
func (q *WaitQueue) Active() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.head != nil
}
