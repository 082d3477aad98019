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
	opens  *opens
	fd     int32                // the master's
	served atomic.Pointer[door] // nil: nobody serves
	begun  sync.Once
	ready  chan struct{}
}

// OpenPTY makes a pseudo terminal and points the symbolic link at its slave; an empty link makes none.
//
// Errors: as [PTYPair] and [Symlink].
func OpenPTY(link string) (*PTY, error) {
	m, s, err := PTYPair()
	if err != nil {
		return nil, err
	}
	p := &PTY{master: m, slave: s.Name(), link: link, ready: make(chan struct{})}
	s.Close() // raw by now; nobody but clients has it open, so that the master's hang-up says whether one is there
	err = m.control("poll", func(fd int) error { p.fd = int32(fd); return nil })
	if err == nil && link != "" {
		err = Symlink(p.slave, link)
	}
	if err == nil {
		p.opens, err = watchOpens(p.slave)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
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

// inUse reports whether somebody has the slave open.
func (p *PTY) inUse() bool {
	hup := true
	err := p.master.control("poll", func(fd int) error { _, hup = ready(fd, 0); return nil })
	return err == nil && !hup
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
	var err error
	if p.opens != nil {
		err = p.opens.Close()
	}
	return errors.Join(err, removeLink(p.slave, p.link), p.master.Close())
}

// Greet raises DTR and RTS for the clients that have opened one of these terminals where Serve has not done so yet. Serve learns of a client a
// moment after the client's open has returned; Greet is for whoever is about to send and must not be faster. It costs one poll(2), whatever the
// number of terminals. None of them may be closed meanwhile.
func Greet(ptys []*PTY) {
	var (
		doors = make([]*door, 0, 32)
		fds   = make([]int32, 0, 32)
	)
	for _, p := range ptys {
		if d := p.served.Load(); d != nil && d.vacant() {
			doors, fds = append(doors, d), append(fds, p.fd)
		}
	}
	if len(fds) == 0 {
		return
	}
	hup := make([]bool, 32)
	if len(fds) > len(hup) {
		hup = make([]bool, len(fds))
	}
	hungUp(fds, hup[:len(fds)])
	for i, d := range doors {
		if !hup[i] {
			d.setPresent(true)
		}
	}
}

// Serving is closed when Serve has begun for the first time.
func (p *PTY) Serving() <-chan struct{} { return p.ready }

// Serve joins the terminal's clients to conn until ctx ends or conn fails. A client's open raises DTR and RTS; its close drops them, after what it
// wrote has reached conn, for which it has [closingWait]. Its rate, stop bits and flow control reach conn before the bytes it writes afterwards.
// While no client is there what conn sends is lost, as on a port that nobody has open. conn and the terminal stay open.
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
	stop := context.AfterFunc(ctx, func() { deadlines(time.Now()) })
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
	if !stop() {
		deadlines(time.Time{})
	}
	d.setPresent(false)
	return context.Cause(ctx)
}

const (
	// pollClient is how often a client's presence and mode are looked at when nothing else says that they changed.
	pollClient = 20 * time.Millisecond
	// closingWait is how long what a client wrote before it left may wait for the line (30 s, as a closed serial port has in Linux:
	// drivers/tty/serial/serial_core.c, uart_register_driver's ports start with it).
	closingWait = 30 * time.Second
)

// door is one Serve.
type door struct {
	p    *PTY
	conn serial.Conn

	change sync.Mutex // held while presence changes, with all that conn does about it

	mu      sync.Mutex
	present bool
	leaving bool // conn is being told that the client has gone
	writing bool // what a client wrote is on its way into conn
	known   serial.Mode
}

// setPresent tells conn that a client has come or gone. When it returns conn has heard it.
func (d *door) setPresent(on bool) {
	d.change.Lock()
	defer d.change.Unlock()
	d.setPresentLocked(on)
}

func (d *door) setPresentLocked(on bool) {
	if d.isPresent() == on {
		return
	}
	d.mark(false, !on)
	if l, ok := d.conn.(serial.ModemLines); ok {
		_ = l.SetSignals(serial.DTEOutputs, lineIf(on)) // an end without modem lines has nothing to raise
	}
	if !on {
		d.p.forget()
	}
	d.mark(on, false)
}

func (d *door) mark(present, leaving bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.present, d.leaving = present, leaving
}

func (d *door) isPresent() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.present
}

// vacant reports whether no client is known, nor one on its way out: for the one that comes meanwhile nobody raises lines, as Linux's open waits.
func (d *door) vacant() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.present && !d.leaving
}

// arrived looks whether a client has come in the meantime.
func (d *door) arrived() bool {
	if !d.p.inUse() {
		return false
	}
	d.setPresent(true)
	return true
}

// gone is after the last byte of a client that has left, unless the next one is here already.
func (d *door) gone() {
	d.change.Lock()
	defer d.change.Unlock()
	if !d.p.inUse() {
		d.setPresentLocked(false)
	}
}

// look carries a change of the client's mode to conn.
func (d *door) look() {
	m, err := d.p.master.Mode() // the slave's
	if err != nil || m.Validate() != nil {
		return
	}
	m.Flow &^= serial.FlowXONXOFF // the terminal's own line discipline does that
	d.mu.Lock()
	defer d.mu.Unlock()
	if m != d.known {
		d.known = m
		_ = d.conn.SetMode(m) // what the line cannot do shows as garbage, as on a wire
	}
}

func (d *door) toClient(ctx context.Context) error {
	buf := make([]byte, 64<<10)
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
	buf := make([]byte, 64<<10)
	for {
		n, err := d.p.master.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, syscall.ENODEV) { // no client, and nothing left of the last one: Linux says EIO
			if !d.p.master.open.Load() {
				return err
			}
			d.gone()
			select {
			case <-ctx.Done():
			case <-time.After(pollClient / 4):
			}
			continue
		}
		if err != nil {
			return err
		}
		d.setPresent(true)
		d.look()
		switch err := d.write(buf[:n]); {
		case err == nil, ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		case !d.isPresent(): // given up by watch
		default:
			return err
		}
	}
}

func (d *door) write(p []byte) error {
	d.setWriting(true)
	defer d.setWriting(false)
	_, err := d.conn.Write(p)
	return err
}

func (d *door) setWriting(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing = on
}

func (d *door) isWriting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writing
}

// watch follows the clients' coming, and their mode while one is there. Their going is fromClient's to see, which knows when the last byte is
// through; only from one that the line has kept waiting for closingWait does watch take it.
func (d *door) watch(ctx context.Context) error {
	t := time.NewTicker(pollClient)
	defer t.Stop()
	var changed <-chan struct{}
	if d.p.opens != nil {
		changed = d.p.opens.changed
	}
	var left time.Time
	for ctx.Err() == nil {
		switch {
		case d.arrived():
			d.look()
			left = time.Time{}
		case !d.isWriting():
			left = time.Time{}
		case left.IsZero():
			left = time.Now()
		case time.Since(left) > closingWait:
			d.setPresent(false)
			left = time.Time{}
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.C:
		}
	}
	return nil
}
