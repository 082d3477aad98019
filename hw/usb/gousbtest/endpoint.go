package gousbtest

import (
	"context"
	"fmt"

	"github.com/kobench/kobench/hw/usb"
)

type endpoint struct {
	InterfaceSetting
	Desc EndpointDesc

	iface *Interface
}

func (e *endpoint) String() string { return e.Desc.String() }

// InEndpoint is an IN endpoint of a claimed interface.
type InEndpoint struct{ *endpoint }

// Read is ReadContext without an end.
func (e *InEndpoint) Read(buf []byte) (int, error) { return e.transfer(context.Background(), buf) }

// ReadContext does one transfer: it waits until buf is full or a short packet comes. The count
// holds beside an error too. When ctx ends, for whatever reason, the transfer is cancelled.
//
// Errors: TransferCancelled; TransferStall; TransferNoDevice if the device goes, ErrorNoDevice if
// it had gone before; TransferOverflow if a packet comes that has no room in buf, which can happen
// when its length is no multiple of MaxPacketSize; TransferError.
func (e *InEndpoint) ReadContext(ctx context.Context, buf []byte) (int, error) {
	return e.transfer(ctx, buf)
}

// OutEndpoint is an OUT endpoint of a claimed interface.
type OutEndpoint struct{ *endpoint }

// Write is WriteContext without an end.
func (e *OutEndpoint) Write(buf []byte) (int, error) { return e.transfer(context.Background(), buf) }

// WriteContext does one transfer: it waits until the device has taken all of buf. The count holds
// beside an error too.
//
// Errors: as ReadContext's, but for TransferOverflow.
func (e *OutEndpoint) WriteContext(ctx context.Context, buf []byte) (int, error) {
	return e.transfer(ctx, buf)
}

func (e *endpoint) transfer(ctx context.Context, buf []byte) (int, error) {
	t := e.newTransfer(len(buf))
	if e.Desc.Direction == EndpointDirectionOut {
		copy(t.data(), buf)
	}
	if err := t.submit(); err != nil {
		return 0, err
	}
	n, err := t.wait(ctx)
	if e.Desc.Direction == EndpointDirectionIn {
		copy(buf, t.data())
	}
	return n, err
}

// transfer is one libusb_transfer: a buffer that is submitted and waited for, again and again. One
// goroutine uses it.
type transfer struct {
	e         *endpoint
	size      int // what the program asked for; buf may be longer, see newTransfer
	buf       []byte
	usb       usb.Transfer
	done      chan struct{}
	submitted bool
}

// newTransfer makes room for size bytes. A device sends whole packets whatever the host has room
// for; so an IN transfer has room for the whole last packet, and what goes beyond size is the
// overflow that a host controller reports as babble.
func (e *endpoint) newTransfer(size int) *transfer {
	t := &transfer{e: e, size: size, done: make(chan struct{}, 1)}
	room, packet := size, e.Desc.MaxPacketSize
	if e.Desc.TransferType != TransferTypeIsochronous {
		packet &= 0x7ff
		if e.Desc.Direction == EndpointDirectionIn && packet > 0 {
			room = (size + packet - 1) / packet * packet
		}
	}
	t.buf = make([]byte, room)
	t.usb = usb.Transfer{
		Endpoint: uint8(e.Desc.Address), Type: usb.TransferType(e.Desc.TransferType), Data: t.buf,
		Done: func(*usb.Transfer) { t.done <- struct{}{} },
	}
	if t.usb.Type == usb.Isochronous {
		t.usb.Packets = packets(size, packet)
	}
	return t
}

// packets divides a buffer as gousb does: what does not fill a packet at the end is left out.
func packets(size, packet int) []usb.IsoPacket {
	packet = min(packet, size)
	if packet <= 0 {
		return []usb.IsoPacket{{}}
	}
	p := make([]usb.IsoPacket, size/packet)
	for i := range p {
		p[i].Offset, p[i].Length = i*packet, packet
	}
	return p
}

// data is the program's part of the buffer.
func (t *transfer) data() []byte { return t.buf[:t.size] }

// submit starts the transfer with all of its buffer.
//
// Errors: ErrorNoDevice; ErrorIO if the interface has been closed; other [Error]s.
func (t *transfer) submit() error {
	if t.e.iface.closed() {
		return fmt.Errorf("transfer on %s after Interface.Close: %w", t.e, ErrorIO)
	}
	if err := t.e.iface.dev.node.slot.Submit(&t.usb); err != nil {
		return submitError(err)
	}
	t.submitted = true
	return nil
}

// wait waits for what was submitted; without that it returns at once. When ctx ends, it cancels.
//
// Errors: a [TransferStatus].
func (t *transfer) wait(ctx context.Context) (int, error) {
	if !t.submitted {
		return 0, nil
	}
	select {
	case <-ctx.Done():
		t.cancel()
		<-t.done
	case <-t.done:
	}
	t.submitted = false
	if t.usb.Type == usb.Isochronous {
		return t.compact()
	}
	n, status := t.usb.Actual, statusOf(t.usb.Err)
	if n > t.size {
		n, status = t.size, TransferOverflow
	}
	if status != TransferCompleted {
		return n, status
	}
	return n, nil
}

func (t *transfer) cancel() {
	if t.submitted {
		t.e.iface.dev.node.slot.Cancel(&t.usb)
	}
}

// compact moves the packets' data together, up to the first that failed.
func (t *transfer) compact() (int, error) {
	if status := statusOf(t.usb.Err); status != TransferCompleted && usb.ErrnoOf(t.usb.Err) != usb.EXDEV {
		return 0, status
	}
	n := 0
	for _, p := range t.usb.Packets {
		if p.Err != nil {
			return n, statusOf(p.Err)
		}
		n += copy(t.buf[n:], t.buf[p.Offset:p.Offset+p.Actual])
	}
	return n, nil
}
