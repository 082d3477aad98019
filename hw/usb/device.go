package usb

import (
	"context"
	"errors"
)

// Device is what a host sees of a USB device: transfers go in and come back. SET_CONFIGURATION,
// SET_INTERFACE and CLEAR_FEATURE(HALT) are control transfers like all others; an implementation
// that must know of them looks at what passes.
type Device interface {
	Speed() Speed
	// Submit takes the transfer and returns at once; t.Done is called when it is finished, perhaps
	// before Submit returns. After an error the transfer was not taken, and Done is not called.
	//
	// Errors: ENODEV, EINVAL, EBUSY (the transfer is already submitted), ENOENT (no such endpoint),
	// EMSGSIZE.
	Submit(t *Transfer) error
	// Cancel asks for the end of a submitted transfer: it completes with ECONNRESET unless it was
	// finished first.
	Cancel(t *Transfer)
	// Reset is a port reset: transfers end with ESHUTDOWN, the device is unconfigured and keeps its
	// address.
	//
	// Errors: ENODEV.
	Reset() error
	// Gone is closed when the device has been unplugged.
	Gone() <-chan struct{}
}

// Unplugger is a Device that can be told that it was pulled out. Absence: it notices by itself, or
// by the transfers that end.
type Unplugger interface{ Unplug() }

// Wrapper is a Device around another one, such as one with faults. Absence: it is the device
// itself.
type Wrapper interface{ Unwrap() Device }

// Failer is a Device that knows why it has gone: Err is nil if it was pulled out. Absence: it was.
type Failer interface{ Err() error }

// Do submits t and waits for it. When ctx ends first, t is cancelled and waited for; the error is
// then ETIMEDOUT for a deadline and ctx's error otherwise, and t.Actual says what had been moved.
// t.Done must be nil. A Transfer used again costs no allocation.
//
// Errors: Submit's and the transfer's.
func Do(ctx context.Context, d Device, t *Transfer) error {
	if t.Done != nil {
		return fail(t.Type.String(), "", EINVAL, "Do waits itself: Done must be nil")
	}
	if err := ctx.Err(); err != nil {
		return ctxError(err)
	}
	if t.sem == nil {
		t.sem = make(chan struct{}, 1)
	}
	if err := d.Submit(t); err != nil {
		return err
	}
	select {
	case <-t.sem:
		return t.Err
	default:
	}
	select {
	case <-t.sem:
	case <-ctx.Done():
		d.Cancel(t)
		<-t.sem
		if t.Err == ECONNRESET || t.Err == ENOENT || errors.Is(t.Err, ECONNRESET) {
			return ctxError(ctx.Err())
		}
	}
	return t.Err
}

func ctxError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ETIMEDOUT
	}
	return err
}

// Request makes a control transfer without hurry: it allocates a Transfer. len(data) is the data
// stage's length. The count is what was moved.
//
// Errors: EPIPE if the device does not know the request; otherwise as Do.
func Request(ctx context.Context, d Device, requestType, request uint8, value, index uint16, data []byte) (int, error) {
	if len(data) > 0xffff {
		return 0, fail("control", "", EINVAL, "%d bytes of data; wLength ends at 65535", len(data))
	}
	t := Transfer{Type: Control, Data: data, Setup: Setup{requestType, request, value, index, uint16(len(data))}}
	err := Do(ctx, d, &t)
	return t.Actual, err
}

// Pipe is a way to one endpoint for one goroutine at a time, without allocations.
type Pipe struct {
	d Device
	t Transfer
}

// NewPipe makes a pipe to the endpoint with this address.
func NewPipe(d Device, endpoint uint8, typ TransferType) *Pipe {
	return &Pipe{d: d, t: Transfer{Endpoint: endpoint, Type: typ}}
}

// Transfer moves data, or reads into it, and returns how many bytes were moved.
//
// Errors: as Do.
func (p *Pipe) Transfer(ctx context.Context, data []byte) (int, error) {
	p.t.Data = data
	err := Do(ctx, p.d, &p.t)
	p.t.Data = nil
	return p.t.Actual, err
}

// Speed is a signalling rate. The numbers are Linux's enum usb_device_speed, which USB/IP carries.
type Speed uint8

// The speeds.
const (
	UnknownSpeed   Speed = iota
	LowSpeed             // 1.5 Mbit/s
	FullSpeed            // 12 Mbit/s
	HighSpeed            // 480 Mbit/s
	WirelessSpeed        // never used
	SuperSpeed           // 5 Gbit/s
	SuperSpeedPlus       // 10 Gbit/s
)

func (s Speed) String() string {
	if int(s) < len(speedNames) {
		return speedNames[s]
	}
	return "unknown"
}

var speedNames = [...]string{"unknown", "low", "full", "high", "wireless", "super", "super-plus"}

// Rate is the speed as sysfs prints it, in Mbit/s: "1.5", "12", "480", "5000".
func (s Speed) Rate() string {
	if int(s) < len(speedRates) {
		return speedRates[s]
	}
	return "unknown"
}

var speedRates = [...]string{"unknown", "1.5", "12", "480", "480", "5000", "10000"}
