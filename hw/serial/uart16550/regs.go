package uart16550

import "github.com/kobench/kobench/hw/serial"

// Register offsets [PC16550D] table II. With LCR_DLAB set, 0 and 1 are the divisor latch.
const (
	RBR = 0 // receiver buffer, read [PC16550D] 8.0
	THR = 0 // transmitter holding, write
	DLL = 0 // divisor latch, low [PC16550D] 8.3
	IER = 1 // interrupt enable [PC16550D] 8.6
	DLM = 1 // divisor latch, high
	IIR = 2 // interrupt identification, read [PC16550D] 8.5
	FCR = 2 // FIFO control, write [PC16550D] 8.4 (not in the 8250 and 16450)
	LCR = 3 // line control [PC16550D] 8.1
	MCR = 4 // modem control [PC16550D] 8.7
	LSR = 5 // line status [PC16550D] 8.2 (written in factory tests only: ignored)
	MSR = 6 // modem status [PC16550D] 8.8
	SCR = 7 // scratchpad [PC16550D] 8.9 (not in the 8250)
)

// IER, interrupt enable [PC16550D] 8.6.
const (
	IER_RDI  = 0x01 // received data available, and time-out in FIFO mode
	IER_THRI = 0x02 // transmitter holding register empty
	IER_RLSI = 0x04 // receiver line status
	IER_MSI  = 0x08 // modem status
)

// IIR, interrupt identification, highest priority first [PC16550D] table IV.
const (
	IIR_RLSI = 0x06 // overrun, parity, framing error or break; reset by reading LSR
	IIR_RDI  = 0x04 // data, or the trigger level reached; reset when the FIFO falls below it
	// data in the FIFO, none came or went for 4 character times; reset by reading RBR
	IIR_TIMEOUT = 0x0c
	IIR_THRI    = 0x02 // THR empty; reset by reading this, or writing THR
	IIR_MSI     = 0x00 // modem status changed; reset by reading MSR
	IIR_NONE    = 0x01 // bit 0 set: no interrupt is pending
	IIR_FIFO    = 0xc0 // bits 7, 6: the FIFOs are on (16550A)
	IIR_FIFO550 = 0x80 // what the 16550, whose FIFOs do not work, shows instead
)

// FCR, FIFO control [PC16550D] 8.4.
const (
	FCR_ENABLE  = 0x01 // changing it clears both FIFOs
	FCR_CLEARRX = 0x02
	FCR_CLEARTX = 0x04
	FCR_TRIGGER = 0xc0 // 1, 4, 8 or 14 characters
)

var triggers = [4]int{1, 4, 8, 14} // [PC16550D] table under 8.4, bits 7 and 6

// LCR, line control [PC16550D] 8.1.
const (
	LCR_WLEN   = 0x03 // 5 to 8 data bits
	LCR_STOP   = 0x04 // 2 stop bits; 1.5 for 5 data bits
	LCR_PARITY = 0x08
	LCR_EPAR   = 0x10 // even
	LCR_SPAR   = 0x20 // stick parity: the bit is the complement of EPAR
	LCR_BREAK  = 0x40
	LCR_DLAB   = 0x80 // divisor latch access
)

// MCR, modem control [PC16550D] 8.7.
const (
	MCR_DTR  = 0x01
	MCR_RTS  = 0x02
	MCR_OUT1 = 0x04
	MCR_OUT2 = 0x08 // on a PC: lets the interrupt out
	MCR_LOOP = 0x10
	MCR_AFE  = 0x20 // automatic flow control [TL16C550C], if the chip has it
)

// LSR, line status [PC16550D] 8.2.
const (
	LSR_DR    = 0x01 // data ready
	LSR_OE    = 0x02 // overrun error
	LSR_PE    = 0x04 // parity error
	LSR_FE    = 0x08 // framing error
	LSR_BI    = 0x10 // break interrupt
	LSR_THRE  = 0x20 // transmitter holding register (FIFO) empty
	LSR_TEMT  = 0x40 // shift register empty too
	LSR_FIFOE = 0x80 // some character in the FIFO has PE, FE or BI

	lsrErrors = LSR_OE | LSR_PE | LSR_FE | LSR_BI
)

// MSR, modem status [PC16550D] 8.8.
const (
	MSR_DCTS = 0x01 // CTS changed since the last read
	MSR_DDSR = 0x02
	MSR_TERI = 0x04 // RI went off
	MSR_DDCD = 0x08
	MSR_CTS  = 0x10
	MSR_DSR  = 0x20
	MSR_RI   = 0x40
	MSR_DCD  = 0x80
)

// Kind is which chip it is.
type Kind uint8

// The family. FIFOs work in the 16550A alone.
const (
	PC16550A Kind = iota
	PC16550       // shows broken FIFOs
	NS16450       // no FIFO
	INS8250       // no scratch register either
)

func (k Kind) String() string {
	return [...]string{"16550A", "16550", "16450", "8250"}[k&3]
}

const fifoSize = 16

// mode is what LCR and the divisor make of the line.
func (c *Chip) mode() serial.Mode {
	m := serial.Mode{Baud: c.baud, Data: 5 + c.lcr&LCR_WLEN, Stop: serial.Stop1}
	if c.lcr&LCR_STOP != 0 {
		m.Stop = serial.Stop2
		if m.Data == 5 {
			m.Stop = serial.Stop15
		}
	}
	switch c.lcr & (LCR_PARITY | LCR_EPAR | LCR_SPAR) {
	case LCR_PARITY:
		m.Parity = serial.ParityOdd
	case LCR_PARITY | LCR_EPAR:
		m.Parity = serial.ParityEven
	case LCR_PARITY | LCR_SPAR:
		m.Parity = serial.ParityMark
	case LCR_PARITY | LCR_EPAR | LCR_SPAR:
		m.Parity = serial.ParitySpace
	}
	return m
}

// msrLines are the MSR's upper half for the lines in s.
func msrLines(s serial.Signals) (v uint8) {
	if s&serial.CTS != 0 {
		v |= MSR_CTS
	}
	if s&serial.DSR != 0 {
		v |= MSR_DSR
	}
	if s&serial.RI != 0 {
		v |= MSR_RI
	}
	if s&serial.DCD != 0 {
		v |= MSR_DCD
	}
	return v
}

// loopLines are the MSR's upper half in loop-back mode: DTR→DSR, RTS→CTS, OUT1→RI, OUT2→DCD
// [PC16550D] 8.7 bit 4.
func loopLines(mcr uint8) (v uint8) {
	if mcr&MCR_DTR != 0 {
		v |= MSR_DSR
	}
	if mcr&MCR_RTS != 0 {
		v |= MSR_CTS
	}
	if mcr&MCR_OUT1 != 0 {
		v |= MSR_RI
	}
	if mcr&MCR_OUT2 != 0 {
		v |= MSR_DCD
	}
	return v
}

// lsrFlags are a received character's errors as LSR bits. A break has no stop bit, so FE comes with
// BI.
func lsrFlags(f serial.Flags) (v uint8) {
	if f&serial.ParityError != 0 {
		v |= LSR_PE
	}
	if f&serial.Framing != 0 {
		v |= LSR_FE
	}
	if f&serial.Break != 0 {
		v |= LSR_BI | LSR_FE
	}
	return v
}
