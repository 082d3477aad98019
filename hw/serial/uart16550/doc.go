// Package uart16550 is the 16550A UART, register by register, with a [serial.Port] at its pins.
//
//	driver ── In8, Out8 ──► Chip ── serial.Port ──► line
//	       ◄── irq(level) ──
//
// A driver sees eight ports and an interrupt line and nothing else. [Chip.ReadFIFO] and
// [Chip.WriteFIFO] are x86's "rep insb" and "rep outsb" with the driver's LSR check folded in: the
// same as a loop of In8 and Out8, in one call.
//
// The chip costs nothing per character: what the line has brought in is taken when a register is
// read or when the line's timer says that the next interrupt is due. On a paced line every event
// happens at its time: THRE when the last character moves to the shift register, TEMT when it has
// left, the data interrupt when the trigger level arrives, the time-out four character times after
// the last one, OE when a character finds the FIFO full. On a line without time (serial.Max)
// characters wait on the wire instead of overrunning, and the time-out is due at once.
//
// Not modelled: the one-character delay of the first THRE after an idle transmitter ([PC16550D] 8.4
// "FIFO interrupt mode", case 2), the receiver clock RCLK as a separate input, DMA signalling
// (RXRDY, TXRDY). A divisor of 0 keeps the rate that was.
//
// References:
//
//	[PC16550D]  National Semiconductor PC16550D Universal Asynchronous Receiver/Transmitter with
//	            FIFOs, June 1995
//	[TL16C550C] Texas Instruments TL16C550C Asynchronous Communications Element with Autoflow
//	            Control, SLLS177
package uart16550
