package uart16550

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// setup programs c as a driver does: rate, format, FIFOs on with trigger 8, interrupts let out.
func setup(c *Chip, divisor uint16, lcr uint8) {
	c.Out8(LCR, lcr|LCR_DLAB)
	c.Out8(DLL, uint8(divisor))
	c.Out8(DLM, uint8(divisor>>8))
	c.Out8(LCR, lcr)
	c.Out8(FCR, FCR_ENABLE|FCR_CLEARRX|FCR_CLEARTX|0x80)
	c.Out8(MCR, MCR_DTR|MCR_RTS|MCR_OUT2)
	c.In8(LSR)
	c.In8(MSR)
}

const n81 = 0x03

func chips(s serial.Speed, o Options) (a, b *Chip) {
	p, q := serial.NullModem(s)
	a, b = New(p, o), New(q, o)
	setup(a, 1, n81)
	setup(b, 1, n81)
	a.In8(MSR) // b's lines came on after a was ready
	return a, b
}

func send(c *Chip, s string) {
	for i := range len(s) {
		c.Out8(THR, s[i])
	}
}

func bit(n int) time.Duration { return time.Duration(n) * time.Second / 115200 }

func TestResetState(t *testing.T) {
	c := New(serial.Loopback(serial.Max), Options{})
	for reg, want := range map[uint8]uint8{IER: 0, IIR: IIR_NONE, LCR: 0, MCR: 0, LSR: LSR_THRE | LSR_TEMT, MSR: 0, SCR: 0} {
		require.Equal(t, want, c.In8(reg), "register %d after reset [PC16550D] table III", reg)
	}
	c.Out8(LSR, 0xff)
	require.EqualValues(t, LSR_THRE|LSR_TEMT, c.In8(LSR), "LSR cannot be written")
	c.Out8(IER, 0xff)
	require.EqualValues(t, 0x0f, c.In8(IER))
	c.Out8(MCR, 0xff&^MCR_LOOP)
	require.EqualValues(t, 0x0f, c.In8(MCR))
	require.EqualValues(t, 115200, c.BaseBaud())
}

func TestDivisorAndFormat(t *testing.T) {
	p, q := serial.NullModem(serial.Max)
	c := New(p, Options{})
	for _, v := range []struct {
		div  uint16
		lcr  uint8
		want string
	}{
		{1, 0x03, "115200 8N1"}, {12, 0x03, "9600 8N1"}, {384, 0x1a, "300 7E1"}, {2, 0x0f, "57600 8O2"},
		{1, 0x04, "115200 5N1.5"}, {1, 0x2b, "115200 8M1"}, {96, 0x3a, "1200 7S1"}, {0xffff, 0x03, "1 8N1"},
	} {
		setup(c, v.div, v.lcr)
		require.Equal(t, v.want, q.PeerMode().String())
		c.Out8(LCR, v.lcr|LCR_DLAB)
		require.EqualValues(t, v.div, uint16(c.In8(DLM))<<8|uint16(c.In8(DLL)))
		c.Out8(LCR, v.lcr)
	}
}

// Transmitter timing: THRE when the last character moves to the shift register, TEMT when it has
// left.
func TestTransmitTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var edges []time.Duration
		start := time.Now()
		p, q := serial.NullModem(serial.Paced)
		c := New(p, Options{IRQ: func(l bool) {
			if l {
				edges = append(edges, time.Since(start))
			}
		}})
		q.SetMode(serial.Format8N1(115200))
		setup(c, 1, n81)
		send(c, "0123456789ABCDEFG!lost") // one in the shift register, 16 in the FIFO
		c.Out8(IER, IER_THRI)
		require.EqualValues(t, 0, c.In8(LSR)&(LSR_THRE|LSR_TEMT))
		time.Sleep(bit(170))
		synctest.Wait()
		require.Equal(t, []time.Duration{serial.Format8N1(115200).CharTime(16)}, edges)
		require.EqualValues(t, LSR_THRE|LSR_TEMT, c.In8(LSR))
		require.EqualValues(t, IIR_FIFO|IIR_THRI, c.In8(IIR))
		require.EqualValues(t, IIR_FIFO|IIR_NONE, c.In8(IIR), "reading IIR resets THRI")
		buf := make([]byte, 64)
		n, err := q.Read(buf)
		require.NoError(t, err)
		require.Equal(t, "0123456789ABCDEFG", string(buf[:n]))
		c.Out8(IER, 0)
		c.Out8(IER, IER_THRI)
		require.EqualValues(t, IIR_FIFO|IIR_THRI, c.In8(IIR), "enabling THRI with THR empty interrupts at once")
		c.Out8(THR, 'x')
		require.EqualValues(t, LSR_THRE, c.In8(LSR)&(LSR_THRE|LSR_TEMT))
		time.Sleep(bit(10))
		require.EqualValues(t, LSR_THRE|LSR_TEMT, c.In8(LSR)&(LSR_THRE|LSR_TEMT))
	})
}

// Receiver timing: the trigger level, and the time-out 4 character times after the last character.
func TestReceiveTiming(t *testing.T) {
	for i, level := range triggers {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, q := serial.NullModem(serial.Paced)
				q.SetMode(serial.Format8N1(115200))
				start := time.Now()
				var edges []time.Duration
				c := New(p, Options{IRQ: func(l bool) {
					if l {
						edges = append(edges, time.Since(start))
					}
				}})
				setup(c, 1, n81)
				c.Out8(FCR, FCR_ENABLE|uint8(i)<<6)
				c.Out8(IER, IER_RDI)
				ct := serial.Format8N1(115200).CharTime
				q.Write(make([]byte, level))
				time.Sleep(ct(level))
				synctest.Wait()
				require.Equal(t, []time.Duration{ct(level)}, edges)
				require.EqualValues(t, IIR_FIFO|IIR_RDI, c.In8(IIR))
				if level == 1 {
					return
				}
				c.In8(RBR)
				require.EqualValues(t, IIR_FIFO|IIR_NONE, c.In8(IIR), "below the trigger")
				time.Sleep(ct(4))
				synctest.Wait()
				require.Equal(t, []time.Duration{ct(level), ct(level) + ct(4)}, edges)
				require.EqualValues(t, IIR_FIFO|IIR_TIMEOUT, c.In8(IIR))
				c.In8(RBR)
				require.EqualValues(t, IIR_FIFO|IIR_NONE, c.In8(IIR), "RBR restarts the time-out")
			})
		})
	}
}

func TestOverrun(t *testing.T) {
	for _, k := range []Kind{PC16550A, NS16450} {
		t.Run(k.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, q := serial.NullModem(serial.Paced)
				q.SetMode(serial.Format8N1(115200))
				c := New(p, Options{Kind: k})
				setup(c, 1, n81)
				q.Write([]byte("0123456789abcdefXYZ"))
				q.Drain()
				lsr := c.In8(LSR)
				require.EqualValues(t, LSR_OE|LSR_DR, lsr&(LSR_OE|LSR_DR))
				require.EqualValues(t, LSR_DR, c.In8(LSR)&(LSR_OE|LSR_DR), "reading LSR resets OE")
				got := ""
				for c.In8(LSR)&LSR_DR != 0 {
					got += string(c.In8(RBR))
				}
				want := "0123456789abcdef" // the FIFO keeps what it has
				if k == NS16450 {
					want = "Z" // RBR is overwritten
				}
				require.Equal(t, want, got)
			})
		})
	}
}

func TestErrorsAtTheTopOfTheFIFO(t *testing.T) {
	for _, s := range []serial.Speed{serial.Paced, serial.Max} {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, q := serial.NullModem(s)
				m, _ := serial.ParseMode("115200 8E1")
				q.SetMode(m)
				c := New(p, Options{})
				setup(c, 1, 0x1b)
				c.Out8(IER, IER_RLSI)
				q.Write([]byte("a"))
				require.NoError(t, q.SendFrame('b', m.ParityFlip()))
				q.Write([]byte("c"))
				if s == serial.Paced {
					q.Drain()
				}
				require.EqualValues(t, LSR_DR|LSR_FIFOE, c.In8(LSR)&(LSR_DR|LSR_FIFOE|lsrErrors), "not yet at the top")
				require.EqualValues(t, IIR_FIFO|IIR_NONE, c.In8(IIR))
				require.EqualValues(t, 'a', c.In8(RBR))
				require.EqualValues(t, IIR_FIFO|IIR_RLSI, c.In8(IIR))
				require.EqualValues(t, LSR_DR|LSR_PE|LSR_FIFOE, c.In8(LSR)&(LSR_DR|LSR_FIFOE|lsrErrors))
				require.EqualValues(t, LSR_DR, c.In8(LSR)&(LSR_DR|LSR_FIFOE|lsrErrors), "LSR resets it")
				require.EqualValues(t, 'b', c.In8(RBR))
				require.EqualValues(t, 'c', c.In8(RBR))
				require.NoError(t, q.SendBreak(10*time.Millisecond))
				synctest.Wait()
				require.EqualValues(t, LSR_DR|LSR_BI|LSR_FE|LSR_FIFOE, c.In8(LSR)&(LSR_DR|LSR_FIFOE|lsrErrors))
				require.EqualValues(t, 0, c.In8(RBR))
				require.EqualValues(t, 0, c.In8(LSR)&LSR_DR, "one character for a break")
			})
		})
	}
}

func TestBreakOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := chips(serial.Paced, Options{})
		a.Out8(LCR, n81|LCR_BREAK)
		send(a, "lost")
		time.Sleep(100 * time.Millisecond)
		a.Out8(LCR, n81)
		send(a, "ok")
		time.Sleep(time.Millisecond)
		require.EqualValues(t, LSR_BI|LSR_DR, b.In8(LSR)&(LSR_BI|LSR_DR))
		require.EqualValues(t, 0, b.In8(RBR))
		require.Equal(t, "ok", string([]byte{b.In8(RBR), b.In8(RBR)}))
	})
}

func TestModemStatus(t *testing.T) {
	irqs := 0
	p, q := serial.Straight(serial.Max)
	c := New(p, Options{IRQ: func(l bool) {
		if l {
			irqs++
		}
	}})
	setup(c, 1, n81)
	c.Out8(IER, IER_MSI)
	for _, v := range []struct {
		mask, value serial.Signals
		msr         uint8
	}{
		{serial.CTS, serial.CTS, MSR_CTS | MSR_DCTS},
		{serial.DSR | serial.DCD, serial.DSR | serial.DCD, MSR_CTS | MSR_DSR | MSR_DCD | MSR_DDSR | MSR_DDCD},
		{serial.RI, serial.RI, MSR_CTS | MSR_DSR | MSR_DCD | MSR_RI}, // TERI is the trailing edge
		{serial.RI, 0, MSR_CTS | MSR_DSR | MSR_DCD | MSR_TERI},
		{serial.AllSignals, 0, MSR_DCTS | MSR_DDSR | MSR_DDCD},
	} {
		q.SetSignals(v.mask, v.value)
		if v.msr&0x0f != 0 {
			require.EqualValues(t, IIR_FIFO|IIR_MSI, c.In8(IIR))
		}
		require.Equal(t, v.msr, c.In8(MSR))
		require.Equal(t, v.msr&0xf0, c.In8(MSR), "reading MSR resets the deltas")
		require.EqualValues(t, IIR_FIFO|IIR_NONE, c.In8(IIR))
	}
	require.Equal(t, 4, irqs)
	s, _ := q.Signals()
	require.Equal(t, serial.DTR|serial.RTS, s)
	c.Out8(MCR, 0)
	s, _ = q.Signals()
	require.Zero(t, s)
}

func TestInternalLoop(t *testing.T) {
	for _, s := range []serial.Speed{serial.Paced, serial.Max} {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pin := false
				p, q := serial.NullModem(s)
				q.SetMode(serial.Format8N1(115200))
				c := New(p, Options{IRQ: func(l bool) { pin = l }})
				setup(c, 1, n81)
				q.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
				c.In8(MSR)
				for mcr, want := range map[uint8]uint8{MCR_DTR: MSR_DSR, MCR_RTS: MSR_CTS, MCR_OUT1: MSR_RI, MCR_OUT2: MSR_DCD} {
					c.Out8(MCR, MCR_LOOP|mcr)
					require.Equal(t, want, c.In8(MSR)&0xf0)
				}
				in, _ := q.Signals()
				require.Zero(t, in, "the output pins are inactive")
				c.Out8(IER, IER_RDI)
				c.Out8(MCR, MCR_LOOP|MCR_OUT2)
				send(c, "inside")
				q.Write([]byte("outside"))
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				require.False(t, pin, "OUT2's pin is inactive too")
				got := make([]byte, 32)
				require.Equal(t, "inside", string(got[:c.ReadFIFO(got)]))
				require.Zero(t, q.Counters().RX)
				c.Out8(MCR, MCR_DTR|MCR_RTS|MCR_OUT2)
				require.EqualValues(t, MSR_CTS|MSR_DSR|MSR_DCD, c.In8(MSR)&0xf0)
				q.Write([]byte("back"))
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				require.True(t, pin)
				require.Equal(t, "back", string(got[:c.ReadFIFO(got)]))
			})
		})
	}
}

func TestPriorities(t *testing.T) {
	a, b := chips(serial.Max, Options{})
	b.Out8(IER, 0x0f)
	for _, v := range []struct {
		what string
		make func()
		iir  uint8
		undo func()
	}{
		{"THR empty", func() {}, IIR_THRI, nil},
		{"modem lines do not hide it", func() { a.Out8(MCR, 0) }, IIR_THRI, nil},
		{"data", func() { b.Out8(IER, 0); b.Out8(IER, 0xf); send(a, "12345678") }, IIR_RDI, nil},
		{"line status", func() { a.Out8(LCR, n81|LCR_BREAK); a.Out8(LCR, n81); b.ReadFIFO(make([]byte, 8)) }, IIR_RLSI, nil},
		{"after LSR", func() { b.In8(LSR) }, IIR_TIMEOUT, nil},
		{"after RBR", func() { b.In8(RBR) }, IIR_THRI, nil},
		{"after IIR", func() {}, IIR_MSI, nil},
		{"after MSR", func() { b.In8(MSR) }, IIR_NONE, nil},
	} {
		v.make()
		if v.what == "modem lines do not hide it" {
			b.Out8(IER, 0)
			b.Out8(IER, 0xf)
		}
		require.Equal(t, IIR_FIFO|v.iir, b.In8(IIR), v.what)
	}
}

func TestAutoFlow(t *testing.T) {
	for _, s := range []serial.Speed{serial.Paced, serial.Max} {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := chips(s, Options{AutoFlow: true})
				for _, c := range []*Chip{a, b} {
					c.Out8(MCR, MCR_DTR|MCR_RTS|MCR_OUT2|MCR_AFE)
				}
				data := bytes.Repeat([]byte("auto flow control "), 100)
				rest := data
				var got []byte
				buf := make([]byte, 3)
				for i := 0; len(got) < len(data); i++ {
					require.Less(t, i, 100000)
					rest = rest[a.WriteFIFO(rest[:min(16, len(rest))]):]
					if i%40 == 0 {
						for n := 1; n > 0; {
							n = b.ReadFIFO(buf)
							got = append(got, buf[:n]...)
						}
					}
					time.Sleep(bit(10))
				}
				require.True(t, bytes.Equal(data, got))
				require.Zero(t, b.Port().Counters().Lost)
			})
		})
	}
}

// Without automatic flow control, on a paced line, a receiver that does not look loses characters.
func TestOverrunWithoutFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := chips(serial.Paced, Options{})
		for range 4 {
			a.WriteFIFO(make([]byte, 16))
			time.Sleep(bit(170))
		}
		b.In8(LSR)
		require.EqualValues(t, 48, b.Port().Counters().Lost)
	})
}

// ReadFIFO and WriteFIFO do what the loops of single accesses do: two identical systems, the same
// random story.
func TestBatchEqualsLoop(t *testing.T) {
	for _, s := range []serial.Speed{serial.Paced, serial.Max} {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type system struct {
					a, b *Chip
					log  []string
				}
				var sys [2]system
				for i := range sys {
					sys[i].a, sys[i].b = chips(s, Options{})
					sys[i].b.Out8(IER, 0x07)
				}
				rnd := rand.New(rand.NewPCG(1, 2))
				for step := range 4000 {
					op, n := rnd.IntN(10), 1+rnd.IntN(24)
					data := make([]byte, n)
					for i := range data {
						data[i] = byte(rnd.Uint32())
					}
					for i := range sys {
						y := &sys[i]
						batch := i == 1
						var r string
						switch {
						case op < 4: // send
							k := 0
							free := y.a.In8(LSR)&LSR_THRE != 0
							if batch && free {
								k = y.a.WriteFIFO(data[:min(n, 16)])
							} else if free {
								for ; k < min(n, 16); k++ {
									y.a.Out8(THR, data[k])
								}
							}
							r = fmt.Sprint("w", k)
						case op < 8: // receive
							if batch {
								r = fmt.Sprintf("r%x", data[:y.b.ReadFIFO(data)])
							} else {
								k := 0
								for k < n && y.b.peekLSR()&(LSR_DR|lsrErrors) == LSR_DR {
									data[k] = y.b.In8(RBR)
									k++
								}
								r = fmt.Sprintf("r%x", data[:k])
							}
						case op == 8:
							y.a.Out8(LCR, n81|LCR_BREAK)
						case op == 9:
							y.a.Out8(LCR, n81)
							r = fmt.Sprintf("lsr %x iir %x rbr %x", y.b.In8(LSR), y.b.In8(IIR), y.b.In8(RBR))
						}
						y.log = append(y.log, r)
					}
					time.Sleep(bit(rnd.IntN(80)))
					synctest.Wait() // what happens at this very time has happened
					require.Equal(t, sys[0].log[step], sys[1].log[step], "step %d", step)
				}
			})
		})
	}
}

// peekLSR is LSR without its side effects.
func (c *Chip) peekLSR() uint8 {
	c.pins.Lock()
	defer c.pins.Unlock()
	now := c.io.NowLocked()
	c.settle(now)
	return c.status(now)
}

func TestNoAllocs(t *testing.T) {
	for _, s := range []serial.Speed{serial.Paced, serial.Max} {
		c := New(serial.Loopback(s), Options{IRQ: func(bool) {}})
		setup(c, 1, n81)
		c.Out8(IER, 0x0f)
		buf := make([]byte, 64)
		require.Zero(t, testing.AllocsPerRun(200, func() {
			c.Out8(THR, 1)
			c.In8(LSR)
			c.In8(RBR)
			c.WriteFIFO(buf)
			c.ReadFIFO(buf)
		}), s.String())
	}
}

func BenchmarkRegisters(b *testing.B) {
	c := New(serial.Loopback(serial.Max), Options{IRQ: func(bool) {}})
	setup(c, 1, n81)
	b.ReportAllocs()
	b.SetBytes(1)
	for b.Loop() {
		c.Out8(THR, 1)
		c.In8(LSR)
		c.In8(RBR)
	}
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{16, 256, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, y := chips(serial.Max, Options{IRQ: func(bool) {}})
			y.Out8(IER, IER_RDI)
			buf := make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				for k := 0; k < n; {
					k += x.WriteFIFO(buf[k:])
				}
				for k := 0; k < n; {
					k += y.ReadFIFO(buf[k:])
				}
			}
		})
	}
}
