package uart16550

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// linuxAutoconfig asks what Linux's 8250 driver asks, in its order
// (drivers/tty/serial/8250/8250_port.c: autoconfig, autoconfig_16550a, size_fifo), and says what it
// would print.
func linuxAutoconfig(c *Chip) string {
	c.Out8(IER, 0)
	low := c.In8(IER) & 0x0f
	c.Out8(IER, 0x0f)
	high := c.In8(IER) & 0x0f
	c.Out8(IER, 0)
	if low != 0 || high != 0x0f {
		return fmt.Sprintf("nothing there: IER test %#x %#x", low, high)
	}
	mcr, lcr := c.In8(MCR), c.In8(LCR)
	c.Out8(MCR, MCR_LOOP|MCR_OUT2|MCR_RTS)
	if s := c.In8(MSR) & 0xf0; s != MSR_DCD|MSR_CTS {
		return fmt.Sprintf("nothing there: loop test %#x", s)
	}
	c.Out8(MCR, mcr)
	c.Out8(LCR, 0xbf)
	c.Out8(2, 0) // EFR
	c.Out8(LCR, 0)
	c.Out8(FCR, FCR_ENABLE)
	kind := ""
	switch c.In8(IIR) >> 6 {
	case 0:
		kind = "16450"
		save := c.In8(SCR)
		c.Out8(SCR, 0xa5)
		one := c.In8(SCR)
		c.Out8(SCR, 0x5a)
		two := c.In8(SCR)
		c.Out8(SCR, save)
		if one != 0xa5 || two != 0x5a {
			kind = "8250"
		}
	case 1:
		return "unknown"
	case 2:
		kind = "16550"
	case 3:
		kind = autoconfig16550A(c)
	}
	c.Out8(LCR, lcr)
	c.Out8(MCR, mcr)
	c.Out8(FCR, FCR_ENABLE|FCR_CLEARRX|FCR_CLEARTX)
	c.Out8(FCR, 0)
	c.In8(RBR)
	c.Out8(IER, 0)
	return fmt.Sprintf("%s, FIFO %d", kind, sizeFIFO(c))
}

func autoconfig16550A(c *Chip) string {
	c.Out8(LCR, LCR_DLAB)
	if c.In8(2) == 0 { // EFR: a 16650 and its family
		return "16650"
	}
	c.Out8(LCR, 0xbf)
	if c.In8(2) == 0 {
		return "16650V2"
	}
	c.Out8(LCR, 0)
	s1 := c.In8(MCR)
	c.Out8(LCR, 0xe0)
	if s2 := c.In8(2); (s2^s1)&MCR_LOOP == 0 {
		c.Out8(LCR, 0)
		c.Out8(MCR, s1^MCR_LOOP)
		c.Out8(LCR, 0xe0)
		s2 = c.In8(2)
		c.Out8(LCR, 0)
		c.Out8(MCR, s1)
		if (s2^s1)&MCR_LOOP != 0 {
			return "NS16550A SuperIO"
		}
	}
	c.Out8(LCR, 0)
	c.Out8(FCR, FCR_ENABLE)
	s1 = c.In8(IIR) >> 5
	c.Out8(FCR, 0)
	c.Out8(LCR, LCR_DLAB)
	c.Out8(FCR, FCR_ENABLE|0x20)
	s2 := c.In8(IIR) >> 5
	c.Out8(FCR, 0)
	c.Out8(LCR, 0)
	c.Out8(FCR, FCR_ENABLE)
	if s1 == 6 && s2 == 7 {
		return "16750"
	}
	ier := c.In8(IER)
	c.Out8(IER, ier|0x40)
	if c.In8(IER)&0x40 != 0 {
		return "XScale"
	}
	c.Out8(IER, ier)
	return "16550A"
}

func sizeFIFO(c *Chip) int {
	lcr := c.In8(LCR)
	c.Out8(LCR, 0)
	mcr := c.In8(MCR)
	c.Out8(FCR, FCR_ENABLE|FCR_CLEARRX|FCR_CLEARTX)
	c.Out8(MCR, MCR_LOOP)
	c.Out8(LCR, LCR_DLAB)
	c.Out8(DLL, 1)
	c.Out8(DLM, 0)
	c.Out8(LCR, n81)
	for i := range 256 {
		c.Out8(THR, uint8(i))
	}
	time.Sleep(20 * time.Millisecond)
	n := 0
	for c.In8(LSR)&LSR_DR != 0 && n < 256 {
		c.In8(RBR)
		n++
	}
	c.Out8(MCR, mcr)
	c.Out8(LCR, lcr)
	return n
}

func TestLinuxAutoconfig(t *testing.T) {
	for k, want := range map[Kind]string{
		PC16550A: "16550A, FIFO 16",
		PC16550:  "16550, FIFO 1",
		NS16450:  "16450, FIFO 1",
		INS8250:  "8250, FIFO 1",
	} {
		t.Run(k.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, q := serial.NullModem(serial.Paced)
				require.Equal(t, want, linuxAutoconfig(New(p, Options{Kind: k})))
				require.Zero(t, q.Counters().RX, "the probe stays inside the chip")
				require.Zero(t, q.Counters().CTSEdge)
			})
		})
	}
}
