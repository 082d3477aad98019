// Package serialend is the UART inside a USB serial function: buffers between a serial line and the
// packets of two bulk endpoints.
//
// Its methods are called by the function, under the device's lock; LineChanged is called by the
// line, under the line's. The second never waits for the first: it only wakes endpoints.
//
//	usb device's lock
//	  └─ serial line's lock
package serialend

import (
	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
)

// End is the chip's end of a line.
type End struct {
	port   *serial.Port
	rxSize int
	txSize int
	inEP   uint8 // woken when characters have arrived
	outEP  uint8 // when there is room
	stEP   uint8 // when the modem lines have changed

	// Guarded by the line's lock.
	link *usb.Link
	rx   []byte
	runs []run
	lost bool
	xoff bool
	rts  bool // the host wants RTS on
	full bool // RTS was taken off for want of room
	wait bool // Send found too little room, and outEP has not been woken since
	mode serial.Mode

	reader *clock.Patience // waits for the host's driver when the buffer fills
}

type run struct {
	at    int
	flags serial.Flags
}

// New makes an end on port with buffers of rx and tx characters. in, out and status are the
// endpoints to wake.
func New(port *serial.Port, rx, tx int, in, out, status uint8) *End {
	return &End{port: port, rxSize: rx, txSize: tx, inEP: in, outEP: out, stEP: status, mode: serial.DefaultMode, reader: port.Clock().NewPatience()}
}

// Attach puts the end on its line.
func (e *End) Attach(l *usb.Link) {
	l.SetClock(e.port.Clock())
	e.port.Lock()
	e.link = l
	e.port.Unlock()
	e.port.Listen(e)
}

// Detach takes it off: the lines go off, and the line sees a chip without power.
func (e *End) Detach() {
	e.port.Lock()
	e.link = nil
	e.port.SetBreakLocked(false)
	e.port.SetSignalsLocked(serial.DTEOutputs, 0)
	e.rx, e.runs = nil, nil
	e.reader.Forget()
	e.port.WakeAtLocked(-1)
	e.port.Unlock()
}

// LineChanged implements [serial.Listener].
func (e *End) LineChanged(c serial.Change) {
	if e.link == nil {
		return
	}
	wake := e.link.Wake
	if c&serial.Timer != 0 {
		wake = e.link.WakeHeld
	}
	if c&serial.Inputs != 0 {
		wake(e.stEP)
	}
	e.settle()
	if len(e.rx) > 0 {
		wake(e.inEP)
	}
	if c&(serial.Space|serial.Inputs|serial.Timer) != 0 {
		wake(e.outEP)
	}
	e.schedule()
}

// SettleLocked implements [serial.Settler].
func (e *End) SettleLocked(serial.Time) { e.settle() }

// settle takes in what has arrived. On a line that keeps time what does not fit is overrun; on the
// other it stays on the wire.
func (e *End) settle() {
	var buf [256]byte
	now := e.port.NowLocked()
	for {
		room := e.rxSize - len(e.rx)
		if room <= 0 && e.port.Speed() == serial.Max {
			break
		}
		n, f := e.port.TakeLocked(now, buf[:min(len(buf), max(room, 1))])
		if n == 0 {
			break
		}
		if room <= 0 {
			e.lost = true
			e.port.LostLocked(n)
			continue
		}
		p := buf[:n]
		if f == 0 && e.mode.Flow&serial.FlowXONXOFF != 0 {
			p = e.strip(p)
		}
		if e.lost && len(p) > 0 {
			e.lost = false
			e.runs = append(e.runs, run{len(e.rx), f | serial.Overrun})
		} else if f != 0 {
			e.runs = append(e.runs, run{len(e.rx), f})
		}
		e.rx = append(e.rx, p...)
	}
	e.throttle()
	if e.port.Speed() == serial.Paced && len(e.rx) > e.rxSize*3/4 {
		e.reader.Wait()
	}
}

// strip obeys XON and XOFF and takes them out.
func (e *End) strip(p []byte) []byte {
	n := 0
	for _, c := range p {
		if c == 0x11 || c == 0x13 {
			e.xoff = c == 0x13
			if !e.xoff {
				e.link.Wake(e.outEP)
			}
			continue
		}
		p[n] = c
		n++
	}
	return p[:n]
}

// throttle holds the other end off with RTS when the buffer is three quarters full, until it is a
// quarter full.
func (e *End) throttle() {
	if e.mode.Flow&serial.FlowRTSCTS == 0 {
		return
	}
	was := e.full
	switch n := len(e.rx); {
	case n > e.rxSize*3/4:
		e.full = true
	case n <= e.rxSize/4:
		e.full = false
	}
	if e.full != was {
		e.driveRTS()
	}
}

func (e *End) driveRTS() {
	v := serial.Signals(0)
	if e.rts && !e.full {
		v = serial.RTS
	}
	e.port.SetSignalsLocked(serial.RTS, v)
}

// microframe is how often a high-speed bus is free for a chip [USB2] 4.4.
const microframe = serial.Time(125_000)

// schedule asks for a call when the next character arrives or leaves. Who waits for room that is
// there already, because time has passed, is woken now.
func (e *End) schedule() {
	if e.port.Speed() == serial.Max {
		return
	}
	now := e.port.NowLocked()
	at := serial.Time(-1)
	if due, ok := e.port.ArrivalLocked(1); ok {
		// nobody asks the chip more often, nor lets it come to half a buffer
		if next := (now/microframe + 1) * microframe; due < next {
			half, _ := e.port.ArrivalLocked(max(1, (e.rxSize-len(e.rx))/2))
			due = max(due, min(half, next))
		}
		if due <= now {
			due = now + serial.Time(e.mode.CharTime(1)) // a frame not decoded to its end
		}
		at = due
	}
	if n := e.port.UnstartedLocked(now); n > e.txSize/2 {
		if t := e.port.StartLocked(now, n-e.txSize/2); at < 0 || t < at {
			at = max(t, now+1)
		}
	} else if e.wait {
		e.wait = false
		e.link.Wake(e.outEP)
	}
	e.port.WakeAtLocked(at)
}

// Buffered is how many characters have arrived and how many of the first of them are alike: without
// errors, or one with.
func (e *End) Buffered() (all, alike int) {
	e.port.Lock()
	defer e.port.Unlock()
	e.settle()
	return len(e.rx), e.alike()
}

func (e *End) alike() int {
	switch {
	case len(e.runs) == 0:
		return len(e.rx)
	case e.runs[0].at == 0:
		return 1
	}
	return e.runs[0].at
}

// Take moves characters into p: a run without errors, or one with.
func (e *End) Take(p []byte) (int, serial.Flags) {
	e.port.Lock()
	defer e.port.Unlock()
	n := min(len(p), e.alike())
	if n == 0 {
		return 0, 0
	}
	var f serial.Flags
	if len(e.runs) > 0 && e.runs[0].at == 0 {
		f = e.runs[0].flags
		e.runs = e.runs[:copy(e.runs, e.runs[1:])]
	}
	copy(p, e.rx[:n])
	e.rx = e.rx[:copy(e.rx, e.rx[n:])]
	for i := range e.runs {
		e.runs[i].at -= n
	}
	e.settle()
	if e.port.Speed() == serial.Paced {
		e.reader.Seen()
		if len(e.rx) <= e.rxSize/2 {
			e.reader.Done()
		}
	}
	e.schedule()
	return n, f
}

// Send puts p on the line as far as the buffer has room and flow control allows.
func (e *End) Send(p []byte) int {
	e.port.Lock()
	defer e.port.Unlock()
	if e.mode.Flow&serial.FlowRTSCTS != 0 && e.port.SignalsLocked()&serial.CTS == 0 || e.mode.Flow&serial.FlowXONXOFF != 0 && e.xoff {
		return 0
	}
	n := len(p)
	if e.port.Speed() != serial.Max {
		n = min(n, e.txSize-e.port.UnstartedLocked(e.port.NowLocked()))
	}
	if n > 0 {
		n = e.port.SendLocked(p[:n])
	}
	e.wait = n < len(p)
	e.schedule()
	return max(n, 0)
}

// Idle reports whether everything has left.
func (e *End) Idle() bool {
	e.port.Lock()
	defer e.port.Unlock()
	return e.port.Speed() == serial.Max || e.port.FreeLocked() <= e.port.NowLocked()
}

// Mode is the line's mode at this end.
func (e *End) Mode() serial.Mode { e.port.Lock(); defer e.port.Unlock(); return e.mode }

// SetMode sets it.
//
// Errors: EPIPE (a stall) if the line cannot run so.
func (e *End) SetMode(m serial.Mode) error {
	if m.Validate() != nil {
		return usb.Stall
	}
	e.port.Lock()
	e.mode = m
	e.port.SetModeLocked(m)
	if m.Flow&serial.FlowRTSCTS == 0 && e.full {
		e.full = false
		e.driveRTS()
	}
	e.port.Unlock()
	return nil
}

// SetSignals drives DTR and RTS.
func (e *End) SetSignals(mask, value serial.Signals) {
	e.port.Lock()
	e.port.SetSignalsLocked(mask&serial.DTR, value)
	if mask&serial.RTS != 0 {
		e.rts = value&serial.RTS != 0
		e.driveRTS()
	}
	e.port.Unlock()
}

// Signals are the inputs.
func (e *End) Signals() serial.Signals {
	e.port.Lock()
	defer e.port.Unlock()
	return e.port.SignalsLocked()
}

// SetBreak holds the wire in break.
func (e *End) SetBreak(on bool) { e.port.Lock(); e.port.SetBreakLocked(on); e.port.Unlock() }

// Purge forgets what has arrived, or what has not left.
func (e *End) Purge(rx, tx bool) {
	e.port.Lock()
	if rx {
		e.settle()
		e.rx, e.runs, e.lost = e.rx[:0], e.runs[:0], false
		e.reader.Forget()
		e.throttle()
	}
	if tx {
		e.port.RecallLocked(nil)
	}
	e.port.Unlock()
}

// Clock is the line's.
func (e *End) Clock() *clock.Clock { return e.port.Clock() }
