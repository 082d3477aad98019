// Package modbus is a Modbus RTU slave.
//
//	dte, dce := serial.NullModem(serial.Max)
//	s := modbus.New(1, 100)
//	s.SetHolding(0, 1234)
//	go s.Run(ctx, dce)
//
// Functions 1 to 6, 8 (sub-function 0), 15, 16, 22 and 23 are served; others are answered with
// exception 1. Address 0 is a broadcast: done, not answered. A frame with a wrong CRC is dropped,
// and the line watched until it has been quiet for 3.5 characters.
//
// References:
//
//	[MBAP]  MODBUS Application Protocol Specification V1.1b3
//	[MBRTU] MODBUS over Serial Line Specification and Implementation Guide V1.02, 2.5.1 (RTU
//	        framing), 6.2.2 (CRC)
package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Exception is a Modbus exception code [MBAP] 7; 0 is none.
type Exception byte

// The exceptions a slave answers with.
const (
	IllegalFunction Exception = 1
	IllegalAddress  Exception = 2
	IllegalValue    Exception = 3
	DeviceFailure   Exception = 4
)

// Slave is one device: four tables of the same size, beginning at address 0.
type Slave struct {
	Address byte        `yaml:"address"` // 1 to 247
	Size    int         `yaml:"size"`    // of each table, 1 to 65536; set it before Run
	Mode    serial.Mode `yaml:"-"`       // zero: 19200 8E1, as [MBRTU] 2.5.1 asks

	mu       sync.Mutex
	coils    []bool
	discrete []bool
	input    []uint16
	holding  []uint16
	fail     Exception
	served   uint64
	bad      uint64
}

// New makes a slave with size coils, discrete inputs, input registers and holding registers.
func New(address byte, size int) *Slave {
	s := &Slave{Address: address, Size: size}
	s.sizeLocked()
	return s
}

// sizeLocked gives the tables their size; they are empty then, unless they have it already.
func (s *Slave) sizeLocked() {
	if len(s.coils) != s.Size {
		s.coils, s.discrete = make([]bool, s.Size), make([]bool, s.Size)
		s.input, s.holding = make([]uint16, s.Size), make([]uint16, s.Size)
	}
}

// Check reports an address or a size that the protocol does not have.
//
// Errors: what is wrong, in a sentence.
func (s *Slave) Check() error {
	if s.Address < 1 || s.Address > 247 || s.Size < 1 || s.Size > 65536 {
		return fmt.Errorf("address %d, size %d: want 1 to 247 and 1 to 65536", s.Address, s.Size)
	}
	return nil
}

// Format is the rate and format that it speaks.
func (s *Slave) Format() serial.Mode {
	if s.Mode.Baud == 0 {
		return serial.Mode{Baud: 19200, Data: 8, Parity: serial.ParityEven, Stop: serial.Stop1}
	}
	return s.Mode
}

// Probe is how to know a slave: read one holding register.
func (s *Slave) Probe() (ask []byte, answered func(got []byte) bool, want string) {
	ask = []byte{s.Address, 3, 0, 0, 0, 1}
	return binary.LittleEndian.AppendUint16(ask, CRC(ask)), func(b []byte) bool {
		return len(b) == 7 && b[0] == s.Address && b[1] == 3 && CRC(b[:5]) == binary.LittleEndian.Uint16(b[5:])
	}, "a holding register"
}

// Holding, SetHolding, SetInput, Coil, SetCoil and SetDiscrete are the process's side. An address
// outside the tables panics, as an index does.
func (s *Slave) Holding(a int) uint16 { s.mu.Lock(); defer s.mu.Unlock(); return s.holding[a] }

// SetHolding sets a holding register.
func (s *Slave) SetHolding(a int, v uint16) { s.mu.Lock(); defer s.mu.Unlock(); s.holding[a] = v }

// SetInput sets an input register.
func (s *Slave) SetInput(a int, v uint16) { s.mu.Lock(); defer s.mu.Unlock(); s.input[a] = v }

// Coil is a coil's state.
func (s *Slave) Coil(a int) bool { s.mu.Lock(); defer s.mu.Unlock(); return s.coils[a] }

// SetCoil sets a coil.
func (s *Slave) SetCoil(a int, on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.coils[a] = on }

// SetDiscrete sets a discrete input.
func (s *Slave) SetDiscrete(a int, on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.discrete[a] = on }

// Fail makes every request fail with e; 0 ends that.
func (s *Slave) Fail(e Exception) { s.mu.Lock(); defer s.mu.Unlock(); s.fail = e }

// Counts are the requests served and the frames dropped for their CRC.
func (s *Slave) Counts() (served, bad uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served, s.bad
}

// Run answers on p until ctx ends or p is closed (nil), or p fails.
func (s *Slave) Run(ctx context.Context, p serial.Conn) error {
	s.mu.Lock()
	s.sizeLocked()
	s.mu.Unlock()
	m := s.Format()
	if err := p.SetMode(m); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { p.SetReadDeadline(time.Now()) })
	defer stop()
	var frame [256]byte
	n := 0
	for {
		if n == 0 {
			p.SetReadDeadline(time.Time{})
		} else {
			p.SetReadDeadline(time.Now().Add(quiet(m)))
		}
		if ctx.Err() != nil {
			return nil
		}
		k, err := p.Read(frame[n:])
		n += k
		switch {
		case ctx.Err() != nil, errors.Is(err, os.ErrClosed):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			// the line went quiet in the middle of a frame, or after one of unknown length
			if n > 0 {
				s.frame(p, frame[:n])
				n = 0
			}
			continue
		case err != nil:
			return err
		}
		if want := requestLen(frame[:n]); want > 0 && n >= want {
			s.frame(p, frame[:want])
			n = copy(frame[:], frame[want:n])
		} else if n == len(frame) {
			s.drop()
			n = 0
		}
	}
}

// quiet is how long the line must rest for a frame to be over: 3.5 characters, at least 1.75 ms
// [MBRTU] 2.5.1.1; doubled, since a sender on a busy machine pauses.
func quiet(m serial.Mode) time.Duration { return 2 * max(m.CharTime(7)/2, 1750*time.Microsecond) }

func (s *Slave) drop() { s.mu.Lock(); s.bad++; s.mu.Unlock() }

// requestLen is the length of the request that begins with b, with address and CRC; 0 while it
// cannot be told.
func requestLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case 1, 2, 3, 4, 5, 6, 8:
		return 8
	case 15, 16:
		if len(b) > 6 {
			return 9 + int(b[6])
		}
	case 22:
		return 10
	case 23:
		if len(b) > 10 {
			return 13 + int(b[10])
		}
	}
	return 0
}

// frame answers one frame.
func (s *Slave) frame(p serial.Conn, b []byte) {
	if len(b) < 4 || CRC(b[:len(b)-2]) != binary.LittleEndian.Uint16(b[len(b)-2:]) {
		s.drop()
		return
	}
	if b[0] != s.Address && b[0] != 0 {
		return
	}
	reply := s.Handle(b[1 : len(b)-2])
	if b[0] == 0 {
		return
	}
	out := append([]byte{b[0]}, reply...)
	out = binary.LittleEndian.AppendUint16(out, CRC(out))
	p.Write(out) // a failure shows at the next read
}

// CRC is the check of [MBRTU] 6.2.2; it is sent low byte first.
func CRC(b []byte) uint16 {
	c := uint16(0xffff)
	for _, x := range b {
		c ^= uint16(x)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xa001
			} else {
				c >>= 1
			}
		}
	}
	return c
}
