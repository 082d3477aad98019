package doors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
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
	events  usb.Queue
	plugged map[string]context.CancelFunc // of USB terminals by name; belongs to events
	lobby   lobby
}

// lobby is where the ptys of a machine's doors are known. A client that opens one door and then writes into another may count on the first one's
// terminal being open when its bytes arrive, although doors learn of their clients a moment late: so every door looks round before it sends.
type lobby struct {
	mu   sync.RWMutex
	ptys []*host.PTY // +checklocks:mu
}

func (l *lobby) enter(p *host.PTY) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ptys = append(l.ptys, p)
}

func (l *lobby) exit(p *host.PTY) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ptys = slices.DeleteFunc(l.ptys, func(o *host.PTY) bool { return o == p })
}

func (l *lobby) greet() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	host.Greet(l.ptys)
}

// Door is one terminal's ways in.
type Door struct {
	TTY     string
	Path    string // of the pty's link
	RFC2217 string // the address that is served, or ""
}

// Open gives each terminal of the machine its doors, the links in dir, until Close or the end of ctx. Terminals of USB devices get theirs when they
// are plugged in.
//
// Errors: a pty, link or address that cannot be had; then no door is left open.
func Open(ctx context.Context, m *board.Machine, dir string) (_ *Doors, err error) {
	ctx, stop := context.WithCancel(ctx)
	d := &Doors{m: m, dir: dir, ctx: ctx, stop: stop, unwatch: func() {}, plugged: make(map[string]context.CancelFunc)}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	for _, p := range m.Ports {
		door := Door{TTY: p.TTY, Path: filepath.Join(dir, p.TTY)}
		pty, err := host.OpenPTY(door.Path)
		if err != nil {
			return nil, fmt.Errorf("a door for %s: %w", p.TTY, err)
		}
		local := door
		d.wg.Go(func() { d.servePTY(ctx, local, pty, device(p.Line, p.Far)) })
		<-pty.Serving()
		if p.Door.RFC2217 != "" {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.Door.RFC2217)
			if err != nil {
				return nil, fmt.Errorf("a door for %s: rfc2217: %w", p.TTY, err)
			}
			door.RFC2217 = l.Addr().String()
			d.wg.Go(func() { d.serveNet(ctx, door, l) })
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
func (d *Doors) Close() error {
	d.unwatch()
	d.events.End()
	d.stop()
	d.wg.Wait()
	return nil
}

// again is the pause before a door that failed opens anew.
const again = 50 * time.Millisecond

// servePTY serves one pty after another under the door's link: a terminal that fails hangs its client up.
func (d *Doors) servePTY(ctx context.Context, door Door, pty *host.PTY, far *serial.Port) {
	e := newEnd(d.m.Kernel, "/dev/"+door.TTY)
	for {
		d.lobby.enter(pty)
		err := pty.Serve(ctx, ptySession{session{e, &d.lobby}, far})
		d.lobby.exit(pty)
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
			if pty, err = host.OpenPTY(door.Path); err == nil {
				break
			}
		}
	}
}

// session is an end whose client's coming and going are DTR and RTS together, as host.PTY and host.Serve2217 tell them.
type session struct {
	*end
	lobby *lobby
}

// Write lets those in who have come before.
func (s session) Write(p []byte) (int, error) {
	s.lobby.greet()
	return s.end.Write(p)
}

func (s session) SetSignals(mask, value serial.Signals) error {
	if mask == serial.DTEOutputs && value == 0 {
		s.leave()
		return nil
	}
	return s.end.SetSignals(mask, value)
}

// ptySession is a session through a pty, which cannot show what parity and data size its client asks for: those are taken from the device
// at the other end of the line, as if the client had asked for the right ones.
type ptySession struct {
	session
	far *serial.Port // nil: no device
}

func (p ptySession) SetMode(m serial.Mode) error {
	if p.far != nil {
		peer := p.far.Mode()
		m.Data, m.Parity = peer.Data, peer.Parity
	}
	return p.session.SetMode(m)
}

// device is the far end of a line that leads to a device with a format of its own, nil for other lines: a modem follows its terminal.
func device(line board.Line, far *serial.Port) *serial.Port {
	switch line.(type) {
	case *board.GPS, *board.Modbus, *board.SCPI:
		return far
	}
	return nil
}

func (d *Doors) serveNet(ctx context.Context, door Door, l net.Listener) {
	e := newEnd(d.m.Kernel, "/dev/"+door.TTY)
	defer e.leave()
	for {
		err := host.Serve2217(ctx, l, session{e, &d.lobby}, "kobench "+door.TTY)
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
