//go:build libusb && cgo

package host

import (
	"context"
	"sync"

	"github.com/google/gousb"

	"github.com/kobench/kobench/hw/usb"
)

// queue is the transfers of one endpoint. One goroutine hands them to libusb in order, up to as
// many at a time as it has slots; they are completed in order too, unless they were cancelled. The
// control endpoint's queue has no endpoint in it, and one slot.
type queue struct {
	d     *Device
	addr  uint8
	in    *gousb.InEndpoint
	out   *gousb.OutEndpoint
	ctx   context.Context
	stop  context.CancelFunc
	slots chan struct{}
	wake  chan struct{}
	done  chan struct{} // closed when it was stopped and nothing is under way any more

	mu   sync.Mutex
	todo []*usb.Transfer
	now  map[*usb.Transfer]context.CancelFunc // under way
}

func (d *Device) newQueue(addr uint8, in *gousb.InEndpoint, out *gousb.OutEndpoint) *queue {
	ctx, stop := context.WithCancel(context.Background())
	slots := d.opt.InFlight
	if addr == 0 {
		slots = 1
	}
	q := &queue{d: d, addr: addr, in: in, out: out, ctx: ctx, stop: stop, slots: make(chan struct{}, slots), wake: make(chan struct{}, 1),
		done: make(chan struct{}), now: map[*usb.Transfer]context.CancelFunc{}}
	d.wg.Go(q.run)
	return q
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// drop takes t out of the queue, or cancels it if it is under way.
func (q *queue) drop(t *usb.Transfer) bool {
	q.mu.Lock()
	if cancel := q.now[t]; cancel != nil {
		q.mu.Unlock()
		cancel()
		return true
	}
	for i, x := range q.todo {
		if x == t {
			q.todo = append(q.todo[:i:i], q.todo[i+1:]...)
			q.mu.Unlock()
			t.Complete(0, usb.ECONNRESET)
			return true
		}
	}
	q.mu.Unlock()
	return false
}

// run does the queue's transfers until it is stopped.
func (q *queue) run() {
	defer close(q.done)
	var all sync.WaitGroup
	defer all.Wait()
	before := make(chan struct{}) // closed when the transfer before has been completed
	close(before)
	for {
		t, ctx, cancel := q.next()
		if t == nil {
			return
		}
		wait := q.begin(ctx, t)
		mine, earlier := make(chan struct{}), before
		before = mine
		all.Go(func() {
			defer close(mine)
			n, err := wait()
			select {
			case <-earlier:
			case <-ctx.Done():
			}
			cancel()
			q.mu.Lock()
			delete(q.now, t)
			q.mu.Unlock()
			<-q.slots
			q.finish(t, n, err)
		})
	}
}

// next waits for a slot and a transfer, and counts the transfer among those under way. When the
// queue is stopped it ends what waits and returns nil.
func (q *queue) next() (*usb.Transfer, context.Context, context.CancelFunc) {
	select {
	case q.slots <- struct{}{}:
	case <-q.ctx.Done():
	}
	for {
		q.mu.Lock()
		if q.ctx.Err() != nil {
			rest := q.todo
			q.todo = nil
			q.mu.Unlock()
			for _, t := range rest {
				t.Complete(0, usb.ESHUTDOWN)
			}
			return nil, nil, nil
		}
		if len(q.todo) > 0 {
			t := q.todo[0]
			q.todo = q.todo[1:]
			ctx, cancel := context.WithCancel(q.ctx)
			q.now[t] = cancel
			q.mu.Unlock()
			return t, ctx, cancel
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-q.ctx.Done():
		}
	}
}

// begin hands a transfer to libusb and returns what waits for its end. With one slot, and where
// gousb cannot do otherwise, waiting does it all. Streams of a single transfer are the way to
// submit without waiting.
func (q *queue) begin(ctx context.Context, t *usb.Transfer) (wait func() (int, error)) {
	several := cap(q.slots) > 1 && len(t.Data) > 0
	switch {
	case t.Type == usb.Control:
		return func() (int, error) { return q.d.control(t) }
	case q.out != nil && several && t.Flags&usb.ZeroPacket == 0:
		s, err := q.out.NewStream(len(t.Data), 1)
		if err == nil {
			_, err = s.WriteContext(ctx, t.Data)
		}
		if err != nil {
			return func() (int, error) { return 0, err }
		}
		return func() (int, error) {
			err := s.CloseContext(ctx)
			return s.Written(), err
		}
	case q.out != nil:
		// in the queue's goroutine: the next must not come before the empty packet
		n, err := q.write(ctx, t)
		return func() (int, error) { return n, err }
	case several:
		s, err := q.in.NewStream(len(t.Data), 1)
		if err != nil {
			return func() (int, error) { return 0, err }
		}
		_ = s.Close() // of more transfers; this one goes on
		return func() (int, error) {
			n, err := s.ReadContext(ctx, t.Data)
			if err != nil {
				n = 0 // gousb keeps the data of a stream that failed
			}
			return n, err
		}
	}
	return func() (int, error) { return q.in.ReadContext(ctx, t.Data) }
}

func (q *queue) write(ctx context.Context, t *usb.Transfer) (int, error) {
	n, err := q.out.WriteContext(ctx, t.Data)
	if err == nil && t.Flags&usb.ZeroPacket != 0 && len(t.Data) > 0 && len(t.Data)%q.out.Desc.MaxPacketSize == 0 {
		_, err = q.out.WriteContext(ctx, nil)
	}
	return n, err
}

func (q *queue) finish(t *usb.Transfer, n int, err error) {
	if err == nil {
		if t.In() && n < len(t.Data) && t.Flags&usb.ShortNotOK != 0 {
			t.Complete(n, usb.EREMOTEIO)
			return
		}
		t.Complete(n, nil)
		return
	}
	e, own := err.(usb.Errno)
	if !own {
		e = errnoOf(err)
	}
	if q.ctx.Err() != nil && e == usb.ECONNRESET {
		e = usb.ESHUTDOWN
	}
	t.Complete(max(0, n), e)
	if e == usb.ENODEV {
		q.d.Unplug()
	}
}
