package usbip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

// Device is an imported device. It implements [usb.Device].
type Device struct {
	info Info
	c    net.Conn
	gone chan struct{}

	mu     sync.Mutex
	wake   *sync.Cond
	seq    uint32
	flight map[uint32]*usb.Transfer
	seqOf  map[*usb.Transfer]uint32
	unlink map[*usb.Transfer]uint32 // the number of its CMD_UNLINK
	out    []message
	closed bool
	err    error
}

// message waits to be written.
type message struct {
	t      *usb.Transfer // submit
	seq    uint32
	unlink uint32
}

// Import attaches the device with this bus id ("1-1") at the server addr. It comes unconfigured or
// in the configuration the server had it in. Unplug gives it back.
//
// Errors: ENODEV without a connection or such a device; EBUSY if somebody has it; EPROTO.
func Import(ctx context.Context, addr, busID string) (*Device, error) {
	if len(busID) >= busIDSize {
		return nil, &usb.Error{Op: "usbip", Where: busID, Errno: usb.EINVAL, Reason: "a bus id has up to 31 characters, such as 1-1.2"}
	}
	c, stop, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	d, err := importOn(c, busID)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	d.start()
	return d, nil
}

func importOn(c net.Conn, busID string) (*Device, error) {
	if _, err := c.Write(append(op(opReqImport, 0), fixed(busID, busIDSize)...)); err != nil {
		return nil, err
	}
	if err := expect(c, opRepImport, "the import of "+busID); err != nil {
		return nil, err
	}
	var b [deviceSize]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return nil, protocol("the import of %s: half an answer: %v", busID, err)
	}
	d := &Device{c: c, gone: make(chan struct{}), flight: map[uint32]*usb.Transfer{}, seqOf: map[*usb.Transfer]uint32{}, unlink: map[*usb.Transfer]uint32{}}
	d.info, _ = parseInfo(b[:])
	d.wake = sync.NewCond(&d.mu)
	return d, nil
}

func (d *Device) start() {
	if t, ok := d.c.(*net.TCPConn); ok {
		t.SetNoDelay(true)
	}
	go d.write()
	go d.read()
}

// Info is what the server said of the device.
func (d *Device) Info() Info { return d.info }

// Speed implements [usb.Device].
func (d *Device) Speed() usb.Speed { return d.info.Speed }

// Gone is closed when the connection has ended.
func (d *Device) Gone() <-chan struct{} { return d.gone }

// Err says why the device has gone: nil while it has not, and after Unplug.
func (d *Device) Err() error { d.mu.Lock(); defer d.mu.Unlock(); return d.err }

// Unplug gives the device back to its server.
func (d *Device) Unplug() { d.end(nil) }

// Submit implements [usb.Device].
func (d *Device) Submit(t *usb.Transfer) error {
	if len(t.Data) > maxTransfer {
		return usb.EMSGSIZE
	}
	if err := t.Begin(); err != nil {
		return err
	}
	if len(t.Packets) > maxPackets {
		return t.Abort(usb.EINVAL)
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return t.Abort(usb.ENODEV)
	}
	seq := d.nextLocked()
	d.flight[seq], d.seqOf[t] = t, seq
	d.out = append(d.out, message{t: t, seq: seq})
	d.mu.Unlock()
	d.wake.Signal()
	return nil
}

func (d *Device) nextLocked() uint32 {
	d.seq++
	if d.seq == 0 {
		d.seq = 1
	}
	return d.seq
}

// unlinkWait is how long a server may take to answer an unlink. A server's own cancelling waits for
// no device.
const unlinkWait = 2 * time.Second

// Cancel implements [usb.Device]: it sends an unlink, whose answer ends the transfer. A server that
// owes the answer for 2 s loses the connection, and with it every transfer ends.
func (d *Device) Cancel(t *usb.Transfer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seq, ok := d.seqOf[t]
	if _, asked := d.unlink[t]; !ok || asked || d.closed {
		return
	}
	unlink := d.nextLocked()
	d.out = append(d.out, message{seq: unlink, unlink: seq})
	d.flight[unlink], d.unlink[t] = t, unlink
	d.wake.Signal()
	time.AfterFunc(unlinkWait, func() {
		d.mu.Lock()
		owed := d.unlink[t] == unlink
		d.mu.Unlock()
		if owed {
			d.end(&usb.Error{Op: "usbip", Where: d.info.BusID, Errno: usb.ETIMEDOUT, Reason: fmt.Sprintf("the server has not answered an unlink for %v", unlinkWait)})
		}
	})
}

// Reset implements [usb.Device]: the request that usbip_host takes for a port reset.
func (d *Device) Reset() error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	_, err := usb.Request(ctx, d, 0x23, usb.SetFeature, 4, 1, nil)
	return err
}

// end closes the connection. The reader then ends what is under way, so that nothing is written
// into a transfer given back.
func (d *Device) end(err error) {
	d.mu.Lock()
	if !d.closed {
		d.closed, d.err = true, err
		d.c.Close()
	}
	d.mu.Unlock()
	d.wake.Broadcast()
}

func (d *Device) write() {
	w := bufio.NewWriterSize(d.c, 64<<10)
	var batch []message
	var b []byte
	for {
		d.mu.Lock()
		for len(d.out) == 0 && !d.closed {
			d.wake.Wait()
		}
		if d.closed {
			d.mu.Unlock()
			return
		}
		batch, d.out = d.out, batch[:0]
		d.mu.Unlock()
		for _, m := range batch {
			var err error
			if b, err = d.send(w, b[:0], m); err != nil {
				d.end(err)
				return
			}
		}
		if err := w.Flush(); err != nil {
			d.end(err)
			return
		}
	}
}

// send writes one message. A transfer that ended meanwhile (the device has gone) belongs to its
// owner again: d.closed is looked at under the lock while its bytes are taken.
func (d *Device) send(w *bufio.Writer, b []byte, m message) ([]byte, error) {
	dev := d.info.Bus<<16 | d.info.Dev
	h := header{command: cmdUnlink, seq: m.seq, dev: dev, unlink: m.unlink}
	if m.t == nil {
		b = h.append(b)
		_, err := w.Write(b)
		return b, err
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return b, net.ErrClosed
	}
	t := m.t
	h = header{command: cmdSubmit, seq: m.seq, dev: dev, in: t.In(), ep: t.Endpoint & 0x0f, length: int32(len(t.Data)), interval: int32(t.Interval)}
	if t.Flags&usb.ShortNotOK != 0 {
		h.flags |= urbShortNotOK
	}
	if t.Flags&usb.ZeroPacket != 0 {
		h.flags |= urbZeroPacket
	}
	if h.in {
		h.flags |= urbDirIn
	}
	switch t.Type {
	case usb.Control:
		h.setup, h.ep = t.Setup, 0
	case usb.Isochronous:
		h.packets = int32(len(t.Packets))
		h.flags |= 2 // as soon as possible
	}
	b = h.append(b)
	if !h.in {
		b = append(b, t.Data...)
	}
	if t.Type == usb.Isochronous {
		b = appendIso(b, t.Packets)
	}
	d.mu.Unlock()
	_, err := w.Write(b)
	return b, err
}

func (d *Device) read() {
	r := bufio.NewReaderSize(d.c, 64<<10)
	for {
		if err := d.answer(r); err != nil {
			if errors.Is(err, io.EOF) {
				err = &usb.Error{Op: "usbip", Where: d.info.BusID, Errno: usb.ENODEV, Reason: "the server closed the connection"}
			}
			d.end(err)
			break
		}
	}
	d.mu.Lock()
	flight := d.seqOf
	d.seqOf, d.flight, d.unlink, d.out = nil, nil, nil, nil
	d.mu.Unlock()
	for t := range flight {
		t.Complete(0, usb.ESHUTDOWN)
	}
	close(d.gone)
}

// answer reads one message and ends its transfer.
func (d *Device) answer(r io.Reader) error {
	var b [headerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	var h header
	h.parse(&b)
	d.mu.Lock()
	t, known := d.flight[h.seq]
	unlink := known && (t == nil || d.seqOf[t] != h.seq)
	if known && h.command == retUnlink {
		delete(d.flight, h.seq)
	}
	d.mu.Unlock()
	switch {
	case !known:
		return protocol("an answer to number %d, which is not under way", h.seq)
	case h.command == retUnlink && unlink:
		// 0 means that it was too late: the answer to the transfer has come before. Otherwise there
		// will be none.
		if t != nil && d.finished(t) {
			err := statusError(h.status)
			if err == nil {
				err = usb.ECONNRESET
			}
			t.Complete(0, err)
		}
		return nil
	case h.command != retSubmit || unlink:
		return protocol("message %d in answer to number %d", h.command, h.seq)
	case h.length < 0 || int(h.length) > len(t.Data):
		return protocol("%d bytes came of a transfer of %d", h.length, len(t.Data))
	}
	if err := d.receive(r, &h, t); err != nil {
		return err
	}
	t.StartFrame, t.ErrorCount = int(h.start), int(h.interval)
	if d.finished(t) {
		t.Complete(int(h.length), statusError(h.status))
	}
	return nil
}

// receive reads what follows a RET_SUBMIT into the transfer.
func (d *Device) receive(r io.Reader, h *header, t *usb.Transfer) error {
	half := func(err error) error {
		if err == nil {
			return nil
		}
		return protocol("the connection ended within the data: %v", err)
	}
	var data []byte
	if t.In() && h.length > 0 {
		if t.Type != usb.Isochronous { // straight into the transfer
			_, err := io.ReadFull(r, t.Data[:h.length])
			return half(err)
		}
		data = make([]byte, h.length)
		if _, err := io.ReadFull(r, data); err != nil {
			return half(err)
		}
	}
	if t.Type != usb.Isochronous {
		return nil
	}
	if int(h.packets) != len(t.Packets) {
		return protocol("%d packets came of a transfer of %d", h.packets, len(t.Packets))
	}
	b := make([]byte, len(t.Packets)*isoSize)
	if _, err := io.ReadFull(r, b); err != nil {
		return half(err)
	}
	ps := make([]usb.IsoPacket, len(t.Packets))
	parseIso(b, ps)
	for i := range ps {
		p := &t.Packets[i]
		if ps[i].Actual < 0 || ps[i].Actual > p.Length {
			return protocol("packet %d has %d bytes of %d", i, ps[i].Actual, p.Length)
		}
		p.Actual, p.Err = ps[i].Actual, ps[i].Err
		if t.In() {
			if p.Actual > len(data) {
				return protocol("the packets have more bytes than came")
			}
			copy(t.Data[p.Offset:], data[:p.Actual])
			data = data[p.Actual:]
		}
	}
	return nil
}

// finished takes t from those under way and reports whether it was there. Its unlink, if one was
// sent, keeps its number until answered.
func (d *Device) finished(t *usb.Transfer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	seq, ok := d.seqOf[t]
	if !ok {
		return false
	}
	delete(d.seqOf, t)
	delete(d.flight, seq)
	if s, ok := d.unlink[t]; ok {
		d.flight[s] = nil
		delete(d.unlink, t)
	}
	return true
}
