// Package pcap records a bus as Linux's usbmon does, in a pcapng file that Wireshark dissects, and
// replays a recorded device.
//
//	rec, err := pcap.NewRecorder(file)
//	stop := bus.Tap(rec)
//	…
//	stop(); err = rec.Close()
//
// References:
//
//	[usbmon] Linux Documentation/usb/usbmon.rst, struct usbmon_packet; drivers/usb/mon/mon_bin.c
//	[pcap]   link type 220, LINKTYPE_USB_LINUX_MMAPPED: the 64-byte header
package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/kobench/kobench/hw/usb"
)

const (
	headerSize  = 64
	isoSize     = 16
	inProgress  = -115 // status of a submission
	maxCaptured = 256 << 10
)

// Recorder is a [usb.Tap].
type Recorder struct {
	mu   sync.Mutex
	w    *pcapgo.NgWriter
	ids  map[*usb.Transfer]uint64
	last uint64
	buf  []byte
	err  error

	limit, written int64
	failed         func(error) // or nil
}

// Full says that a recording has reached its limit: what came afterwards is not in it.
type Full struct{ Limit int64 }

func (f *Full) Error() string {
	return fmt.Sprintf("the recording has reached its limit of %d MiB; what came afterwards is not in it", f.Limit>>20)
}

// SetLimit ends the recording with *[Full] when its packets have more bytes; 0 is no limit. failed,
// if not nil, is told at once of that and of any other error, the first, which ends the recording
// too. It must not use the bus.
func (r *Recorder) SetLimit(bytes int64, failed func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit, r.failed = bytes, failed
}

// NewRecorder writes to w, which the caller closes after Close.
//
// Errors: w's.
func NewRecorder(w io.Writer) (*Recorder, error) {
	ng, err := pcapgo.NewNgWriter(w, layers.LinkTypeLinuxUSB)
	if err != nil {
		return nil, err
	}
	return &Recorder{w: ng, ids: map[*usb.Transfer]uint64{}}, nil
}

// Close writes what is buffered.
//
// Errors: the first that happened while recording.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = r.w.Flush()
	}
	return r.err
}

// Submitted implements [usb.Tap].
func (r *Recorder) Submitted(s *usb.Slot, t *usb.Transfer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.ids[t] = r.last
	r.write('S', s, t, r.last)
}

// Completed implements [usb.Tap].
func (r *Recorder) Completed(s *usb.Slot, t *usb.Transfer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, ok := r.ids[t]
	if !ok { // submitted before the recording began
		r.last++
		id = r.last
	}
	delete(r.ids, t)
	r.write('C', s, t, id)
}

// transferTypes are usbmon's numbers.
var transferTypes = [...]byte{usb.Control: 2, usb.Isochronous: 0, usb.Bulk: 3, usb.Interrupt: 1}

func (r *Recorder) write(event byte, s *usb.Slot, t *usb.Transfer, id uint64) {
	if r.err != nil {
		return
	}
	le := binary.LittleEndian
	now := time.Now()
	in := t.In()
	status, length := int32(inProgress), len(t.Data)
	if event == 'C' {
		status, length = -int32(usb.ErrnoOf(t.Err)), t.Actual
	}
	var data []byte
	if in == (event == 'C') {
		data = t.Data[:min(length, len(t.Data), maxCaptured)]
		if t.Type == usb.Isochronous { // the packets lie apart
			data = t.Data[:min(len(t.Data), maxCaptured)]
		}
	}
	ep := t.Endpoint & 0x0f
	if t.Type == usb.Control {
		ep = 0
	}
	if in {
		ep |= usb.DirIn
	}
	flagSetup, flagData := byte('-'), byte(0)
	if t.Type == usb.Control && event == 'S' {
		flagSetup = 0
	}
	if len(data) == 0 {
		flagData = '>'
		if in {
			flagData = '<'
		}
	}
	b := le.AppendUint64(r.buf[:0], id)
	b = append(b, event, transferTypes[t.Type&3], ep, byte(s.Address()))
	b = le.AppendUint16(b, uint16(s.Bus().Number()))
	b = append(b, flagSetup, flagData)
	b = le.AppendUint64(b, uint64(now.Unix()))
	b = le.AppendUint32(b, uint32(now.Nanosecond()/1000))
	b = le.AppendUint32(b, uint32(status))
	b = le.AppendUint32(b, uint32(length))
	b = le.AppendUint32(b, uint32(len(data)+isoSize*len(t.Packets)))
	switch {
	case flagSetup == 0:
		b = t.Setup.Append(b)
	case t.Type == usb.Isochronous:
		b = le.AppendUint32(b, uint32(t.ErrorCount))
		b = le.AppendUint32(b, uint32(len(t.Packets)))
	default:
		b = append(b, make([]byte, 8)...)
	}
	b = le.AppendUint32(b, uint32(t.Interval))
	b = le.AppendUint32(b, uint32(t.StartFrame))
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, uint32(len(t.Packets)))
	for _, p := range t.Packets {
		st, n := int32(-18), p.Length // not yet: -EXDEV, as mon_bin shows it
		if event == 'C' {
			st, n = -int32(usb.ErrnoOf(p.Err)), p.Actual
		}
		b = le.AppendUint32(b, uint32(st))
		b = le.AppendUint32(b, uint32(p.Offset))
		b = le.AppendUint32(b, uint32(n))
		b = le.AppendUint32(b, 0)
	}
	b = append(b, data...)
	r.buf = b
	r.err = r.w.WritePacket(gopacket.CaptureInfo{Timestamp: now, CaptureLength: len(b), Length: len(b)}, b)
	if r.written += packetOverhead + int64(len(b)); r.err == nil && r.limit > 0 && r.written > r.limit {
		r.err = errors.Join(&Full{r.limit}, r.w.Flush())
	}
	if r.err != nil && r.failed != nil {
		r.failed(r.err)
	}
}

// packetOverhead is what the file format puts around a packet.
const packetOverhead = 32
