package capi

import (
	"github.com/kobench/kobench/kernel"
)

func (o *fops) doPoll(t *kernel.Task, f *kernel.File, w *kernel.PollTable) kernel.Events {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	of.sync(f)
	c.polling, c.file = w, of
	table := ptr(0)
	if w != nil {
		if c.pollTab == 0 {
			o.s.M.Do(func() { c.current() })
		}
		table = c.pollTab
	}
	r, err := c.th.Call(o.poll, uint64(of.addr), uint64(table))
	c.polling, c.file = nil, nil
	if err != nil {
		if f, ok := c.fault(err).(*kernel.Fault); ok {
			_ = t.Oops(f)
		}
		return kernel.PollErr
	}
	return kernel.Events(r)
}

// pollEntry stands in a wait queue of C's for one open file, and wakes those who poll it.
type pollEntry struct {
	addr ptr // struct wait_queue_entry
	head ptr
	q    kernel.WaitQueue
}

// pollwait is what poll_wait calls: it puts the file into the queue, once, and the caller of poll
// behind it.
func (c *Ctx) pollwait(head ptr) {
	if c.polling == nil || c.file == nil {
		return
	}
	for _, e := range c.file.polls {
		if e.head == head {
			c.polling.Wait(&e.q)
			return
		}
	}
	addr, err := c.s.M.Alloc(sizeofWaitQueueEntry, 0, nil)
	if err != nil {
		return
	}
	m := c.mem()
	e := &pollEntry{addr: addr, head: head}
	clear(m.bytes(addr, sizeofWaitQueueEntry))
	m.putPtr(addr+offWaitQueueEntryFunc, c.s.slots.pollwake)
	m.listAdd(addr+offWaitQueueEntryEntry, head+offWaitQueueHeadHead)
	c.s.polls[addr] = e
	c.file.polls = append(c.file.polls, e)
	c.polling.Wait(&e.q)
}

func (s *System) dropPolls(of *openFile) {
	m := s.mem()
	for _, e := range of.polls {
		m.listDel(e.addr + offWaitQueueEntryEntry)
		delete(s.polls, e.addr)
		_ = s.M.Free(e.addr)
	}
	of.polls = nil
}

// fasync is what a struct fasync_struct * leads to.
type fasync struct {
	list  kernel.FasyncList
	files map[ptr]bool
}
