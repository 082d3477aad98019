package serial

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Baud is a line rate in bits per second.
type Baud uint32

// Parity is the parity bit's rule.
type Parity uint8

// The parity rules, in the order of RFC 2217's SET-PARITY values minus one.
const (
	ParityNone Parity = iota
	ParityOdd
	ParityEven
	ParityMark  // the bit is always 1
	ParitySpace // the bit is always 0
)

// StopBits is the length of the stop element in half bits.
type StopBits uint8

// The stop elements. A 16550 sends 1.5 for five data bits where it sends 2 for more.
const (
	Stop1  StopBits = 2
	Stop15 StopBits = 3
	Stop2  StopBits = 4
)

// Flow is the set of flow-control rules an end follows by itself.
type Flow uint8

// The flow-control rules.
const (
	// send only while CTS is on; take RTS off when the receive buffer fills
	FlowRTSCTS  Flow = 1 << iota
	FlowXONXOFF      // DC3 stops, DC1 starts; both are taken out of the data
	FlowNone    Flow = 0
)

// Mode is how an end sends and receives: rate, frame format and flow control. The zero Mode is not
// valid; see [DefaultMode].
type Mode struct {
	Baud   Baud
	Data   uint8 // data bits, 5 to 8
	Parity Parity
	Stop   StopBits
	Flow   Flow
}

// DefaultMode is 9600 8N1, what a Linux tty has when nobody has set anything.
var DefaultMode = Mode{Baud: 9600, Data: 8, Parity: ParityNone, Stop: Stop1}

// Format8N1 is the mode b 8N1 without flow control.
func Format8N1(b Baud) Mode { return Mode{Baud: b, Data: 8, Parity: ParityNone, Stop: Stop1} }

// Validate says what is wrong with m, or nil.
//
// Errors: EINVAL for a rate of 0, data bits outside 5..8, an unknown parity, stop length or flow
// rule.
func (m Mode) Validate() error {
	switch {
	case m.Baud == 0:
		return invalid("mode", "the rate is 0 baud; give a rate such as 115200")
	case m.Data < 5 || m.Data > 8:
		return invalid("mode", fmt.Sprintf("%d data bits; 5, 6, 7 or 8 are possible", m.Data))
	case m.Parity > ParitySpace:
		return invalid("mode", fmt.Sprintf("parity %d is not one of N, O, E, M, S", m.Parity))
	case m.Stop < Stop1 || m.Stop > Stop2:
		return invalid("mode", fmt.Sprintf("a stop element of %d half bits; 1, 1.5 or 2 bits are possible", m.Stop))
	case m.Flow&^(FlowRTSCTS|FlowXONXOFF) != 0:
		return invalid("mode", fmt.Sprintf("unknown flow control %#x; rtscts and xonxoff are possible", uint8(m.Flow)))
	}
	return nil
}

// halfBits is the length of one frame in half bits: start, data, parity, stop.
func (m Mode) halfBits() int64 { return 2*int64(m.frameBits()) + int64(m.Stop) }

// frameBits counts start, data and parity bits: the index of the first stop bit.
func (m Mode) frameBits() int {
	n := 1 + int(m.Data)
	if m.Parity != ParityNone {
		n++
	}
	return n
}

// span is the line time of n characters in nanoseconds; multiplied first, so that a long run does
// not drift.
func (m Mode) span(n int) Time { return Time(int64(n) * m.halfBits() * 500_000_000 / int64(m.Baud)) }

// CharTime is the line time of n characters: 86.8 µs for one at 115200 8N1.
func (m Mode) CharTime(n int) time.Duration { return time.Duration(m.span(n)) }

// parityBit is the parity bit of b, whose data bits are already masked.
func (m Mode) parityBit(b byte) bool {
	ones := false
	for v := b; v != 0; v &= v - 1 {
		ones = !ones
	}
	switch m.Parity {
	case ParityOdd:
		return !ones
	case ParityEven:
		return ones
	case ParityMark:
		return true
	}
	return false
}

// mask keeps the data bits of a character.
func (m Mode) mask() byte { return byte(1<<m.Data - 1) }

// frame is the character b as bits, first on the wire lowest: start 0, data, parity. The stop
// element (1) follows.
func (m Mode) frame(b byte) uint16 {
	b &= m.mask()
	f := uint16(b) << 1
	if m.Parity != ParityNone && m.parityBit(b) {
		f |= 1 << (1 + m.Data)
	}
	return f | 1<<m.frameBits()
}

// StopFlip and ParityFlip are the frame bits to invert for a framing and for a parity error in mode
// m (see [Port.SendFrame]).
func (m Mode) StopFlip() uint16 { return 1 << m.frameBits() }

// ParityFlip is 0 for a mode without a parity bit.
func (m Mode) ParityFlip() uint16 {
	if m.Parity == ParityNone {
		return 0
	}
	return 1 << (1 + m.Data)
}

const parityLetters = "NOEMS"

func (p Parity) String() string {
	if p > ParitySpace {
		return "?"
	}
	return parityLetters[p : p+1]
}

func (s StopBits) String() string {
	if s == Stop15 {
		return "1.5"
	}
	return strconv.Itoa(int(s) / 2)
}

func (f Flow) String() string {
	switch f {
	case FlowNone:
		return "none"
	case FlowRTSCTS:
		return "rtscts"
	case FlowXONXOFF:
		return "xonxoff"
	}
	return "rtscts+xonxoff"
}

// String writes a mode as "115200 8N1" or "115200 8N1 rtscts"; [ParseMode] reads it.
func (m Mode) String() string {
	s := fmt.Sprintf("%d %d%s%s", m.Baud, m.Data, m.Parity, m.Stop)
	if m.Flow != FlowNone {
		s += " " + m.Flow.String()
	}
	return s
}

// ParseMode reads "115200", "115200 8N1" or "9600 7E2 rtscts" (xonxoff, rtscts+xonxoff, none). A
// missing format is 8N1.
//
// Errors: EINVAL, with the part that could not be read.
func ParseMode(s string) (Mode, error) {
	m := DefaultMode
	f := strings.Fields(s)
	if len(f) == 0 || len(f) > 3 {
		return m, invalid("mode", fmt.Sprintf("%q: expected a rate, a format and flow control, such as \"115200 8N1 rtscts\"", s))
	}
	b, err := strconv.ParseUint(f[0], 10, 32)
	if err != nil {
		return m, invalid("mode", fmt.Sprintf("%q: the rate %q is not a number of bits per second", s, f[0]))
	}
	m.Baud = Baud(b)
	if len(f) > 1 {
		if err := m.parseFormat(strings.ToUpper(f[1])); err != nil {
			return m, err
		}
	}
	if len(f) > 2 {
		for part := range strings.SplitSeq(strings.ToLower(f[2]), "+") {
			switch part {
			case "rtscts":
				m.Flow |= FlowRTSCTS
			case "xonxoff":
				m.Flow |= FlowXONXOFF
			case "none":
			default:
				return m, invalid("mode", fmt.Sprintf("flow control %q; rtscts, xonxoff and none are possible", part))
			}
		}
	}
	return m, m.Validate()
}

func (m *Mode) parseFormat(s string) error {
	stop, ok := StopBits(0), false
	if len(s) >= 3 {
		stop, ok = map[string]StopBits{"1": Stop1, "1.5": Stop15, "2": Stop2}[s[2:]]
	}
	p := -1
	if ok {
		p = strings.IndexByte(parityLetters, s[1])
	}
	if p < 0 || s[0] < '0' || s[0] > '9' {
		return invalid("mode", fmt.Sprintf("format %q; expected data bits, parity letter and stop bits, such as 8N1 or 7E2", s))
	}
	m.Data, m.Parity, m.Stop = s[0]-'0', Parity(p), stop
	return nil
}

// Frame is the character b as levels, first on the wire lowest, with the bits in flip inverted, and
// how many bits it has up to the first stop bit, which is included.
func (m Mode) Frame(b byte, flip uint16) (levels uint16, n int) {
	return m.frame(b) ^ flip, m.frameBits() + 1
}

// BitTime is when bit n of a frame begins after the frame has.
func (m Mode) BitTime(n int) Time { return Time(int64(n) * 1_000_000_000 / int64(m.Baud)) }
