package usbip

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/kobench/kobench/hw/usb"
)

// export is a connection that carries a device's transfers.
//
//	reader: CMD_SUBMIT ──► device ──► done ──► queue ──► writer: RET_SUBMIT
//	        CMD_UNLINK ──► Cancel ──────────────┘            or RET_UNLINK
type export struct {
	c    net.Conn
	dev  usb.Device
	kind [32]usb.TransferType // of each endpoint, by number and direction

	mu     sync.Mutex
	wake   *sync.Cond
	flight map[uint32]*urb // submitted and not done, by sequence number
	bytes  int
	ready  []*urb // to be answered
	free   []*urb
	closed bool

	// Of the reader, guarded by mu: the last CMD_SUBMIT's number, and the numbers of CMD_UNLINKs by
	// the CMD_SUBMIT that they have overtaken.
	last  uint32
	early map[uint32]uint32
}

// urb is one transfer of an import.
type urb struct {
	t        usb.Transfer
	x        *export
	seq      uint32
	unlink   uint32 // sequence number of the CMD_UNLINK that asked for its end
	unlinked bool
	reply    bool // no transfer at all: the answer to an unlink that came too late
	buf      []byte
	packets  []usb.IsoPacket
}

func newExport(c net.Conn, dev usb.Device, d *usb.Descriptors) *export {
	x := &export{c: c, dev: dev, flight: map[uint32]*urb{}, early: map[uint32]uint32{}}
	x.wake = sync.NewCond(&x.mu)
	for i := range d.Configs {
		for k := range d.Configs[i].Interfaces {
			for _, e := range d.Configs[i].Interfaces[k].Endpoints {
				x.kind[index(e.Address)] = e.Type()
			}
		}
	}
	return x
}

func index(ep uint8) int { return int(ep&0x0f | ep&usb.DirIn>>3) }

// run carries transfers until the connection or the device ends. The device is then reset.
func (x *export) run() error {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(x.write)
	wg.Go(func() {
		select {
		case <-x.dev.Gone():
		case <-stop:
		}
		x.c.Close()
	})
	err := x.read()
	close(stop)
	x.mu.Lock()
	x.closed = true
	var pending []*urb
	for _, u := range x.flight {
		pending = append(pending, u)
	}
	x.mu.Unlock()
	for _, u := range pending {
		x.dev.Cancel(&u.t)
	}
	x.mu.Lock()
	for len(x.flight) > 0 {
		x.wake.Wait()
	}
	x.wake.Broadcast()
	x.mu.Unlock()
	wg.Wait()
	x.dev.Reset()
	return err
}

func (x *export) read() error {
	r := bufio.NewReaderSize(x.c, 64<<10)
	var b [headerSize]byte
	var h header
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return protocol("the connection ended within a header")
			}
			return err
		}
		h.parse(&b)
		var err error
		switch h.command {
		case cmdSubmit:
			err = x.submit(r, &h)
		case cmdUnlink:
			err = x.cancel(&h)
		default:
			err = protocol("command %d; 1 submits and 2 unlinks", h.command)
		}
		if err != nil {
			return err
		}
	}
}

// submit passes a transfer to the device.
func (x *export) submit(r io.Reader, h *header) error {
	switch {
	case h.length < 0 || h.length > maxTransfer:
		return protocol("a transfer of %d bytes; this end takes up to %d", h.length, maxTransfer)
	case h.ep > 15:
		return protocol("endpoint %d; there are 0 to 15", h.ep)
	}
	u := x.take()
	if err := x.receive(r, h, u); err != nil {
		return err
	}
	unlinked, err := x.enter(h.seq, u)
	switch {
	case err != nil:
		return err
	case unlinked:
		u.t.Actual, u.t.Err = 0, usb.ECONNRESET
		x.done(u)
	default:
		x.start(u)
	}
	return nil
}

// receive makes the transfer that a message asks for, and reads what it sends.
func (x *export) receive(r io.Reader, h *header, u *urb) error {
	t := &u.t
	u.seq, u.unlinked, u.reply = h.seq, false, false
	if cap(u.buf) < int(h.length) {
		u.buf = make([]byte, h.length)
	}
	t.Data = u.buf[:h.length]
	t.Endpoint, t.Flags, t.Setup, t.Packets = h.ep, 0, usb.Setup{}, nil
	if h.in {
		t.Endpoint |= usb.DirIn
	}
	t.Type = x.kind[index(t.Endpoint)]
	if h.flags&urbShortNotOK != 0 {
		t.Flags |= usb.ShortNotOK
	}
	if h.flags&urbZeroPacket != 0 {
		t.Flags |= usb.ZeroPacket
	}
	if h.ep == 0 {
		t.Type, t.Setup, t.Endpoint = usb.Control, h.setup, 0
		if h.setup.In() != h.in && h.setup.Length > 0 {
			return protocol("the direction of the control request %s and that of its message differ", h.setup)
		}
	}
	if h.in {
		clear(t.Data)
	} else if _, err := io.ReadFull(r, t.Data); err != nil {
		return protocol("the connection ended within the data: %v", err)
	}
	if t.Type == usb.Control {
		t.Data = t.Data[:min(len(t.Data), int(h.setup.Length))]
		t.Setup.Length = uint16(len(t.Data))
	}
	if t.Type == usb.Isochronous && t.Endpoint&0x0f != 0 {
		return u.receivePackets(r, int(h.packets))
	}
	return nil
}

// receivePackets reads the packets' descriptors of an isochronous transfer.
func (u *urb) receivePackets(r io.Reader, n int) error {
	if n < 1 || n > maxPackets {
		return protocol("%d isochronous packets; 1 to %d are possible", n, maxPackets)
	}
	d := make([]byte, n*isoSize)
	if _, err := io.ReadFull(r, d); err != nil {
		return protocol("the connection ended within the packet descriptors: %v", err)
	}
	if cap(u.packets) < n {
		u.packets = make([]usb.IsoPacket, n)
	}
	u.t.Packets = u.packets[:n]
	parseIso(d, u.t.Packets)
	for i := range u.t.Packets {
		u.t.Packets[i].Actual, u.t.Packets[i].Err = 0, nil
	}
	return nil
}

// enter notes a transfer as one in flight; unlinked says that its unlink came before it.
func (x *export) enter(seq uint32, u *urb) (unlinked bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.flight[seq] != nil:
		return false, protocol("sequence number %d is used twice", seq)
	case len(x.flight)+len(x.ready) >= maxInFlight || x.bytes+len(u.t.Data) > maxBytes:
		return false, protocol("%d transfers of %d bytes in flight; that is too much", len(x.flight), x.bytes)
	}
	x.flight[seq] = u
	x.bytes += len(u.t.Data)
	x.last = seq
	if unlink, ok := x.early[seq]; ok {
		delete(x.early, seq)
		u.unlinked, u.unlink = true, unlink
	}
	return u.unlinked, nil
}

// start gives the transfer to the device.
func (x *export) start(u *urb) {
	t := &u.t
	if t.Type == usb.Control && t.Setup.Is(0x23, usb.SetFeature) && t.Setup.Value == 4 {
		// A port reset sent to the device itself means: reset it [stub] tweak_reset_device_cmd.
		t.Actual, t.Err = 0, x.dev.Reset()
		x.done(u)
		return
	}
	if err := x.dev.Submit(t); err != nil {
		t.Actual, t.Err = 0, err
		if usb.ErrnoOf(err) == usb.ENOENT { // the number that a vhci would take for an unlink
			t.Err = usb.EPIPE
		}
		x.done(u)
	}
}

// take gives a used urb, or a new one.
func (x *export) take() *urb {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.free); n > 0 {
		u := x.free[n-1]
		x.free = x.free[:n-1]
		return u
	}
	u := &urb{x: x}
	u.t.Done = func(*usb.Transfer) { u.x.done(u) }
	return u
}

// done queues the answer.
func (x *export) done(u *urb) {
	x.mu.Lock()
	delete(x.flight, u.seq)
	if !x.closed {
		x.ready = append(x.ready, u)
	}
	x.wake.Broadcast()
	x.mu.Unlock()
}

// maxEarly is how many unlinks may wait for their transfers.
const maxEarly = 1024

// cancel answers an unlink: with the transfer's end if it is still under way, at once if not [stub]
// stub_recv_cmd_unlink. Linux's vhci_hcd sends one before its transfer now and then: its sender
// empties the queue of unlinks after the one of submissions, and what comes meanwhile is out of
// order. To answer "it is over" would make it give back the transfer and then refuse our answer to
// it, which costs the connection and leaves usbtest's case 24 waiting for ever. Such an unlink
// waits for its transfer, which then does not reach the device.
func (x *export) cancel(h *header) error {
	x.mu.Lock()
	if int32(h.unlink-x.last) > 0 && int32(h.seq-h.unlink) > 0 {
		defer x.mu.Unlock()
		if len(x.early) >= maxEarly {
			return protocol("%d unlinks of transfers that were not submitted; that is too much", len(x.early))
		}
		x.early[h.unlink] = h.seq
		return nil
	}
	if len(x.ready) >= maxInFlight {
		x.mu.Unlock()
		return protocol("%d answers wait to be read; that is too much", len(x.ready))
	}
	u := x.flight[h.unlink]
	if u == nil {
		x.ready = append(x.ready, &urb{x: x, seq: h.seq, reply: true})
		x.wake.Broadcast()
		x.mu.Unlock()
		return nil
	}
	u.unlinked, u.unlink = true, h.seq
	x.mu.Unlock()
	x.dev.Cancel(&u.t)
	return nil
}

// write sends the answers, as many at once as there are.
func (x *export) write() {
	w := bufio.NewWriterSize(x.c, 64<<10)
	var batch []*urb
	var b []byte
	for {
		x.mu.Lock()
		for _, u := range batch {
			if !u.reply {
				x.bytes -= len(u.t.Data)
			}
		}
		x.free = recycle(x.free, batch)
		for len(x.ready) == 0 && !x.closed {
			x.wake.Wait()
		}
		if x.closed {
			x.mu.Unlock()
			return
		}
		batch, x.ready = x.ready, batch[:0]
		x.mu.Unlock()
		var err error
		for _, u := range batch {
			b = u.header(b[:0])
			_, err = w.Write(b)
			if err == nil && !u.unlinked && !u.reply {
				err = u.data(w)
			}
		}
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			x.c.Close() // the reader ends
		}
	}
}

// recycle keeps the urbs whose buffers are small.
func recycle(free, used []*urb) []*urb {
	for _, u := range used {
		if !u.reply && cap(u.buf) <= 1<<20 && len(free) < 256 {
			free = append(free, u)
		}
	}
	return free
}

func (u *urb) header(b []byte) []byte {
	h := header{command: retSubmit, seq: u.seq, status: -int32(usb.ErrnoOf(u.t.Err))}
	switch {
	case u.reply:
		h.command, h.status = retUnlink, 0
	case u.unlinked:
		h.command, h.seq = retUnlink, u.unlink
	default:
		h.length = int32(u.t.Actual)
		h.start = int32(u.t.StartFrame)
		h.packets = int32(len(u.t.Packets))
		h.interval = int32(u.t.ErrorCount)
	}
	return h.append(b)
}

// data is what follows a RET_SUBMIT: the bytes of an IN transfer, those of isochronous packets
// without the gaps between them.
func (u *urb) data(w *bufio.Writer) error {
	t := &u.t
	if t.Type != usb.Isochronous {
		if !t.In() {
			return nil
		}
		_, err := w.Write(t.Data[:t.Actual])
		return err
	}
	if t.In() {
		for i := range t.Packets {
			p := &t.Packets[i]
			if _, err := w.Write(t.Data[p.Offset : p.Offset+p.Actual]); err != nil {
				return err
			}
		}
	}
	_, err := w.Write(appendIso(nil, t.Packets))
	return err
}
