//go:build unix

package host

import (
	"context"
	"errors"
	"os"
	"sync"
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
}

// OpenPTY makes a pseudo terminal and points the symbolic link at its slave; an empty link makes none.
//
// Errors: as [PTYPair] and [Symlink].
func OpenPTY(link string) (*PTY, error) {
	m, s, err := PTYPair()
	if err != nil {
		return nil, err
	}
	p := &PTY{master: m, slave: s.Name(), link: link}
	s.Close() // raw by now; nobody but clients has it open, so that the master's hang-up says whether one is there
	if link != "" {
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

// Serve joins the terminal's clients to conn until ctx ends or conn fails. A client's open raises DTR and RTS, its close drops them; its
// rate, stop bits and flow control reach conn before the bytes it writes afterwards. While no client is there what conn sends is lost, as on a
// port that nobody has open. conn and the terminal stay open.
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

// pollClient is how often a client's presence and mode are looked at when nothing else says that they changed.
const pollClient = 20 * time.Millisecond

// door is one Serve.
type door struct {
	p    *PTY
	conn serial.Conn

	mu      sync.Mutex
	present bool
	known   serial.Mode
}

func (d *door) setPresent(on bool) {
	d.mu.Lock()
	was := d.present
	d.present = on
	d.mu.Unlock()
	if was == on {
		return
	}
	if l, ok := d.conn.(serial.ModemLines); ok {
		_ = l.SetSignals(serial.DTEOutputs, lineIf(on)) // an end without modem lines has nothing to raise
	}
	if !on {
		d.p.forget()
	}
}

func (d *door) isPresent() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.present
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

// arrived looks whether a client has come in the meantime.
func (d *door) arrived() bool {
	if !d.p.inUse() {
		return false
	}
	d.setPresent(true)
	return true
}

func (d *door) fromClient(ctx context.Context) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := d.p.master.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, syscall.ENODEV) { // no client: Linux says EIO
			if !d.p.master.open.Load() {
				return err
			}
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
		if _, err := d.conn.Write(buf[:n]); err != nil && ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// watch follows the clients' coming and going, and their mode while one is there.
func (d *door) watch(ctx context.Context) error {
	t := time.NewTicker(pollClient)
	defer t.Stop()
	var changed <-chan struct{}
	if d.p.opens != nil {
		changed = d.p.opens.changed
	}
	for ctx.Err() == nil {
		d.setPresent(d.p.inUse())
		if d.isPresent() {
			d.look()
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.C:
		}
	}
	return nil
}
