// Package modem is a Hayes modem.
//
//	dte, dce := serial.Straight(serial.Max)
//	m := &modem.Modem{Dial: func(number string) (io.ReadWriteCloser, error) { … }}
//	go m.Run(ctx, dce)
//	// dte: ATDT5551234 → CONNECT 9600, with DCD on
//
// Commands: A, D, E, H, I, O, Q, S, V, X, Z, &C, &D, &F, &V; A/ repeats; +++ between two guard
// times goes back to command state. S0 (rings to answer), S1, S2 (escape character), S3 to S5 (CR,
// LF, BS), S7 (seconds to wait for carrier) and S12 (guard time) mean what they do on every modem.
// DTR going off hangs up as &D asks. RI is on while it rings.
//
// References:
//
//	[V.250] ITU-T V.250 (V.25ter), serial asynchronous automatic dialling and control
//	[Hayes] Hayes Technical Reference for Hayes Modem Users, 1990 (S registers, escape sequence)
package modem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
)

// What a Dial can say besides a connection; any other error is NO CARRIER.
var (
	ErrBusy       = errors.New("modem: the line is busy")
	ErrNoAnswer   = errors.New("modem: nobody answers")
	ErrNoDialtone = errors.New("modem: no dial tone")
)

// End is what a modem is connected to: a [serial.Port] made by Straight, an RFC 2217 client, …
type End interface {
	serial.Conn
	serial.ModemLines
}

// Modem is one modem. Set the fields before Run.
type Modem struct {
	// Dial connects to a number: its digits and the characters that dialling allows. nil: nobody
	// ever answers (NO CARRIER).
	Dial func(ctx context.Context, number string) (io.ReadWriteCloser, error) `yaml:"-"`
	// Net stands for a Dial: with "tcp" a number is host:port, written as it is dialled.
	Net string `yaml:"dial"`
	// ID is ATI's answer.
	ID string `yaml:"id"`

	p  End
	mu sync.Mutex // guards all below
	settings
	online  bool // in data state
	call    io.ReadWriteCloser
	ringing io.ReadWriteCloser
	rings   int
	dialing context.CancelFunc
	line    []byte
	last    string
	clock   *clock.Clock    // of its line
	saw     []time.Duration // when escape characters came in data state
	lastRx  time.Duration
	wg      sync.WaitGroup
}

// settings are what ATZ and AT&F reset.
type settings struct {
	echo, quiet, numeric bool
	c, d, x              int
	s                    [32]byte
}

func factory() settings {
	f := settings{echo: true, c: 1, d: 2, x: 4}
	for r, v := range map[int]byte{2: '+', 3: '\r', 4: '\n', 5: 8, 6: 2, 7: 50, 8: 2, 10: 14, 12: 50} {
		f.s[r] = v
	}
	return f
}

// Check reports a network that it cannot dial.
//
// Errors: what is wrong, in a sentence.
func (m *Modem) Check() error {
	if m.Net != "" && m.Net != "tcp" {
		return fmt.Errorf("dial %q: want tcp, or leave it out", m.Net)
	}
	return nil
}

// Probe is how to know a modem: ask for its identification.
func (m *Modem) Probe() (ask []byte, answered func(got []byte) bool, want string) {
	return []byte("ATI\r"), func(b []byte) bool { return bytes.Contains(b, []byte("\nOK\r\n")) }, "OK"
}

// Run works at end, an [End], until ctx ends or end is closed (nil), or end fails. A call is hung
// up when it returns. The modem finds the rate out by itself.
func (m *Modem) Run(ctx context.Context, end serial.Conn) error {
	p, ok := end.(End)
	if !ok {
		return errors.New("modem: want an end with modem lines")
	}
	if a, ok := p.(interface{ SetAuto(bool) }); ok {
		a.SetAuto(true)
	}
	m.mu.Lock()
	m.p, m.clock, m.settings = p, serial.ClockOf(p), factory()
	m.mu.Unlock()
	p.SetSignals(serial.DCEOutputs, serial.CTS|serial.DSR)
	ctx, cancel := context.WithCancel(ctx)
	defer m.wg.Wait()
	defer func() {
		cancel()
		m.mu.Lock()
		m.hangup()
		m.mu.Unlock()
		p.SetSignals(serial.DCEOutputs, 0)
	}()
	stop := context.AfterFunc(ctx, func() { p.SetReadDeadline(time.Now()) })
	defer stop()
	if w, ok := p.(interface {
		WaitChange(context.Context) (serial.Change, error)
	}); ok {
		m.wg.Go(func() { m.watchDTR(ctx, w.WaitChange) })
	}
	buf := make([]byte, 4096)
	for {
		n, err := p.Read(buf)
		switch {
		case ctx.Err() != nil, errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		m.received(ctx, buf[:n])
	}
}

// received handles what the terminal sent: commands, or data with a possible escape.
func (m *Modem) received(ctx context.Context, b []byte) {
	m.mu.Lock()
	for len(b) > 0 && !m.online {
		c := b[0]
		b = b[1:]
		m.command(ctx, c)
	}
	var data []byte
	if m.online && len(b) > 0 {
		data = b
		m.escape(b)
		m.lastRx = m.clock.Now()
	}
	call := m.call
	m.mu.Unlock()
	if data != nil && call != nil {
		if _, err := call.Write(data); err != nil {
			m.mu.Lock()
			m.lost(call)
			m.mu.Unlock()
		}
	}
}

func (m *Modem) guard() time.Duration { return time.Duration(m.s[12]) * 20 * time.Millisecond }

// escape looks for +++ with a guard time before and after, the pluses less than a guard time apart
// [Hayes].
func (m *Modem) escape(b []byte) {
	now := m.clock.Now()
	ok := m.s[2] < 128 && len(b) <= 3
	for _, c := range b {
		ok = ok && c == m.s[2]
	}
	before := m.guard()
	switch {
	case !ok:
		m.saw = nil
		return
	case len(m.saw) == 0 && now-m.lastRx < before, len(m.saw) > 0 && now-m.lastRx > before:
		m.saw = nil
		return
	}
	for range b {
		m.saw = append(m.saw, now)
	}
	if len(m.saw) != 3 {
		return
	}
	m.clock.AfterFunc(m.guard(), func() { go m.escaped(now) }) // it may wait for its line
}

// escaped goes to command state if nothing has come after the escape sequence that ended at t.
func (m *Modem) escaped(t time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.online && len(m.saw) == 3 && m.saw[2] == t {
		m.online, m.saw = false, nil
		m.result(ok0)
	}
}

// command takes one character of a command line.
func (m *Modem) command(ctx context.Context, c byte) {
	if m.dialing != nil { // any character ends dialling [V.250] 5.6.1
		m.dialing()
		return
	}
	if m.echo {
		m.send([]byte{c})
	}
	switch {
	case c == m.s[3]:
		line := string(m.line)
		m.line = m.line[:0]
		m.execute(ctx, line)
	case c == m.s[5] && len(m.line) > 0:
		m.line = m.line[:len(m.line)-1]
	case c == '/' && len(m.line) == 1 && m.line[0]|0x20 == 'a':
		m.line = m.line[:0]
		m.execute(ctx, m.last)
	case c == m.s[4], c == m.s[5]:
	case len(m.line) < 255:
		m.line = append(m.line, c)
	}
}

func (m *Modem) send(b []byte) { m.p.Write(b) } // a failure shows at the next read

// result is a result code's number; its words are below.
type result int

const (
	ok0       result = 0
	connect   result = 1
	ring      result = 2
	noCarrier result = 3
	errorCode result = 4
	noTone    result = 6
	busy      result = 7
	noAnswer  result = 8
)

var words = map[result]string{ok0: "OK", connect: "CONNECT", ring: "RING", noCarrier: "NO CARRIER", errorCode: "ERROR", noTone: "NO DIALTONE", busy: "BUSY", noAnswer: "NO ANSWER"}

func (m *Modem) result(r result) {
	if m.quiet {
		return
	}
	if m.numeric {
		m.send(fmt.Appendf(nil, "%d%c", r, m.s[3]))
		return
	}
	w := words[r]
	if p, ok := m.p.(interface{ Mode() serial.Mode }); ok && r == connect && m.x > 0 {
		w = fmt.Sprintf("CONNECT %d", p.Mode().Baud)
	}
	m.text(w)
}

func (m *Modem) text(s string) {
	m.send(fmt.Appendf(nil, "%c%c%s%c%c", m.s[3], m.s[4], s, m.s[3], m.s[4]))
}
