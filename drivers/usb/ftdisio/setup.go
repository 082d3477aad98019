package ftdisio

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

// The latency timer and TIOCSSERIAL.

// timer is the latency timer that the chip is to have, in milliseconds: with ASYNC_LOW_LATENCY the
// shortest.
func (c *chip) timer() uint8 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.async&tty.ASYNC_LOW_LATENCY != 0 {
		return 1
	}
	return c.latency
}

// writeLatency tells the chip ([ftdi_sio] write_latency_timer).
func (c *chip) writeLatency() error {
	return c.set(uapi.FTDI_SIO_SET_LATENCY_TIMER, uint16(c.timer()), 0)
}

// Attrs implements usbserial.Attributed ([ftdi_sio] latency_timer_show, latency_timer_store).
func (c *chip) Attrs() map[string]*kernel.Attr {
	return map[string]*kernel.Attr{
		"latency_timer": {
			Show: func(*kernel.Task) (string, error) { return fmt.Sprintf("%d\n", c.timer()), nil },
			Store: func(_ *kernel.Task, text string) error {
				v, err := strconv.ParseUint(strings.TrimSpace(text), 10, 8)
				if err != nil {
					return kernel.EINVAL
				}
				c.mu.Lock()
				c.latency = uint8(v)
				c.mu.Unlock()
				if c.writeLatency() != nil {
					return kernel.EIO
				}
				return nil
			},
		},
	}
}

// Describe implements usbserial.Configurer.
func (c *chip) Describe(s *tty.SerialInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Flags, s.BaudBase, s.CustomDivisor = c.async, baudBase, c.custom
}

// Configure implements usbserial.Configurer ([ftdi_sio] set_serial_info).
func (c *chip) Configure(task *kernel.Task, now tty.SerialInfo) error {
	c.mu.Lock()
	old := c.async
	if (now.Flags^old)&^tty.ASYNC_USR_MASK != 0 && !task.Capable() {
		c.mu.Unlock()
		return kernel.EPERM
	}
	c.async, c.custom = now.Flags&tty.ASYNC_FLAGS, now.CustomDivisor
	speed := c.async & tty.ASYNC_SPD_MASK
	c.mu.Unlock()
	_ = c.writeLatency() // an error concerns nobody but the log, as on Linux
	if speed != 0 && speed != old&tty.ASYNC_SPD_MASK {
		c.i.Printf(kernel.LevelWarning, "use of SPD flags is deprecated")
	}
	return nil
}

// divided is the rate that a rate means: 38400 with ASYNC_SPD_CUST the base by the divisor
// ([ftdi_sio] get_ftdi_divisor).
func (c *chip) divided(baud uint32) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if baud == 38400 && c.async&tty.ASYNC_SPD_MASK == tty.ASYNC_SPD_CUST && c.custom > 0 {
		return min(max(baudBase/uint32(c.custom), minBaud), maxBaud)
	}
	return baud
}
