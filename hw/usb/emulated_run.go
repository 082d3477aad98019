package usb

import (
	"time"
)

// finish puts a transfer that has left its queue among those to give back.
func (d *Emulated) finish(t *Transfer, err error) {
	t.owner = nil
	t.Err = err
	d.done.push(t)
}

func (d *Emulated) flush(q *queue, err error) {
	for q.head != nil {
		d.finish(q.pop(), err)
	}
	q.begun = nil
	if q.event != nil {
		q.event.Stop()
	}
}

// run goes on with an endpoint's transfers until one has to wait.
func (d *Emulated) run(q *queue) {
	for q.head != nil && !d.detached {
		t := q.head
		var err error
		switch {
		case q == &d.ctl:
			err = d.control(t)
		case q.halted:
			err = Stall
		case q.typ == Isochronous:
			err = d.iso(q, t)
		default:
			err = d.data(q, t)
		}
		if err == NAK {
			return
		}
		if q.head == t { // a control request may have flushed it
			q.pop()
			d.finish(t, err)
		}
	}
}

// data moves what the function is ready for.
func (d *Emulated) data(q *queue, t *Transfer) error {
	p := t.Data[t.moved:]
	var n int
	var err error
	in := q.ep&DirIn != 0
	if in {
		n, err = d.fn.In(q.ep, p)
	} else {
		n, err = d.fn.Out(q.ep, p, len(t.Data)%q.maxPacket != 0 || len(t.Data) == 0 || t.Flags&ZeroPacket != 0)
	}
	if n < 0 || n > len(p) {
		return fail(t.Type.String(), epName(q.ep), EIO, "the function says it moved %d of %d bytes", n, len(p))
	}
	t.moved += n
	switch {
	case err == nil && !in && n < len(p):
		return NAK // an OUT transfer is done when all was taken
	case err == NAK && in && t.moved%q.maxPacket != 0, err == nil:
		if in && t.moved < len(t.Data) && t.Flags&ShortNotOK != 0 {
			return EREMOTEIO
		}
		return nil
	case err == Stall:
		q.halted = true
	}
	return err
}

// iso handles the packets of a transfer once their time on the bus is over.
func (d *Emulated) iso(q *queue, t *Transfer) error {
	s, ok := d.fn.(Streamer)
	if !ok {
		return ENXIO
	}
	now := d.clock.Now()
	if q.begun != t {
		q.begun = t
		q.due = max(q.due, now)
	}
	end := q.due + time.Duration(len(t.Packets))*q.interval
	if now < end {
		if q.event == nil {
			q.event = d.clock.NewEvent(func() { d.wakeHeld(q.ep) })
		}
		q.event.At(end)
		return NAK
	}
	q.due, q.begun = end, nil
	total := 0
	for i := range t.Packets {
		p := &t.Packets[i]
		p.Actual, p.Err = s.Packet(q.ep, t.Data[p.Offset:p.Offset+p.Length])
		if p.Actual < 0 || p.Actual > p.Length {
			p.Actual, p.Err = 0, EOVERFLOW
		}
		if p.Err != nil {
			t.ErrorCount++
		}
		total += p.Actual
	}
	t.moved = total
	return nil
}

// control answers a control transfer: the standard requests here, the others by the function.
func (d *Emulated) control(t *Transfer) error {
	n, err, handled := d.standard(t.Setup, t.Data)
	if !handled {
		n, err = d.fn.Control(t.Setup, t.Data)
	}
	switch {
	case err != nil:
		return err
	case n < 0 || n > len(t.Data):
		return fail("control", t.Setup.String(), EIO, "the function says it moved %d of %d bytes", n, len(t.Data))
	case !t.Setup.In():
		n = len(t.Data)
	case n < len(t.Data) && t.Flags&ShortNotOK != 0:
		err = EREMOTEIO
	}
	t.moved = n
	return err
}

func (d *Emulated) haltLocked(ep uint8) {
	if q := d.queues[epIndex(ep)]; q != nil && q != &d.ctl {
		q.halted = true
	}
}

// configure makes c the current configuration, with every interface in its setting 0. nil is none.
func (d *Emulated) configure(c *Configuration) {
	for i, q := range d.queues {
		if q != nil && q != &d.ctl {
			d.flush(q, ESHUTDOWN)
			d.queues[i] = nil
		}
	}
	d.config, d.alts = c, d.alts[:0]
	value := uint8(0)
	if c != nil {
		value = c.Value
		for i := range c.Interfaces {
			if f := &c.Interfaces[i]; f.Alternate == 0 {
				d.alts = append(d.alts, f.Number, 0)
				d.open(f)
			}
		}
	}
	if f, ok := d.fn.(Configurer); ok {
		f.Configured(value)
	}
}

// open makes the queues of an interface setting's endpoints.
func (d *Emulated) open(f *Interface) {
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		d.queues[epIndex(e.Address)] = &queue{
			ep: e.Address, typ: e.Type(), maxPacket: max(1, e.PacketSize()), iface: f.Number, interval: e.period(d.speed),
		}
	}
}

// alternate chooses an interface's setting.
func (d *Emulated) alternate(iface, alt uint8) bool {
	f := d.config.Interface(iface, alt)
	if f == nil {
		return false
	}
	for i, q := range d.queues {
		if q != nil && q != &d.ctl && q.iface == iface {
			d.flush(q, ESHUTDOWN)
			d.queues[i] = nil
		}
	}
	for i := 0; i < len(d.alts); i += 2 {
		if d.alts[i] == iface {
			d.alts[i+1] = alt
		}
	}
	d.open(f)
	if f, ok := d.fn.(Configurer); ok {
		f.AltSetting(iface, alt)
	}
	return true
}
