package modem

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// carrier sets DCD as &C asks.
func (m *Modem) carrier() {
	v := serial.DCD
	if m.c == 1 && m.call == nil {
		v = 0
	}
	m.p.SetSignals(serial.DCD, v)
}

// dial is ATD: T and P (tone, pulse) are taken, a semicolon at the end stays in command state.
func (m *Modem) dial(ctx context.Context, cmds string) {
	num := strings.TrimLeft(cmds, "TP")
	reach := m.Dial
	if m.Net == "tcp" {
		num = strings.TrimPrefix(strings.TrimPrefix(cmds, "T"), "P")
		reach = func(ctx context.Context, number string) (io.ReadWriteCloser, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", number)
		}
	}
	if m.call != nil || m.Net == "" && strings.Trim(num, "0123456789*#ABCD,W!@+-()") != "" {
		m.result(errorCode)
		return
	}
	if reach == nil || num == "" {
		m.result(noCarrier)
		return
	}
	wait := time.Duration(max(1, int(m.s[7]))) * time.Second
	ctx, cancel := context.WithTimeout(ctx, wait)
	m.dialing = cancel
	m.wg.Go(func() {
		call, err := reach(ctx, num)
		m.mu.Lock()
		defer m.mu.Unlock()
		ended := ctx.Err() != nil
		cancel()
		m.dialing = nil
		switch {
		case err == nil && !ended:
			m.connected(call)
			return
		case err == nil:
			call.Close()
			m.result(noCarrier)
		case errors.Is(err, ErrBusy):
			m.result(busy)
		case errors.Is(err, ErrNoAnswer):
			m.result(noAnswer)
		case errors.Is(err, ErrNoDialtone):
			m.result(noTone)
		default:
			m.result(noCarrier)
		}
	})
}

// connected begins data state.
func (m *Modem) connected(call io.ReadWriteCloser) {
	m.call = call
	m.carrier()
	m.result(connect)
	m.online, m.saw, m.lastRx = true, nil, m.clock.Now()
	m.wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := call.Read(buf)
			m.mu.Lock()
			if m.call != call {
				m.mu.Unlock()
				return
			}
			m.mu.Unlock()
			if n > 0 {
				m.send(buf[:n])
			}
			if err != nil {
				m.mu.Lock()
				m.lost(call)
				m.mu.Unlock()
				return
			}
		}
	})
}

// lost ends a call that the other side ended.
func (m *Modem) lost(call io.ReadWriteCloser) {
	if m.call == call {
		m.hangup()
		m.result(noCarrier)
	}
}

// hangup ends whatever there is of a call.
func (m *Modem) hangup() {
	if m.dialing != nil {
		m.dialing()
	}
	if m.call != nil {
		m.call.Close()
		m.call = nil
	}
	if m.ringing != nil {
		m.ringing.Close()
		m.stopRinging()
	}
	m.online, m.saw = false, nil
	m.carrier()
}

// back is ATO: to data state again.
func (m *Modem) back(cmds string) {
	if n, rest := number(cmds); n != 0 || rest != "" {
		m.result(errorCode)
		return
	}
	if m.call == nil {
		m.result(noCarrier)
		return
	}
	m.result(connect)
	m.online, m.saw, m.lastRx = true, nil, m.clock.Now()
}

// Ring is an incoming call: RI goes on and off and RING is said every 6 seconds, until it is
// answered (ATA, or S0) or the caller gives up after 10 rings.
//
// Errors: ErrBusy while there is another call; ErrNoAnswer, from Ring's channel, when nobody
// answered.
func (m *Modem) Ring(ctx context.Context, call io.ReadWriteCloser) error {
	m.mu.Lock()
	if m.p == nil || m.call != nil || m.ringing != nil || m.dialing != nil {
		m.mu.Unlock()
		return ErrBusy
	}
	m.ringing, m.rings = call, 0
	clock := m.clock
	m.mu.Unlock()
	for range 10 {
		m.mu.Lock()
		if m.ringing != call {
			answered := m.call == call
			m.mu.Unlock()
			if answered {
				return nil
			}
			return ErrNoAnswer
		}
		m.p.SetSignals(serial.RI, serial.RI)
		m.rings++
		m.s[1] = byte(m.rings)
		m.result(ring)
		if m.s[0] > 0 && m.rings >= int(m.s[0]) {
			m.answer()
			m.mu.Unlock()
			return nil
		}
		m.mu.Unlock()
		if clock.Sleep(ctx, 2*time.Second) != nil {
			break
		}
		m.p.SetSignals(serial.RI, 0)
		if clock.Sleep(ctx, 4*time.Second) != nil {
			break
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.call == call:
		return nil
	case m.ringing == call:
		m.stopRinging()
	}
	return ErrNoAnswer
}

func (m *Modem) stopRinging() {
	m.ringing = nil
	m.s[1] = 0
	m.p.SetSignals(serial.RI, 0)
}

// answer is ATA.
func (m *Modem) answer() {
	if m.ringing == nil {
		m.result(noCarrier)
		return
	}
	call := m.ringing
	m.stopRinging()
	m.connected(call)
}

// watchDTR does what &D asks when DTR goes off: nothing, command state, hang up, reset.
func (m *Modem) watchDTR(ctx context.Context, wait func(context.Context) (serial.Change, error)) {
	was, _ := m.p.Signals()
	for {
		if _, err := wait(ctx); err != nil {
			return
		}
		is, err := m.p.Signals()
		if err != nil {
			return
		}
		if was&^is&serial.DTR != 0 {
			m.mu.Lock()
			switch {
			case m.d == 1 && m.online:
				m.online, m.saw = false, nil
				m.result(ok0)
			case m.d >= 2:
				had := m.call != nil
				m.hangup()
				if m.d == 3 {
					m.settings = factory()
				}
				if had {
					m.result(noCarrier)
				}
			}
			m.mu.Unlock()
		}
		was = is
	}
}
