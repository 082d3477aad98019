package doors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/kernel"
)

// Doors are the open doors of a machine.
type Doors struct {
	List []Door // of the terminals that were there at first

	m       *board.Machine
	dir     string
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
	unwatch func()

	watching *host.Watch
	events   usb.Queue
	plugged  map[string]context.CancelFunc // of USB terminals by name; belongs to events
	lobby    lobby
}

// lobby is where the ptys of a machine's doors are known by their terminals. A client that opens
// both doors of a null modem, sets them and writes into one may count on the other's terminal being
// open and set when its bytes arrive, although doors learn of their clients a moment late: so a
// door looks at the one across before it sends.
type lobby struct {
	mu   sync.Mutex
	ptys map[string]*host.PTY // +checklocks:mu
}

func (l *lobby) enter(tty string, p *host.PTY) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ptys[tty] = p
}

func (l *lobby) exit(tty string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ptys, tty)
}

// greet lets in whoever is at a terminal's door.
func (l *lobby) greet(tty string) {
	l.mu.Lock()
	p := l.ptys[tty]
	l.mu.Unlock()
	if p != nil {
		p.Greet()
	}
}

// Door is one terminal's ways in.
type Door struct {
	TTY     string
	Path    string // of the pty's link
	RFC2217 string // the address that is served, or ""
}

// Open gives each terminal of the machine its doors, the links in dir, until Close or the end of
// ctx. Terminals of USB devices get theirs when they are plugged in. brief is for machines that may
// not live longer: see [host.NewWatch].
//
// Errors: a pty, link or address that cannot be had; then no door is left open.
func Open(ctx context.Context, m *board.Machine, dir string, brief time.Duration) (_ *Doors, err error) {
	ctx, stop := context.WithCancel(ctx)
	d := &Doors{m: m, dir: dir, ctx: ctx, stop: stop, unwatch: func() {}, plugged: make(map[string]context.CancelFunc),
		lobby: lobby{ptys: make(map[string]*host.PTY)}, watching: host.NewWatch(brief)}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	for _, p := range m.Ports {
		door := Door{TTY: p.TTY, Path: filepath.Join(dir, p.TTY)}
		pty, err := d.watching.OpenPTY(door.Path)
		if err != nil {
			return nil, fmt.Errorf("a door for %s: %w", p.TTY, err)
		}
		local := door
		d.wg.Go(func() { d.servePTY(ctx, local, pty, p.Line, p.Device) })
		<-pty.Serving()
		if p.Door.RFC2217 != "" {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.Door.RFC2217)
			if err != nil {
				return nil, fmt.Errorf("a door for %s: rfc2217: %w", p.TTY, err)
			}
			door.RFC2217 = l.Addr().String()
			d.wg.Go(func() { d.serveNet(ctx, door, l, across(p.Line)) })
		}
		d.List = append(d.List, door)
	}
	d.watch()
	return d, nil
}

// WriteTo lists the doors, a line each.
func (d *Doors) WriteTo(w io.Writer) (n int64, err error) {
	for _, x := range d.List {
		more := ""
		if x.RFC2217 != "" {
			more = "  rfc2217://" + x.RFC2217
		}
		k, err := fmt.Fprintf(w, "/dev/%s  %s%s\n", x.TTY, x.Path, more)
		if n += int64(k); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Close shuts the doors and waits until nothing of them is left. Clients see a hang-up.
//
// Errors: those of the system's watch on the ptys.
func (d *Doors) Close() error {
	d.unwatch()
	d.events.End()
	d.stop()
	// at first: with the ptys gone before it, Linux takes ten milliseconds over this
	err := d.watching.Close()
	d.wg.Wait()
	return err
}

// again is the pause before a door that failed opens anew.
const again = 50 * time.Millisecond

// servePTY serves one pty after another under the door's link: a terminal that fails hangs its
// client up.
func (d *Doors) servePTY(ctx context.Context, door Door, pty *host.PTY, line board.Line, device board.Device) {
	e := newEnd(d.m.Kernel, "/dev/"+door.TTY)
	s := ptySession{session{e, &d.lobby, across(line)}, device}
	for {
		d.lobby.enter(door.TTY, pty)
		err := pty.Serve(ctx, s)
		d.lobby.exit(door.TTY)
		e.leave()
		_ = pty.Close()
		if ctx.Err() != nil {
			return
		}
		d.m.Kernel.Log.Printf(kernel.LevelWarning, "%s: the door %s hangs up: %v", door.TTY, door.Path, err)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(again):
			}
			if pty, err = d.watching.OpenPTY(door.Path); err == nil {
				break
			}
		}
	}
}

// session is an end whose client's coming and going are DTR and RTS together, as host.PTY and
// host.Serve2217 tell them.
type session struct {
	*end
	lobby  *lobby
	across string // the terminal at the other end of a null modem, or ""
}

// Write lets in first who has come to the other end before.
func (s session) Write(p []byte) (int, error) {
	if s.across != "" {
		s.lobby.greet(s.across)
	}
	return s.end.Write(p)
}

func (s session) SetSignals(mask, value serial.Signals) error {
	if mask == serial.DTEOutputs && value == 0 {
		s.leave()
		return nil
	}
	return s.end.SetSignals(mask, value)
}

// ptySession is a session through a pty, which cannot show what parity and data size its client
// asks for: those are taken from the device at the other end of the line, as if the client had
// asked for the right ones.
type ptySession struct {
	session
	device board.Device // nil, or without a format of its own: none is taken
}

func (p ptySession) SetMode(m serial.Mode) error {
	if d, ok := p.device.(board.Formatted); ok {
		own := d.Format()
		m.Data, m.Parity = own.Data, own.Parity
	}
	return p.session.SetMode(m)
}

// across is the terminal at the other end of a null modem, or "".
func across(line board.Line) string {
	if n, ok := line.(board.NullModem); ok {
		return n.To
	}
	return ""
}

func (d *Doors) serveNet(ctx context.Context, door Door, l net.Listener, across string) {
	e := newEnd(d.m.Kernel, "/dev/"+door.TTY)
	defer e.leave()
	for {
		err := host.Serve2217(ctx, l, session{e, &d.lobby, across}, "kobench "+door.TTY)
		e.leave()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			l.Close()
			return
		}
		d.m.Kernel.Log.Printf(kernel.LevelWarning, "%s: the door rfc2217://%s hangs up: %v", door.TTY, door.RFC2217, err)
		for {
			l.Close()
			select {
			case <-ctx.Done():
				return
			case <-time.After(again):
			}
			if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", door.RFC2217); err == nil {
				break
			}
		}
	}
}
