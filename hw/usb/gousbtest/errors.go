package gousbtest

import (
	"fmt"

	"github.com/kobench/kobench/hw/usb"
)

// Error is libusb's code for what a call could not do: opening, claiming, a control transfer, or
// the submission of another one.
type Error int

// The codes [libusb] enum libusb_error.
const (
	Success           Error = 0
	ErrorIO           Error = -1
	ErrorInvalidParam Error = -2
	ErrorAccess       Error = -3
	ErrorNoDevice     Error = -4
	ErrorNotFound     Error = -5
	ErrorBusy         Error = -6
	ErrorTimeout      Error = -7
	ErrorOverflow     Error = -8
	ErrorPipe         Error = -9
	ErrorInterrupted  Error = -10
	ErrorNoMem        Error = -11
	ErrorNotSupported Error = -12
	ErrorOther        Error = -99
)

func (e Error) Error() string { return fmt.Sprintf("libusb: %s [code %d]", e.text(), int(e)) }

func (e Error) text() string {
	switch e {
	case Success:
		return "success"
	case ErrorIO:
		return "i/o error"
	case ErrorInvalidParam:
		return "invalid param"
	case ErrorAccess:
		return "bad access"
	case ErrorNoDevice:
		return "no device"
	case ErrorNotFound:
		return "not found"
	case ErrorBusy:
		return "device or resource busy"
	case ErrorTimeout:
		return "timeout"
	case ErrorOverflow:
		return "overflow"
	case ErrorPipe:
		return "pipe error"
	case ErrorInterrupted:
		return "interrupted"
	case ErrorNoMem:
		return "out of memory"
	case ErrorNotSupported:
		return "not supported"
	case ErrorOther:
		return "unknown error"
	}
	return ""
}

// TransferStatus is how a submitted bulk, interrupt or isochronous transfer ended.
type TransferStatus uint8

// The statuses [libusb] enum libusb_transfer_status.
const (
	TransferCompleted TransferStatus = iota
	TransferError
	TransferTimedOut
	TransferCancelled
	TransferStall
	TransferNoDevice
	TransferOverflow
)

func (s TransferStatus) String() string {
	switch s {
	case TransferCompleted:
		return "transfer completed without error"
	case TransferError:
		return "transfer failed"
	case TransferTimedOut:
		return "transfer timed out"
	case TransferCancelled:
		return "transfer was cancelled"
	case TransferStall:
		return "halt condition detected (endpoint stalled) or control request not supported"
	case TransferNoDevice:
		return "device was disconnected"
	case TransferOverflow:
		return "device sent more data than requested"
	}
	return ""
}

func (s TransferStatus) Error() string { return s.String() }

// statusOf is what libusb makes of an URB's status [libusb] os/linux_usbfs.c
// handle_bulk_completion.
func statusOf(err error) TransferStatus {
	switch usb.ErrnoOf(err) {
	case 0, usb.EREMOTEIO:
		return TransferCompleted
	case usb.ENODEV, usb.ESHUTDOWN:
		return TransferNoDevice
	case usb.EPIPE:
		return TransferStall
	case usb.EOVERFLOW:
		return TransferOverflow
	case usb.ENOENT, usb.ECONNRESET:
		return TransferCancelled
	}
	return TransferError
}

// submitError is what libusb makes of a submission that the host refuses [libusb] os/linux_usbfs.c
// submit_bulk_transfer.
func submitError(err error) error {
	switch usb.ErrnoOf(err) {
	case 0:
		return nil
	case usb.ENODEV, usb.ESHUTDOWN:
		return ErrorNoDevice
	case usb.EOPNOTSUPP:
		return ErrorNotSupported
	case usb.EINVAL:
		return ErrorInvalidParam
	}
	return ErrorIO
}

// controlError is what libusb_control_transfer returns [libusb] sync.c.
func controlError(err error) Error {
	switch usb.ErrnoOf(err) {
	case 0, usb.EREMOTEIO:
		return Success
	case usb.ENODEV, usb.ESHUTDOWN:
		return ErrorNoDevice
	case usb.EPIPE:
		return ErrorPipe
	case usb.EOVERFLOW:
		return ErrorOverflow
	case usb.ETIMEDOUT:
		return ErrorTimeout
	}
	return ErrorIO
}
