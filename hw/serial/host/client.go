package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Client2217 is a port on another machine, reached by RFC 2217.
type Client2217 struct {
	name string
	c    net.Conn
	tn   telnet
	opts options
	ack  time.Duration

	wmu  sync.Mutex
	ctl  sync.Mutex // one request and its answer at a time
	flow sync.Mutex // held while SUSPEND or RESUME is decided and sent

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change below
	rx      []byte
	marks   []mark
	total   int // characters taken from rx before its first
	next    serial.Flags
	due     time.Time
	closed  bool
	failed  error
	answers map[byte][]byte
	in, out serial.Signals
	told    bool // a modem state has come
	agreed  bool // the server speaks RFC 2217
	refused bool
	paused  bool // we said SUSPEND
	reader  chan struct{}
}

type mark struct {
	at int // counted from the start
	f  serial.Flags
}

const clientBuffer = 64 << 10

// Dial2217 connects to an RFC 2217 server at a TCP address and sets mode m there. ctx limits
// connecting and agreeing; the server's answers to later requests are awaited for 5 s.
//
// Errors: the network's; EOPNOTSUPP when the server does not speak RFC 2217 or refuses m.
func Dial2217(ctx context.Context, addr string, m serial.Mode) (*Client2217, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serial: rfc2217: %w", err)
	}
	cl := &Client2217{name: "rfc2217://" + addr, c: c, ack: 5 * time.Second, answers: map[byte][]byte{}, changed: make(chan struct{}), reader: make(chan struct{})}
	cl.opts.may = func(opt byte) bool { return common(opt) || opt == optEcho }
	for _, o := range [][2]byte{{tnWILL, optBinary}, {tnDO, optBinary}, {tnWILL, optSGA}, {tnDO, optSGA}, {tnWILL, optComPort}} {
		cl.send(cl.opts.offer(o[0], o[1]))
	}
	go cl.receive()
	err = cl.wait(ctx, func() bool { return cl.agreed || cl.refused })
	if err == nil && !cl.agreed {
		err = serial.Unsupported("open", cl.name, "the server does not offer COM-PORT-OPTION; a raw TCP port needs tcp:// instead", nil)
	}
	if err == nil {
		_, err = cl.request(cpSetModemMask, defaultModemMask)
	}
	if err == nil {
		_, err = cl.request(cpSetLineMask, lineOverrun|lineParity|lineFraming|lineBreak)
	}
	if err == nil {
		err = cl.SetMode(m)
	}
	if err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

func (c *Client2217) send(b []byte) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	_, err := c.c.Write(b)
	return err
}

// announce wakes everybody who waits. c.mu is held.
func (c *Client2217) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait waits until ok, which is called with c.mu held.
func (c *Client2217) wait(ctx context.Context, ok func() bool) error {
	for {
		c.mu.Lock()
		done, closed, failed, ch := ok(), c.closed, c.failed, c.changed
		c.mu.Unlock()
		switch {
		case done:
			return nil
		case closed:
			return os.ErrClosed
		case failed != nil:
			return failed
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return fmt.Errorf("serial: %s: no answer: %w", c.name, ctx.Err())
		}
	}
}

// receive runs until the connection ends.
func (c *Client2217) receive() {
	defer close(c.reader)
	buf := make([]byte, 16<<10)
	for {
		n, err := c.c.Read(buf)
		c.tn.parse(buf[:n], c)
		c.mu.Lock()
		if n > 0 {
			c.announce()
		}
		if err != nil {
			c.failed = &serial.Error{Op: "read", Port: c.name, Reason: "the server closed the connection", Errno: syscall.ENODEV, Err: err}
			c.announce()
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
		c.steer()
	}
}

// steer asks the server to pause while much is unread, and to go on when little is. What is asked
// for is decided and sent in one: of two who do it at the same time the later would otherwise be
// the first at the server, which would then pause for ever.
func (c *Client2217) steer() {
	c.flow.Lock()
	defer c.flow.Unlock()
	c.mu.Lock()
	was := c.paused
	switch {
	case len(c.rx) > clientBuffer*3/4:
		c.paused = true
	case len(c.rx) < clientBuffer/4:
		c.paused = false
	}
	is := c.paused
	c.mu.Unlock()
	switch {
	case is && !was:
		c.send(subnegotiation(cpSuspend, nil))
	case was && !is:
		c.send(subnegotiation(cpResume, nil))
	}
}

func (c *Client2217) data(p []byte) {
	c.mu.Lock()
	if c.next != 0 {
		c.marks = append(c.marks, mark{c.total + len(c.rx), c.next})
		c.next = 0
	}
	c.rx = append(c.rx, p...)
	c.mu.Unlock()
}

func (c *Client2217) option(verb, opt byte) {
	if b := c.opts.answer(verb, opt); b != nil {
		c.send(b)
	}
	c.tn.binary = c.opts.them[optBinary]
	if opt == optComPort {
		c.mu.Lock()
		c.agreed = c.agreed || c.opts.us[opt] || c.opts.them[opt]
		c.refused = verb == tnDONT
		c.announce()
		c.mu.Unlock()
	}
}

func (c *Client2217) command(byte) {}

func (c *Client2217) sub(opt byte, arg []byte) {
	if opt != optComPort || len(arg) == 0 || arg[0] < cpFromServer {
		return
	}
	cmd, arg := arg[0]-cpFromServer, arg[1:]
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case cmd == cpNotifyModem && len(arg) > 0:
		c.in, c.told = modemSignals(arg[0]), true
	case cmd == cpNotifyLine && len(arg) > 0:
		if f := lineFlags(arg[0]); f&serial.Break != 0 {
			c.marks = append(c.marks, mark{c.total + len(c.rx), serial.Break})
			c.rx = append(c.rx, 0)
		} else {
			c.next |= f
		}
	default:
		c.answers[cmd] = append([]byte{}, arg...)
	}
	c.announce()
}

// request sends a command and waits for its answer.
func (c *Client2217) request(cmd byte, arg ...byte) ([]byte, error) {
	c.ctl.Lock()
	defer c.ctl.Unlock()
	c.mu.Lock()
	delete(c.answers, cmd)
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return nil, os.ErrClosed
	}
	if err := c.send(subnegotiation(cmd, arg)); err != nil {
		return nil, c.netError("write", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.ack)
	defer cancel()
	var got []byte
	err := c.wait(ctx, func() bool { a, ok := c.answers[cmd]; got = a; return ok })
	return got, err
}

func (c *Client2217) netError(op string, err error) error {
	if errors.Is(err, net.ErrClosed) {
		return os.ErrClosed
	}
	return &serial.Error{Op: op, Port: c.name, Reason: "the server closed the connection", Errno: syscall.ENODEV, Err: err}
}

// set sends a command and expects its value back.
func (c *Client2217) set(what string, cmd byte, arg ...byte) error {
	got, err := c.request(cmd, arg...)
	if err == nil && string(got) != string(arg) {
		err = serial.Unsupported(what, c.name, fmt.Sprintf("the server was asked for % x and answered % x", arg, got), nil)
	}
	return err
}

// SetMode sets rate, format and flow control there.
//
// Errors: EINVAL; EOPNOTSUPP when the server answers with another value; ENODEV; os.ErrClosed.
func (c *Client2217) SetMode(m serial.Mode) error {
	if err := m.Validate(); err != nil {
		return err
	}
	flow := flowValue(m.Flow)
	return errors.Join(
		c.set("baud rate", cpSetBaud, binary.BigEndian.AppendUint32(nil, uint32(m.Baud))...),
		c.set("data size", cpSetDataSize, m.Data),
		c.set("parity", cpSetParity, byte(m.Parity)+1),
		c.set("stop size", cpSetStopSize, stopValue(m.Stop)),
		c.set("flow control", cpSetControl, flow),
	)
}

// Signature asks the server who it is.
func (c *Client2217) Signature() (string, error) {
	b, err := c.request(cpSignature)
	return string(b), err
}

// Signals are the modem inputs as the server last told, and our outputs as we set them.
func (c *Client2217) Signals() (serial.Signals, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, os.ErrClosed
	case c.failed != nil:
		return 0, c.failed
	}
	return c.in | c.out, nil
}

// WaitChange waits until the server tells of a modem line since the last call.
//
// Errors: ctx's; os.ErrClosed; ENODEV.
func (c *Client2217) WaitChange(ctx context.Context) (serial.Change, error) {
	err := c.wait(ctx, func() bool { told := c.told; c.told = false; return told })
	return serial.Inputs, err
}

// SetSignals sets DTR and RTS there.
func (c *Client2217) SetSignals(mask, value serial.Signals) error {
	for _, l := range []struct {
		s       serial.Signals
		on, off byte
	}{{serial.DTR, ctlDTROn, ctlDTROff}, {serial.RTS, ctlRTSOn, ctlRTSOff}} {
		if mask&l.s == 0 {
			continue
		}
		if err := c.set(l.s.String(), cpSetControl, onOff(value&l.s != 0, l.on, l.off)); err != nil {
			return err
		}
		c.mu.Lock()
		c.out = c.out&^l.s | value&l.s
		c.mu.Unlock()
	}
	return nil
}

// SetBreak begins or ends a break there.
func (c *Client2217) SetBreak(on bool) error {
	return c.set("break", cpSetControl, onOff(on, ctlBrkOn, ctlBrkOff))
}

// Purge throws away what was received (here and there) and what has not been sent there.
func (c *Client2217) Purge(rx, tx bool) error {
	var v byte
	if rx {
		v |= 1
	}
	if tx {
		v |= 2
	}
	if v == 0 {
		return nil
	}
	err := c.set("purge", cpPurge, v)
	if rx {
		c.mu.Lock()
		c.total += len(c.rx)
		c.rx, c.marks, c.next = nil, nil, 0
		c.mu.Unlock()
	}
	return err
}

// Read is Receive without flags and breaks.
func (c *Client2217) Read(p []byte) (int, error) {
	for {
		n, f, err := c.Receive(p)
		if err != nil || f&serial.Break == 0 {
			return n, err
		}
	}
}

// Receive reads characters with the errors the server reports: RFC 2217 does not say which
// character a report is about; it is taken to be the next one.
//
// Errors: os.ErrDeadlineExceeded, os.ErrClosed, ENODEV when the server has gone.
func (c *Client2217) Receive(p []byte) (int, serial.Flags, error) {
	if len(p) == 0 {
		return 0, 0, nil
	}
	for {
		c.mu.Lock()
		n, f := c.take(p)
		var err error
		due, ch := c.due, c.changed
		switch {
		case n > 0:
		case c.closed:
			err = os.ErrClosed
		case c.failed != nil:
			err = c.failed
		case !due.IsZero() && !time.Now().Before(due):
			err = os.ErrDeadlineExceeded
		}
		paused := c.paused
		c.mu.Unlock()
		if paused && n > 0 {
			c.steer()
		}
		if n > 0 || err != nil {
			return n, f, err
		}
		if due.IsZero() {
			<-ch
			continue
		}
		t := time.NewTimer(time.Until(due))
		select {
		case <-ch:
		case <-t.C:
		}
		t.Stop()
	}
}

func (c *Client2217) take(p []byte) (int, serial.Flags) {
	n, f := min(len(p), len(c.rx)), serial.Flags(0)
	if n > 0 && len(c.marks) > 0 {
		if m := c.marks[0]; m.at == c.total {
			n, f = 1, m.f
			c.marks = c.marks[1:]
		} else {
			n = min(n, m.at-c.total)
		}
	}
	copy(p, c.rx[:n])
	c.rx = c.rx[n:]
	c.total += n
	return n, f
}

// Write sends p; it waits while the network does.
//
// Errors: os.ErrClosed, ENODEV.
func (c *Client2217) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		k := min(len(p)-sent, 16<<10)
		if err := c.send(escape(make([]byte, 0, k+16), p[sent:sent+k])); err != nil {
			return sent, c.netError("write", err)
		}
		sent += k
	}
	return len(p), nil
}

// SetReadDeadline is [serial.Conn]'s.
func (c *Client2217) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	c.due = t
	c.announce()
	return nil
}

// Close ends the connection and everything that waits.
func (c *Client2217) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return os.ErrClosed
	}
	c.closed = true
	c.announce()
	c.mu.Unlock()
	err := c.c.Close()
	<-c.reader
	return err
}

var (
	_ serial.Conn       = (*Client2217)(nil)
	_ serial.ModemLines = (*Client2217)(nil)
	_ serial.Breaker    = (*Client2217)(nil)
	_ serial.Receiver   = (*Client2217)(nil)
	_ serial.Purger     = (*Client2217)(nil)
)
