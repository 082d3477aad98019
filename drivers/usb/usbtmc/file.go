package usbtmc

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

// Message identifiers [USBTMC] table 2, [USB488] table 2, and attributes of a transfer.
const (
	useTermChar = 2 // table 4
)

// file is one open of an instrument (struct usbtmc_file_data).
type file struct {
	d *instrument

	// ms
	timeout   uint32 // +checklocks:d.io
	eom       uint8  // +checklocks:d.io
	termChar  uint8  // +checklocks:d.io
	useTerm   bool   // +checklocks:d.io
	autoAbort bool   // +checklocks:d.io
	// of the last DEV_DEP_MSG_IN
	attributes uint8 // +checklocks:d.io

	// a service request that nobody has seen to
	srq bool // +checklocks:d.mu
	// the status byte that came with it
	srqByte uint8 // +checklocks:d.mu

	submitted usb.Anchor
	changed   chan struct{} // a transfer has completed

	mu sync.Mutex
	// made; that lie idle
	outs []*usb.URB // +checklocks:mu
	ins  []*usb.URB // +checklocks:mu
	// of them
	outMade int // +checklocks:mu
	// bytes sent, with those that align
	outSize uint32 // +checklocks:mu
	// the first
	outErr error // +checklocks:mu
	// the first
	inErr error // +checklocks:mu
	// submitted or ready
	inUsed int // +checklocks:mu
	// oldest first
	ready []arrival // +checklocks:mu
}

// arrival is a bulk IN transfer that nobody has fetched.
type arrival struct {
	u   *usb.URB
	n   int
	err error
}

func (d *instrument) ops() *kernel.FileOperations {
	of := func(f *kernel.File) *file { return f.Private.(*file) }
	return &kernel.FileOperations{
		Open: func(_ *kernel.Task, f *kernel.File) error {
			d.io.Lock()
			defer d.io.Unlock()
			if err := d.enterLocked(); err != nil {
				return err
			}
			o := &file{d: d, timeout: defaultTimeout, termChar: '\n', eom: 1, changed: make(chan struct{}, 1)}
			d.mu.Lock()
			d.files[o] = struct{}{}
			d.mu.Unlock()
			f.Private = o
			return nil
		},
		Release: func(_ *kernel.Task, f *kernel.File) { of(f).release() },
		Read:    func(_ *kernel.Task, f *kernel.File, p []byte) (int, error) { return of(f).read(p) },
		Write:   func(_ *kernel.Task, f *kernel.File, p []byte) (int, error) { return of(f).write(p) },
		Ioctl: func(t *kernel.Task, f *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
			return of(f).ioctl(t, cmd, arg)
		},
		Poll: func(_ *kernel.Task, f *kernel.File, w *kernel.PollTable) kernel.Events { return of(f).poll(w) },
		Fasync: func(t *kernel.Task, f *kernel.File, _ int, on bool) error {
			d.async.Set(t, f, on)
			return nil
		},
	}
}

// release gives asynchronous transfers a second to end ([usbtmc] usbtmc_flush, usbtmc_release).
func (f *file) release() {
	f.d.io.Lock()
	defer f.d.io.Unlock()
	f.await(time.Second, f.submitted.Empty)
	f.submitted.KillAll()
	f.mu.Lock()
	idle := append(f.outs, f.ins...)
	for _, a := range f.ready {
		idle = append(idle, a.u)
	}
	f.mu.Unlock()
	for _, u := range idle {
		u.Free()
	}
	f.d.mu.Lock()
	delete(f.d.files, f)
	f.d.mu.Unlock()
}

// header begins a bulk OUT message [USBTMC] tables 1, 3 and 4.
//
// +checklocks:f.d.io
func (f *file) header(b []byte, id uint8, size uint32, attributes, term uint8) {
	tag := f.d.takeTag()
	b[0], b[1], b[2], b[3] = id, tag, ^tag, 0
	binary.LittleEndian.PutUint32(b[4:], size)
	b[8], b[9], b[10], b[11] = attributes, term, 0, 0
}

// +checklocks:f.d.io
func (f *file) limit() time.Duration { return time.Duration(f.timeout) * time.Millisecond }

// read asks for an answer of at most len(p) bytes and waits for it ([usbtmc] usbtmc_read). An
// answer whose header is wrong reads as 0 bytes, and a line in the log says why: Linux leaves the
// result at that of the transfer then.
//
// Errors: ETIMEDOUT; ENODEV; those of the transfers.
func (f *file) read(p []byte) (int, error) {
	d := f.d
	d.io.Lock()
	defer d.io.Unlock()
	if err := d.enterLocked(); err != nil {
		return 0, err
	}
	p = p[:min(len(p), math.MaxInt32)]
	var request [uapi.USBTMC_HEADER_SIZE]byte
	attributes := uint8(0)
	if f.useTerm {
		attributes = useTermChar
	}
	f.header(request[:], uapi.USBTMC_MSGID_REQUEST_DEV_DEP_MSG_IN, uint32(len(p)), attributes, f.termChar)
	if _, err := d.bulk(d.out, request[:], f.limit()); err != nil {
		d.iface.Printf(kernel.LevelErr, "send_request_dev_dep_msg_in returned %d", -int(kernel.ErrnoOf(err)))
		if f.autoAbort {
			_ = d.abortOut()
		}
		return 0, err
	}
	b := make([]byte, bufferSize)
	n, err := d.bulk(d.in, b, f.limit())
	d.lastRead = d.tag // the one after the request's, as Linux keeps it
	size, ok := 0, false
	if err == nil {
		size, ok = f.answer(b[:n], len(p))
	}
	if !ok {
		if f.autoAbort {
			_ = d.abortIn()
		}
		return 0, err
	}
	done := copy(p[:size], b[uapi.USBTMC_HEADER_SIZE:n])
	if done+uapi.USBTMC_HEADER_SIZE == bufferSize {
		more, _, err := f.receive(p[done:size], uint32(size-done), FlagIgnoreTrailer)
		if err != nil {
			return 0, err
		}
		done += int(more)
	}
	return done, nil
}

// answer looks at the header of a DEV_DEP_MSG_IN [USBTMC] table 9 and gives the size of the data
// behind it.
//
// +checklocks:f.d.io
func (f *file) answer(b []byte, room int) (size int, ok bool) {
	d := f.d
	switch {
	case len(b) < uapi.USBTMC_HEADER_SIZE:
		d.iface.Printf(kernel.LevelErr, "Device sent too small first packet: %d < %d", len(b), uapi.USBTMC_HEADER_SIZE)
		return 0, false
	case b[0] != uapi.USBTMC_MSGID_DEV_DEP_MSG_IN:
		d.iface.Printf(kernel.LevelErr, "Device sent reply with wrong MsgID: %d != %d", b[0], uapi.USBTMC_MSGID_DEV_DEP_MSG_IN)
		return 0, false
	case b[1] != d.lastWrite:
		d.iface.Printf(kernel.LevelErr, "Device sent reply with wrong bTag: %d != %d", b[1], d.lastWrite)
		return 0, false
	}
	f.attributes = b[8]
	n := binary.LittleEndian.Uint32(b[4:])
	if uint64(n) > uint64(room) {
		d.iface.Printf(kernel.LevelErr, "Device wants to return more data than requested: %d > %d", n, room)
		return 0, false
	}
	return int(n), true
}

// write sends p as one message, with EOM unless that was switched off, in transfers of 4096 bytes
// ([usbtmc] usbtmc_write).
//
// Errors: ETIMEDOUT; ENODEV; EBUSY asynchronous writes have taken all transfers; those of the
// transfers.
func (f *file) write(p []byte) (int, error) {
	d := f.d
	d.io.Lock()
	defer d.io.Unlock()
	if err := d.enterLocked(); err != nil {
		return 0, err
	}
	f.mu.Lock()
	f.outSize, f.outErr = 0, nil
	f.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	u := f.takeOut()
	if u == nil {
		return 0, kernel.EBUSY
	}
	eom := f.eom
	if len(p) > math.MaxInt32 {
		p, eom = p[:math.MaxInt32], 0
	}
	b := u.Data[:bufferSize]
	f.header(b, uapi.USBTMC_MSGID_DEV_DEP_MSG_OUT, uint32(len(p)), eom, 0)
	n := copy(b[uapi.USBTMC_HEADER_SIZE:], p)
	u.Data = align(b, uapi.USBTMC_HEADER_SIZE+n)
	if err := f.submitOut(u); err != nil {
		return 0, err
	}
	if _, err := f.send(p[n:], uint32(len(p)-n), FlagAppend); err != nil {
		d.iface.Printf(kernel.LevelErr, "Unable to send data, error %d", -int(kernel.ErrnoOf(err)))
		if f.autoAbort {
			_ = d.abortOut()
		}
		return 0, err
	}
	return len(p), nil
}

// align cuts b after n bytes and the zeros that make it a multiple of four [USBTMC] 3.2.
func align(b []byte, n int) []byte {
	end := (n + 3) &^ 3
	clear(b[n:end])
	return b[:end]
}

// poll tells of SRQ as PollPri; PollIn is an asynchronous read that has something, PollOut is that
// no transfer is under way. Unlike Linux's it does not wait for the operation of another task.
func (f *file) poll(w *kernel.PollTable) kernel.Events {
	d := f.d
	w.Wait(&d.wait)
	if d.gone.Load() {
		return kernel.PollHup | kernel.PollErr
	}
	var ev kernel.Events
	d.mu.Lock()
	if f.srq {
		ev |= kernel.PollPri
	}
	d.mu.Unlock()
	if f.submitted.Empty() {
		ev |= kernel.PollOut | kernel.PollWrnorm
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ready) > 0 {
		ev |= kernel.PollIn | kernel.PollRdnorm
	}
	if f.inErr != nil || f.outErr != nil {
		ev |= kernel.PollErr
	}
	return ev
}
