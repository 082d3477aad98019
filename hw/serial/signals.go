package serial

import "strings"

// Signals is a set of modem lines that are on. A DTE drives DTR and RTS, a DCE the other four
// [V.24].
type Signals uint8

// The modem lines.
const (
	DTR Signals = 1 << iota // circuit 108/2, data terminal ready
	RTS                     // circuit 105/133, request to send (ready to receive)
	CTS                     // circuit 106, clear to send
	DSR                     // circuit 107, data set ready
	DCD                     // circuit 109, received line signal detector ("carrier")
	RI                      // circuit 125, ring indicator

	DTEOutputs = DTR | RTS
	DCEOutputs = CTS | DSR | DCD | RI
	AllSignals = DTEOutputs | DCEOutputs
)

var signalNames = [...]string{"DTR", "RTS", "CTS", "DSR", "DCD", "RI"}

// String writes the lines that are on as "RTS|CTS", or "-".
func (s Signals) String() string {
	var on []string
	for i, n := range signalNames {
		if s&(1<<i) != 0 {
			on = append(on, n)
		}
	}
	if on == nil {
		return "-"
	}
	return strings.Join(on, "|")
}

// Flags say what was wrong with a received character; 0 is nothing.
type Flags uint8

// The receive errors.
const (
	ParityError Flags = 1 << iota // the parity bit was not what the mode asks
	Framing                       // the stop bit was not 1
	Break                         // the wire was 0 for a whole frame; the character is 0
	// one or more characters before this one were lost: the receiver was full
	Overrun
)

// String writes the flags as "framing|overrun", or "ok".
func (f Flags) String() string {
	if f == 0 {
		return "ok"
	}
	var on []string
	for i, n := range [...]string{"parity", "framing", "break", "overrun"} {
		if f&(1<<i) != 0 {
			on = append(on, n)
		}
	}
	return strings.Join(on, "|")
}

// Counters count what an end has seen since it was made, as Linux's struct serial_icounter_struct
// does (TIOCGICOUNT).
type Counters struct {
	RX, TX                          uint64 // characters
	Frame, Parity, Break, Overrun   uint64 // characters received with that flag
	Lost                            uint64 // characters lost to overruns
	CTSEdge, DSREdge, DCDEdge, Ring uint64 // edges of the inputs; Ring counts its trailing edges
}

func (c *Counters) received(n int, f Flags) {
	c.RX += uint64(n)
	if f&ParityError != 0 {
		c.Parity++
	}
	if f&Framing != 0 {
		c.Frame++
	}
	if f&Break != 0 {
		c.Break++
	}
	if f&Overrun != 0 {
		c.Overrun++
	}
}

func (c *Counters) edges(was, is Signals) {
	changed := was ^ is
	if changed&CTS != 0 {
		c.CTSEdge++
	}
	if changed&DSR != 0 {
		c.DSREdge++
	}
	if changed&DCD != 0 {
		c.DCDEdge++
	}
	if was&^is&RI != 0 {
		c.Ring++
	}
}
