//go:build unix

package host

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// PTY is a way in for other programs: a pseudo terminal whose slave has a stable path.
type PTY struct {
	master *TTY
	slave  string // its path; its modes last as long as the master is open
	link   string
	opens  *opens               // nil: nobody tells
	served atomic.Pointer[door] // nil: nobody serves
	begun  sync.Once
	ready  chan struct{}

	unwatch func() error // or nil
}

// OpenPTY is [Watch.OpenPTY] with a Watch of its own.
func OpenPTY(link string) (*PTY, error) {
	w := NewWatch(0)
	p, err := w.OpenPTY(link)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	forget := p.unwatch
	p.unwatch = func() error { return errors.Join(forget(), w.Close()) }
	return p, nil
}

// OpenPTY makes a pseudo terminal and points the symbolic link at its slave; an empty link makes
// none. Close it before w.
//
// Errors: as [PTYPair] and [Symlink].
func (w *Watch) OpenPTY(link string) (*PTY, error) {
	m, s, err := PTYPair()
	if err != nil {
		return nil, err
	}
	p := &PTY{master: m, slave: s.Name(), link: link, ready: make(chan struct{})}
	// raw by now; nobody but clients has it open, so that the master's hang-up says whether one is
	// there
	s.Close()
	if link != "" {
		err = Symlink(p.slave, link)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	p.opens, p.unwatch = w.add(p.slave, p.state)
	return p, nil
}

// Path is what a client opens: the link, or the slave itself.
func (p *PTY) Path() string {
	if p.link != "" {
		return p.link
	}
	return p.slave
}

// Device is the slave's own path.
func (p *PTY) Device() string { return p.slave }

// state reports whether something is there to be read, and whether nobody has the slave open.
func (p *PTY) state() (in, hup bool) {
	hup = true
	_ = p.master.control("poll", func(fd int) error { in, hup = ready(fd, pollIn); return nil })
	return in, hup
}

// inUse reports whether somebody has the slave open.
func (p *PTY) inUse() bool {
	_, hup := p.state()
	return !hup
}

// forget throws away what a client that has left did not read.
func (p *PTY) forget() {
	f, err := openControl(p.slave)
	if err != nil {
		return // the terminal is being closed
	}
	_ = purge(int(f.Fd()), true, false)
	f.Close()
}

// Close takes the terminal and its link away; a client sees a hang-up.
func (p *PTY) Close() error {
	err := errors.Join(removeLink(p.slave, p.link), p.master.Close())
	if p.unwatch != nil {
		err = errors.Join(err, p.unwatch())
	}
	return err
}

// Greet lets conn know of the client that has this terminal open, and of the mode it has set, where
// Serve has not done so yet. Serve learns of both a moment after the client's call has returned;
// Greet is for whoever is about to send to this client and must not be faster. A client that comes
// while the last one's bytes are still leaving has its turn after them, as Linux's open waits for a
// port that is being closed.
func (p *PTY) Greet() {
	if d := p.served.Load(); d != nil {
		d.arrived()
	}
}

// Serving is closed when Serve has begun for the first time.
func (p *PTY) Serving() <-chan struct{} { return p.ready }

// Serve joins the terminal's clients to conn until ctx ends or conn fails. A client's open raises
// DTR and RTS; its close drops them, after what it wrote has reached conn, for which it has
// [closingWait]. Its rate, stop bits and flow control reach conn before the bytes it writes
// afterwards. While no client is there what conn sends is lost, as on a port that nobody has open.
// conn and the terminal stay open.
//
// Errors: ctx's; conn's.
func (p *PTY) Serve(ctx context.Context, conn serial.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := &door{p: p, conn: conn}
	wr, _ := conn.(interface{ SetWriteDeadline(time.Time) error })
	deadlines := func(t time.Time) {
		conn.SetReadDeadline(t)
		if wr != nil {
			wr.SetWriteDeadline(t)
		}
		p.master.f.SetDeadline(t)
	}
	deadlines(time.Time{})
	p.served.Store(d)
	p.begun.Do(func() { close(p.ready) })
	defer p.served.Store(nil)
	settled := afterFunc(ctx, func() { deadlines(time.Now()) })
	var wg sync.WaitGroup
	for _, f := range []func(context.Context) error{d.toClient, d.fromClient, d.watch} {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				cancel(err)
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	ended := settled()
	d.leave() // with the deadlines passed: it waits for no line
	if ended {
		deadlines(time.Time{})
	}
	return context.Cause(ctx)
}

const (
	// pollMode is how often the mode of a client that is there is looked at when nothing is sent,
	// which is when it matters: soon after it has come or has changed something, and then less and
	// less often.
	pollModeSoon, pollMode = time.Millisecond, 20 * time.Millisecond
	// pollClient is how often a client's presence is looked at where the system does not tell of
	// it.
	pollClient = 20 * time.Millisecond
	// closingWait is how long what a client wrote before it left may wait for the line (30 s, as a
	// closed serial port has in Linux: drivers/tty/serial/serial_core.c, uart_register_driver's
	// ports start with it).
	closingWait = 30 * time.Second
)

// door is one Serve.
type door struct {
	p    *PTY
	conn serial.Conn

	change sync.Mutex // held while presence or mode change, with all that conn does about it
	// what conn was told last
	known serial.Mode // +checklocks:change

	mu      sync.Mutex
	present bool // +checklocks:mu
	// of what clients wrote, begun and ended: odd while one is on its way into conn
	writes uint // +checklocks:mu
}

// attend tells conn of a client that is there, and of its mode. When it returns conn has heard it.
func (d *door) attend() {
	d.change.Lock()
	defer d.change.Unlock()
	d.setPresentLocked(true)
	d.lookLocked()
}

// arrived looks whether a client is there, and attends to it if so.
func (d *door) arrived() bool {
	if !d.p.inUse() {
		return false
	}
	d.change.Lock()
	defer d.change.Unlock()
	if !d.p.inUse() { // it has left while the one before it was leaving
		return false
	}
	d.setPresentLocked(true)
	d.lookLocked()
	return true
}

// leave tells conn that nobody is there.
func (d *door) leave() {
	d.change.Lock()
	defer d.change.Unlock()
	d.setPresentLocked(false)
}

// gone is after the last byte of a client that has left, unless the next one is here already.
func (d *door) gone() {
	d.change.Lock()
	defer d.change.Unlock()
	if !d.p.inUse() {
		d.setPresentLocked(false)
	}
}

// +checklocks:d.change
func (d *door) setPresentLocked(on bool) {
	if d.isPresent() == on {
		return
	}
	if !on {
		d.mark(false)
	}
	if l, ok := d.conn.(serial.ModemLines); ok {
		// an end without modem lines has nothing to raise
		_ = l.SetSignals(serial.DTEOutputs, lineIf(on))
	}
	if !on {
		d.p.forget()
	}
	d.mark(on)
}

// lookLocked carries a change of the client's mode to conn.
//
// +checklocks:d.change
func (d *door) lookLocked() {
	m, err := d.p.master.Mode() // the slave's
	if err != nil || m.Validate() != nil {
		return
	}
	m.Flow &^= serial.FlowXONXOFF // the terminal's own line discipline does that
	if m != d.known {
		d.known = m
		_ = d.conn.SetMode(m) // what the line cannot do shows as garbage, as on a wire
	}
}

func (d *door) mark(present bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.present = present
}

func (d *door) isPresent() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.present
}

// pieces is what a door carries at a time: a pty has no more than a buffer of its line discipline
// (Linux N_TTY_BUF_SIZE, 4096), nor has a terminal.
const pieces = 4096

func (d *door) toClient(ctx context.Context) error {
	buf := make([]byte, pieces)
	for {
		n, err := d.conn.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if !d.isPresent() && !d.arrived() {
			continue
		}
		if _, err := d.p.master.Write(buf[:n]); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func (d *door) fromClient(ctx context.Context) error {
	buf := make([]byte, pieces)
	for {
		n, err := d.p.master.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		// no client, and nothing left of the last one: Linux says EIO
		if errors.Is(err, syscall.ENODEV) {
			if !d.p.master.open.Load() {
				return err
			}
			d.gone()
			d.p.opens.wait(ctx, toReader, -1)
			continue
		}
		if err != nil {
			return err
		}
		d.attend()
		switch err := d.write(buf[:n]); {
		case err == nil, ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		case !d.isPresent(): // given up by watch
		default:
			return err
		}
	}
}

func (d *door) write(p []byte) error {
	d.countWrite()
	defer d.countWrite()
	_, err := d.conn.Write(p)
	return err
}

func (d *door) countWrite() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
}

func (d *door) writeCount() uint {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes
}

// watch follows the clients' coming, and their mode while one is there. Their going is fromClient's
// to see, which knows when the last byte is through; only from one that the line has kept waiting
// for closingWait does watch take it.
func (d *door) watch(ctx context.Context) error {
	v := vigil{soon: pollModeSoon}
	for ctx.Err() == nil {
		after, giveUp := v.look(d.arrived(), d.isPresent(), d.writeCount(), time.Now())
		if giveUp {
			d.leave()
		}
		if d.p.opens.wait(ctx, toWatcher, after) {
			v.soon = pollModeSoon
		}
	}
	return nil
}

// vigil is what watch knows of the clients.
type vigil struct {
	soon time.Duration // until the next look at a client's mode
	// when a client was seen to have gone with a write under way; zero: none has
	left  time.Time
	write uint // that write's count
}

// look says how long to wait for news: never is a negative time. inUse: a client has the terminal
// open; known: conn has been told of one, and not yet that it has gone; writes is odd while
// something of its is on the way. giveUp: the line has not taken that for closingWait.
func (v *vigil) look(inUse, known bool, writes uint, now time.Time) (after time.Duration, giveUp bool) {
	switch {
	case inUse:
		v.left = time.Time{}
		after, v.soon = v.soon, min(2*v.soon, pollMode)
		return after, false
	case !known:
		v.left = time.Time{}
		return -1, false
	case v.left.IsZero(), writes != v.write, writes%2 == 0:
		v.left, v.write = now, writes
		return closingWait, false
	}
	if after = closingWait - now.Sub(v.left); after > 0 {
		return after, false
	}
	v.left = time.Time{}
	return -1, true
}
