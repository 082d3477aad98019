package uart16550

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// driver is the smallest interrupt-driven driver: it sleeps until the pin goes high and serves what
// IIR says.
type driver struct {
	c     *Chip
	wake  chan struct{}
	out   []byte
	in    []byte
	want  int
	batch bool
}

func newDriver(p *serial.Port, batch bool) *driver {
	d := &driver{wake: make(chan struct{}, 1), batch: batch}
	d.c = New(p, Options{IRQ: func(level bool) {
		if level {
			select {
			case d.wake <- struct{}{}:
			default:
			}
		}
	}})
	setup(d.c, 1, n81)
	return d
}

// run serves interrupts until everything is sent and received; it gives up when the chip is silent
// for a minute.
func (d *driver) run(t *testing.T) {
	ier := uint8(IER_RDI | IER_RLSI)
	if len(d.out) > 0 {
		ier |= IER_THRI
	}
	d.c.Out8(IER, ier)
	buf := make([]byte, 4096)
	for len(d.out) > 0 || len(d.in) < d.want {
		select {
		case <-d.wake:
		case <-time.After(time.Minute):
			t.Errorf("no interrupt for a minute: %d to send, %d of %d received, IIR %#x, LSR %#x", len(d.out), len(d.in), d.want, d.c.In8(IIR), d.c.In8(LSR))
			return
		}
		for {
			switch d.c.In8(IIR) & 0x0f {
			case IIR_NONE:
			case IIR_RLSI:
				if v := d.c.In8(LSR); v&lsrErrors != 0 {
					t.Errorf("LSR %#x after %d characters", v, len(d.in))
				}
				continue
			case IIR_RDI, IIR_TIMEOUT:
				if d.batch {
					d.in = append(d.in, buf[:d.c.ReadFIFO(buf)]...)
				} else {
					for d.c.In8(LSR)&LSR_DR != 0 {
						d.in = append(d.in, d.c.In8(RBR))
					}
				}
				continue
			case IIR_THRI:
				if len(d.out) == 0 {
					d.c.Out8(IER, ier&^IER_THRI)
					continue
				}
				n := 0
				if d.batch {
					n = d.c.WriteFIFO(d.out[:min(len(d.out), 4096)])
				} else {
					for ; n < min(16, len(d.out)); n++ {
						d.c.Out8(THR, d.out[n])
					}
				}
				d.out = d.out[n:]
				continue
			}
			break
		}
	}
}

func stream(t *testing.T, s serial.Speed, batch bool, size int) {
	p, q := serial.NullModem(s)
	ds := []*driver{newDriver(p, batch), newDriver(q, batch)}
	data := make([][]byte, 2)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i, d := range ds {
		data[i] = make([]byte, size)
		for k := range data[i] {
			data[i][k] = byte(rnd.Uint32())
		}
		d.out, d.want = data[i], size
	}
	done := make(chan struct{})
	start := time.Now()
	for _, d := range ds {
		go func() { d.run(t); done <- struct{}{} }()
	}
	<-done
	<-done
	for i, d := range ds {
		require.True(t, bytes.Equal(data[1-i], d.in))
		require.Zero(t, d.c.Port().Counters().Lost)
	}
	took := time.Since(start)
	t.Logf("%d bytes each way: %v, %.3f MB/s each way", size, took.Round(time.Microsecond), float64(size)/1e6/took.Seconds())
	if s == serial.Paced {
		line := serial.Format8N1(115200).CharTime(size)
		// Each refill of the FIFO waits for THRE, at which moment the last character has just
		// begun: no gap.
		require.InDelta(t, line, took, float64(20*time.Millisecond))
	}
}

// Both ways at once, driven by interrupts alone: none is lost, and a paced line is never idle.
func TestInterruptDrivenStream(t *testing.T) {
	for name, batch := range map[string]bool{"single accesses": false, "batches": true} {
		size := 1 << 15 // one interrupt for each 16 characters at the least
		if batch {
			size = 1 << 21
		}
		t.Run("max, "+name, func(t *testing.T) { stream(t, serial.Max, batch, size) })
		t.Run("paced, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { stream(t, serial.Paced, batch, 60_000) })
		})
	}
}
