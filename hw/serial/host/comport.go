package host

import "github.com/kobench/kobench/hw/serial"

// The COM-PORT-OPTION's commands from client to server [RFC2217]; the server's are 100 higher.
const (
	cpSignature      = 0
	cpSetBaud        = 1
	cpSetDataSize    = 2
	cpSetParity      = 3
	cpSetStopSize    = 4
	cpSetControl     = 5
	cpNotifyLine     = 6 // from the server only: 106
	cpNotifyModem    = 7 // from the server only: 107
	cpSuspend        = 8
	cpResume         = 9
	cpSetLineMask    = 10
	cpSetModemMask   = 11
	cpPurge          = 12
	cpFromServer     = 100
	defaultModemMask = 255
)

// Values of SET-CONTROL.
const (
	ctlFlowQuery = 0 // outbound, or both ways
	ctlFlowNone  = 1
	ctlFlowXON   = 2
	ctlFlowRTS   = 3
	ctlBrkQuery  = 4
	ctlBrkOn     = 5
	ctlBrkOff    = 6
	ctlDTRQuery  = 7
	ctlDTROn     = 8
	ctlDTROff    = 9
	ctlRTSQuery  = 10
	ctlRTSOn     = 11
	ctlRTSOff    = 12
	ctlInQuery   = 13 // inbound flow control
	ctlInNone    = 14
	ctlInXON     = 15
	ctlInRTS     = 16
	ctlFlowDCD   = 17
	ctlInDTR     = 18
	ctlFlowDSR   = 19
)

// Bits of NOTIFY-LINESTATE, the LSR's.
const (
	lineDR      = 1
	lineOverrun = 2
	lineParity  = 4
	lineFraming = 8
	lineBreak   = 16
)

func lineState(f serial.Flags) (v byte) {
	if f&serial.Overrun != 0 {
		v |= lineOverrun
	}
	if f&serial.ParityError != 0 {
		v |= lineParity
	}
	if f&serial.Framing != 0 {
		v |= lineFraming
	}
	if f&serial.Break != 0 {
		v |= lineBreak
	}
	return v
}

func lineFlags(v byte) (f serial.Flags) {
	if v&lineOverrun != 0 {
		f |= serial.Overrun
	}
	if v&lineParity != 0 {
		f |= serial.ParityError
	}
	if v&lineFraming != 0 {
		f |= serial.Framing
	}
	if v&lineBreak != 0 {
		f |= serial.Break
	}
	return f
}

// modemState is NOTIFY-MODEMSTATE's byte: the lines, and what changed since was; the MSR's layout.
func modemState(was, is serial.Signals) (v byte) {
	for i, s := range [...]serial.Signals{serial.CTS, serial.DSR, serial.RI, serial.DCD} {
		if is&s != 0 {
			v |= 16 << i
		}
		changed := (was^is)&s != 0
		if s == serial.RI {
			changed = was&^is&s != 0
		}
		if changed {
			v |= 1 << i
		}
	}
	return v
}

func modemSignals(v byte) (s serial.Signals) {
	for i, l := range [...]serial.Signals{serial.CTS, serial.DSR, serial.RI, serial.DCD} {
		if v&(16<<i) != 0 {
			s |= l
		}
	}
	return s
}

func stopValue(s serial.StopBits) byte {
	switch s {
	case serial.Stop2:
		return 2
	case serial.Stop15:
		return 3
	}
	return 1
}

func stopOf(v byte) (serial.StopBits, bool) {
	switch v {
	case 1:
		return serial.Stop1, true
	case 2:
		return serial.Stop2, true
	case 3:
		return serial.Stop15, true
	}
	return 0, false
}

func flowValue(f serial.Flow) byte {
	switch {
	case f&serial.FlowRTSCTS != 0:
		return ctlFlowRTS
	case f&serial.FlowXONXOFF != 0:
		return ctlFlowXON
	}
	return ctlFlowNone
}
