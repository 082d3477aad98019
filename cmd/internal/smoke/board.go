package smoke

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
)

// boardPorts tests every port of a board by what is at the end of its line.
func boardPorts(ctx context.Context, o Options, bar *progress) (all []*serialtest.Report, err error) {
	m, err := sim.Start(sim.Options{Board: o.Board})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if len(m.Ports)+len(m.Plugged()) == 0 {
		return nil, fmt.Errorf("board %s has no serial ports and nothing on its USB bus", m.Board.Name)
	}
	for i := range m.Ports {
		r, err := port(ctx, o, m, i, bar)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		all = append(all, r)
	}
	for _, p := range m.Plugged() {
		r, err := plugged(ctx, o, m, p, bar)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		all = append(all, r)
	}
	return all, nil
}

// port tests one port.
func port(ctx context.Context, o Options, m *sim.Sim, i int, bar *progress) (*serialtest.Report, error) {
	p := &m.Ports[i]
	name := p.TTY + ": " + p.Line.String()
	conn := func(name string, mode serial.Mode) (serial.Conn, error) {
		return terminal.Open(m.Kernel, "/dev/"+name, mode)
	}
	s := serialtest.Setup{Name: name, Mode: o.mode(), MaxSize: o.MaxSize, Skip: o.Skip, NoSettle: m.Board.Speed == serial.Max}
	if p.Out != nil || p.In != nil {
		return skipped(name, "the board injects faults into this line"), nil
	}
	if d, ok := p.Device.(board.Prober); ok {
		return probe(m, p.TTY, p.Device, d, name, bar), nil
	}
	switch line := p.Line.(type) {
	case board.Loopback:
		s.Open = func(context.Context) (near, far serial.Conn, err error) {
			near, err = conn(p.TTY, s.Mode)
			return near, nil, err
		}
	case board.NullModem:
		for j := range m.Ports[:i] {
			if m.Ports[j].TTY == line.To {
				return skipped(name, "was tested from "+line.To), nil
			}
		}
		s.Open = func(context.Context) (near, far serial.Conn, err error) {
			if near, err = conn(p.TTY, s.Mode); err != nil {
				return nil, nil, err
			}
			if far, err = conn(line.To, s.Mode); err != nil {
				_ = near.Close()
			}
			return near, far, err
		}
	case board.Open:
		return skipped(name, "nothing is at the end of the line"), nil
	default:
		return skipped(name, "what is at its end is not part of the board; kobench smoke --device tests a port of the host"), nil
	}
	return serialtest.Run(ctx, s, bar.of(p.TTY))
}

func skipped(name, why string) *serialtest.Report {
	return &serialtest.Report{Line: name, Results: []serialtest.Result{{Check: "line", Status: serialtest.Skip, Reason: why}}}
}

// probe asks a device at the end of a terminal's line something and looks at the answer.
func probe(m *sim.Sim, tty string, dev board.Device, d board.Prober, name string, bar *progress) *serialtest.Report {
	start := time.Now()
	r := serialtest.Result{Check: "answer", Status: serialtest.Pass}
	n, err := ask(m, tty, dev, d)
	r.Bytes, r.Duration = int64(n), time.Since(start)
	if err != nil {
		r.Status, r.Reason = serialtest.Fail, err.Error()
	}
	bar.of(tty)(r)
	return &serialtest.Report{Line: name, Results: []serialtest.Result{r}}
}

// patience is how long a device may take to answer.
const patience = 5 * time.Second

// ask returns how many bytes the answer took.
func ask(m *sim.Sim, name string, dev board.Device, d board.Prober) (int, error) {
	mode := serial.DefaultMode
	if f, ok := dev.(board.Formatted); ok {
		mode = f.Format()
	}
	c, err := terminal.Open(m.Kernel, "/dev/"+name, mode)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	request, answered, want := d.Probe()
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var got []byte
	buf := make([]byte, 512)
	for !answered(got) {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return len(got), fmt.Errorf("asked %q, want %s within %v, got %q", request, want, patience, got)
		case err != nil:
			return len(got), err
		}
	}
	return len(got), nil
}
