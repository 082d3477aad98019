package host

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// watcher is a Conn that says when its modem lines change; others are asked every pollLines.
type watcher interface {
	WaitChange(ctx context.Context) (serial.Change, error)
}

const pollLines = 20 * time.Millisecond

// Serve2217 gives conn to one network client after another, with all of [RFC2217]. A second client
// is turned away while the first is there; one that comes while it leaves has its turn. It returns
// when ctx ends or conn fails, with every connection closed; conn stays open.
//
// Errors: ctx's; conn's; the listener's.
func Serve2217(ctx context.Context, l net.Listener, conn serial.Conn, signature string) error {
	return serve(ctx, l, func(ctx context.Context, c net.Conn, left func()) error {
		s := &session2217{c: c, conn: conn, signature: signature, modemMask: defaultModemMask, mode: serial.DefaultMode}
		if p, ok := conn.(interface{ Mode() serial.Mode }); ok {
			s.mode = p.Mode()
		}
		return s.run(ctx, left)
	})
}

// lastWord is how long a client may find the port in use by one that has closed its connection
// already, which nobody has noticed yet.
const lastWord = 250 * time.Millisecond

// serve runs one session at a time. A session calls left when its client has gone, before it does
// what is to be done about it. A session's own error ends only the session, unless it is errDevice.
func serve(ctx context.Context, l net.Listener, session func(ctx context.Context, c net.Conn, left func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	busy := make(chan struct{}, 1)
	var gone atomic.Pointer[chan struct{}] // closed when the present client has left
	run := func(c net.Conn) {
		defer func() { <-busy }()
		ch := make(chan struct{})
		gone.Store(&ch)
		left := sync.OnceFunc(func() { close(ch) })
		defer left()
		var dev errDevice
		if err := session(ctx, c, left); errors.As(err, &dev) {
			cancel(dev.error)
		}
	}
	for {
		c, err := l.Accept()
		if err != nil {
			if e := context.Cause(ctx); e != nil {
				return e
			}
			cancel(err)
			return err
		}
		wg.Go(func() {
			patience := time.NewTimer(lastWord)
			defer patience.Stop()
			var leaving <-chan struct{}
			if ch := gone.Load(); ch != nil {
				leaving = *ch
			}
			over := patience.C
			for {
				select {
				case busy <- struct{}{}:
					run(c)
					return
				case <-leaving:
					leaving, over = nil, nil // its turn comes
				case <-over:
					c.Close() // in use
					return
				case <-ctx.Done():
					c.Close()
					return
				}
			}
		})
	}
}

// afterFunc is context.AfterFunc with a stop that waits for f, where that has begun: f sets
// deadlines that the next user of an end must not meet. stop reports whether f has been called.
func afterFunc(ctx context.Context, f func()) (stop func() bool) {
	done := make(chan struct{})
	end := context.AfterFunc(ctx, func() { defer close(done); f() })
	return func() bool {
		if end() {
			return false
		}
		<-done
		return true
	}
}

// errDevice is a failure of the served end, as opposed to a client's.
type errDevice struct{ error }

// session2217 is one client.
type session2217 struct {
	c         net.Conn
	conn      serial.Conn
	signature string
	tn        telnet
	opts      options

	wmu     sync.Mutex // one sub-negotiation at a time
	mu      sync.Mutex // guards the rest
	mode    serial.Mode
	brk     bool
	lines   serial.Signals // last told to the client
	out     serial.Signals
	comPort bool // the client speaks RFC 2217

	lineMask, modemMask byte
	resume              *sync.Cond // suspended
	suspended, ended    bool
	toPort              []byte // received, not yet written to conn
	portRoom            *sync.Cond
}

const toPortMax = 64 << 10

func (s *session2217) run(ctx context.Context, left func()) error {
	s.resume, s.portRoom = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	s.opts.may = func(opt byte) bool { return common(opt) || opt == optEcho }
	server := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := func() {
		s.c.Close()
		s.conn.SetReadDeadline(time.Now())
		s.mu.Lock()
		s.ended = true
		s.resume.Broadcast()
		s.portRoom.Broadcast()
		s.mu.Unlock()
	}
	settled := afterFunc(ctx, end)
	s.conn.SetReadDeadline(time.Time{})
	s.writeDeadline(time.Time{})
	s.setLines(serial.DTEOutputs, serial.DTEOutputs)
	for _, o := range []byte{optBinary, optSGA, optEcho} {
		s.send(s.opts.offer(tnWILL, o))
	}
	s.send(s.opts.offer(tnDO, optBinary))
	s.send(s.opts.offer(tnDO, optComPort))
	var wg sync.WaitGroup
	var devErr error
	var once sync.Once
	fail := func(err error) {
		if err != nil {
			once.Do(func() { devErr = err })
		}
		cancel()
	}
	wg.Go(func() { fail(s.fromPort()) })
	wg.Go(func() { fail(s.writePort()) })
	wg.Go(func() { s.watch(ctx) })
	buf := make([]byte, 16<<10)
	for {
		n, err := s.c.Read(buf)
		s.tn.parse(buf[:n], s)
		if err != nil {
			break
		}
	}
	left()
	cancel()
	end()
	s.stopWrite()
	wg.Wait()
	settled()
	// what a client has written may leave before DTR falls; a server that ends waits for no line
	if server.Err() == nil {
		s.writeDeadline(time.Time{})
	}
	if s.brk {
		if b, ok := s.conn.(serial.Breaker); ok {
			b.SetBreak(false)
		}
	}
	s.setLines(serial.DTEOutputs, 0)
	s.conn.SetReadDeadline(time.Time{})
	s.writeDeadline(time.Time{})
	if devErr != nil && !errors.Is(devErr, os.ErrDeadlineExceeded) {
		return errDevice{devErr}
	}
	return nil
}

// stopWrite ends a write that waits for the line's flow control, where the end can.
func (s *session2217) stopWrite() {
	if s.writeDeadline(time.Now()) {
		return
	}
	if p, ok := s.conn.(serial.Purger); ok {
		p.Purge(false, true)
	}
}

// writeDeadline sets conn's, if it has one, and reports that.
func (s *session2217) writeDeadline(t time.Time) bool {
	d, ok := s.conn.(interface{ SetWriteDeadline(time.Time) error })
	if ok {
		d.SetWriteDeadline(t)
	}
	return ok
}

func (s *session2217) send(b []byte) {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	s.c.Write(b) // a failure ends the reading side too
}

func (s *session2217) reply(cmd byte, arg ...byte) { s.send(subnegotiation(cmd+cpFromServer, arg)) }

// fromPort carries what the line sends.
func (s *session2217) fromPort() error {
	buf := make([]byte, 16<<10)
	out := make([]byte, 0, 32<<10)
	rx, _ := s.conn.(serial.Receiver)
	for {
		var n int
		var f serial.Flags
		var err error
		if rx != nil {
			n, f, err = rx.Receive(buf)
		} else {
			n, err = s.conn.Read(buf)
		}
		if err != nil {
			return err
		}
		out = out[:0]
		s.mu.Lock()
		for s.suspended && !s.ended {
			s.resume.Wait()
		}
		if s.ended {
			s.mu.Unlock()
			return nil
		}
		if st := lineState(f) & s.lineMask; st != 0 && s.comPort {
			out = append(out, subnegotiation(cpNotifyLine+cpFromServer, []byte{st | lineDR})...)
		}
		s.mu.Unlock()
		if f&serial.Break == 0 {
			out = escape(out, buf[:n])
		}
		s.send(out)
	}
}

// writePort hands to the line what the client has sent.
func (s *session2217) writePort() error {
	var buf []byte
	for {
		s.mu.Lock()
		for len(s.toPort) == 0 && !s.ended {
			s.portRoom.Wait()
		}
		if len(s.toPort) == 0 {
			s.mu.Unlock()
			return nil
		}
		buf, s.toPort = s.toPort, buf[:0]
		s.portRoom.Broadcast()
		s.mu.Unlock()
		if _, err := s.conn.Write(buf); err != nil {
			return err
		}
	}
}

// watch tells the client of modem lines.
func (s *session2217) watch(ctx context.Context) {
	w, _ := s.conn.(watcher)
	for ctx.Err() == nil {
		s.tellLines(false)
		if w != nil {
			if _, err := w.WaitChange(ctx); err != nil {
				return
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollLines):
		}
	}
}

func (s *session2217) tellLines(always bool) {
	m, ok := s.conn.(serial.ModemLines)
	if !ok {
		return
	}
	is, err := m.Signals()
	if err != nil {
		return
	}
	s.mu.Lock()
	was := s.lines
	v := modemState(was, is)
	tell := s.comPort && (always || v&0x0f&s.modemMask != 0 || (was^is)&serial.RI != 0 && s.modemMask&0x40 != 0)
	if s.comPort {
		s.lines = is
	}
	mask := s.modemMask
	s.mu.Unlock()
	if tell {
		s.reply(cpNotifyModem, v&mask)
	}
}

func (s *session2217) setLines(mask, value serial.Signals) {
	if m, ok := s.conn.(serial.ModemLines); ok && m.SetSignals(mask, value) == nil {
		s.out = s.out&^mask | value&mask
	}
}

func (s *session2217) data(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 && !s.ended {
		room := toPortMax - len(s.toPort)
		if room == 0 {
			s.portRoom.Wait()
			continue
		}
		n := min(room, len(p))
		s.toPort = append(s.toPort, p[:n]...)
		p = p[n:]
		s.portRoom.Broadcast()
	}
}

func (s *session2217) option(verb, opt byte) {
	if b := s.opts.answer(verb, opt); b != nil {
		s.send(b)
	}
	s.tn.binary = s.opts.them[optBinary]
	if opt == optComPort && !s.comPort && (s.opts.them[optComPort] || s.opts.us[optComPort]) {
		s.mu.Lock()
		s.comPort = true
		s.mu.Unlock()
		s.tellLines(true)
	}
}

func (s *session2217) command(c byte) {
	switch c {
	case tnBRK:
		if b, ok := s.conn.(serial.Breaker); ok {
			b.SetBreak(true)
			time.Sleep(max(250*time.Millisecond, 2*s.mode.CharTime(1)))
			b.SetBreak(false)
		}
	case tnAYT:
		s.send([]byte("\r\n[yes]\r\n"))
	}
}

func (s *session2217) sub(opt byte, arg []byte) {
	if opt != optComPort || len(arg) == 0 {
		return
	}
	cmd, arg := arg[0], arg[1:]
	switch cmd {
	case cpSignature:
		if len(arg) == 0 { // a request; a client's own signature needs no answer
			s.reply(cmd, []byte(s.signature)...)
		}
		return
	case cpSuspend, cpResume:
		s.mu.Lock()
		s.suspended = cmd == cpSuspend
		s.resume.Broadcast()
		s.mu.Unlock()
		return
	}
	if len(arg) == 0 || cmd == cpSetBaud && len(arg) < 4 {
		return // no value, nothing to do
	}
	switch v := arg[0]; cmd {
	case cpSetBaud:
		m := s.mode
		if b := binary.BigEndian.Uint32(arg); b != 0 {
			m.Baud = serial.Baud(b)
			s.setMode(m)
		}
		s.reply(cmd, binary.BigEndian.AppendUint32(nil, uint32(s.mode.Baud))...)
	case cpSetDataSize:
		m := s.mode
		if m.Data = v; v != 0 {
			s.setMode(m)
		}
		s.reply(cmd, s.mode.Data)
	case cpSetParity:
		m := s.mode
		if m.Parity = serial.Parity(v - 1); v != 0 {
			s.setMode(m)
		}
		s.reply(cmd, byte(s.mode.Parity)+1)
	case cpSetStopSize:
		m := s.mode
		if st, ok := stopOf(v); ok {
			m.Stop = st
			s.setMode(m)
		}
		s.reply(cmd, stopValue(s.mode.Stop))
	case cpSetControl:
		s.reply(cmd, s.control(v))
	case cpSetLineMask:
		s.mu.Lock()
		s.lineMask = v
		s.mu.Unlock()
		s.reply(cmd, v)
	case cpSetModemMask:
		s.mu.Lock()
		s.modemMask = v
		s.mu.Unlock()
		s.reply(cmd, v)
	case cpPurge:
		s.purge(v)
		s.reply(cmd, v)
	}
}

// setMode sets the line's mode; where the line refuses, the answer shows what it still is.
func (s *session2217) setMode(m serial.Mode) {
	if m.Validate() == nil && s.conn.SetMode(m) == nil {
		s.mode = m
	}
}

func (s *session2217) purge(v byte) {
	if v < 1 || v > 3 {
		return
	}
	if v&2 != 0 {
		s.mu.Lock()
		s.toPort = s.toPort[:0]
		s.portRoom.Broadcast()
		s.mu.Unlock()
	}
	if p, ok := s.conn.(serial.Purger); ok {
		p.Purge(v&1 != 0, v&2 != 0)
	}
}

// control does SET-CONTROL and gives the value to answer with: what is so afterwards.
func (s *session2217) control(v byte) byte {
	flow := func(f serial.Flow) byte {
		m := s.mode
		m.Flow = f
		s.setMode(m)
		return flowValue(s.mode.Flow)
	}
	switch v {
	case ctlFlowNone:
		return flow(serial.FlowNone)
	case ctlFlowXON:
		return flow(serial.FlowXONXOFF)
	case ctlFlowRTS:
		return flow(serial.FlowRTSCTS)
	case ctlFlowQuery, ctlFlowDCD, ctlFlowDSR:
		return flowValue(s.mode.Flow)
	case ctlInQuery, ctlInNone, ctlInXON, ctlInRTS, ctlInDTR: // the same both ways here
		return flowValue(s.mode.Flow) + ctlInNone - ctlFlowNone
	case ctlBrkOn, ctlBrkOff:
		if b, ok := s.conn.(serial.Breaker); ok && b.SetBreak(v == ctlBrkOn) == nil {
			s.brk = v == ctlBrkOn
		}
		fallthrough
	case ctlBrkQuery:
		return onOff(s.brk, ctlBrkOn, ctlBrkOff)
	case ctlDTROn, ctlDTROff:
		s.setLines(serial.DTR, lineIf(v == ctlDTROn))
		fallthrough
	case ctlDTRQuery:
		return onOff(s.out&serial.DTR != 0, ctlDTROn, ctlDTROff)
	case ctlRTSOn, ctlRTSOff:
		s.setLines(serial.RTS, lineIf(v == ctlRTSOn))
		fallthrough
	case ctlRTSQuery:
		return onOff(s.out&serial.RTS != 0, ctlRTSOn, ctlRTSOff)
	}
	return v
}

func lineIf(on bool) serial.Signals {
	if on {
		return serial.AllSignals
	}
	return 0
}

func onOff(on bool, yes, no byte) byte {
	if on {
		return yes
	}
	return no
}
