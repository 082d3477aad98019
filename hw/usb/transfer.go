package usb

import "sync/atomic"

// TransferType is what kind of transfers an endpoint takes: bits 1..0 of bmAttributes [USB2] table
// 9-13.
type TransferType uint8

// The transfer types.
const (
	Control TransferType = iota
	Isochronous
	Bulk
	Interrupt
)

func (t TransferType) String() string {
	return [...]string{"control", "isochronous", "bulk", "interrupt"}[t&3]
}

// Flags of a transfer.
type Flags uint8

// The flags.
const (
	ShortNotOK Flags = 1 << iota // IN: fewer bytes than asked for fail with EREMOTEIO
	ZeroPacket                   // OUT: a full last packet is followed by an empty one
)

// IsoPacket is one packet of an isochronous transfer: its place in Data, and what became of it.
type IsoPacket struct {
	Offset, Length int
	Actual         int
	Err            error
}

// Transfer is one request to a device, Linux's URB. Its owner fills the first block, submits it,
// and leaves it alone until it is done; then the second block holds the result and it may be
// submitted again. It must not be copied.
type Transfer struct {
	Endpoint uint8 // address with DirIn for IN; a control transfer's direction is that of Setup
	Type     TransferType
	Flags    Flags
	Setup    Setup       // control
	Data     []byte      // OUT: what to send. IN: room. Control: the data stage, Setup.Length bytes
	Packets  []IsoPacket // isochronous
	Interval int         // isochronous and interrupt: in (micro)frames; 0 is the endpoint's
	Done     func(*Transfer)

	Actual     int   // bytes moved
	Err        error // nil, or an error that unwraps to Errno
	StartFrame int   // isochronous
	ErrorCount int   // isochronous packets that failed

	state atomic.Uint32
	moved int // bytes moved so far, of a transfer that waits
	next  *Transfer
	owner *queue
	hooks []Hook
	sem   chan struct{}
}

// Hook sees a transfer between its device and its owner: a recording or a fault. A Device that
// wraps another puts one on with Push before it passes the transfer on.
type Hook interface {
	// Completed is called once, before Done. It may change the result. If it returns true, the
	// transfer is held: the hook must call t.Resume later.
	Completed(t *Transfer) (hold bool)
}

const (
	idle      = iota
	submitted // Submit has taken it
)

// In reports whether data goes to the host.
func (t *Transfer) In() bool {
	if t.Type == Control {
		return t.Setup.In()
	}
	return t.Endpoint&DirIn != 0
}

// Push puts a hook on for this submission.
func (t *Transfer) Push(h Hook) { t.hooks = append(t.hooks, h) }

// Begin claims the transfer for a Device, which calls it first in Submit.
//
// Errors: EBUSY if it is already submitted; EINVAL if a control transfer's data is not Setup.Length
// bytes, or an isochronous packet lies outside of Data.
func (t *Transfer) Begin() error {
	if !t.state.CompareAndSwap(idle, submitted) {
		return EBUSY
	}
	t.Actual, t.Err, t.moved, t.ErrorCount = 0, nil, 0, 0
	switch t.Type {
	case Control:
		if len(t.Data) != int(t.Setup.Length) {
			return t.Abort(fail("control", "", EINVAL, "wLength is %d but the data stage has %d bytes", t.Setup.Length, len(t.Data)))
		}
	case Isochronous:
		for i, p := range t.Packets {
			if p.Offset < 0 || p.Length < 0 || p.Offset > len(t.Data) || p.Length > len(t.Data)-p.Offset {
				return t.Abort(fail("isochronous", "", EINVAL, "packet %d (offset %d, %d bytes) lies outside of the %d bytes of data", i, p.Offset, p.Length, len(t.Data)))
			}
		}
		if len(t.Packets) == 0 {
			return t.Abort(fail("isochronous", "", EINVAL, "no packets"))
		}
	}
	return nil
}

// Abort undoes Begin for a Device that cannot take the transfer; its Submit returns err.
func (t *Transfer) Abort(err error) error {
	t.hooks = t.hooks[:0]
	t.state.Store(idle)
	return err
}

// Complete gives the transfer back to its owner: the hooks, last first, then Done. A Device calls
// it once for each submission, with no lock held.
func (t *Transfer) Complete(actual int, err error) {
	t.Actual, t.Err = actual, err
	t.Resume()
}

// Resume goes on with a completion that a hook held.
func (t *Transfer) Resume() {
	for n := len(t.hooks); n > 0; n = len(t.hooks) {
		h := t.hooks[n-1]
		t.hooks = t.hooks[:n-1]
		if h.Completed(t) {
			return
		}
	}
	done := t.Done
	sem := t.sem
	t.state.Store(idle)
	if done != nil {
		done(t)
	} else if sem != nil {
		sem <- struct{}{}
	}
}

// Pending reports whether the transfer is submitted and not done.
func (t *Transfer) Pending() bool { return t.state.Load() == submitted }
