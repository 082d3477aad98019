package ftdi

import (
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel/uapi"
)

// Vendor requests [ftdi_sio].
const (
	vendorIn        = usb.DirIn | usb.TypeVendor
	vendorOut       = usb.DirOut | usb.TypeVendor
	eepromWordCount = 64
)

// Control implements [usb.Function].
func (c *Chip) Control(s usb.Setup, data []byte) (int, error) {
	switch s.RequestType {
	case vendorOut:
		return 0, c.set(s)
	case vendorIn:
		return c.get(s, data)
	}
	return 0, usb.Stall
}

func (c *Chip) get(s usb.Setup, data []byte) (int, error) {
	switch s.Request {
	case uapi.FTDI_SIO_GET_MODEM_STATUS:
		return copy(data, []byte{c.modemStatus() &^ stReserved, c.lineStatus(0)}), nil
	case uapi.FTDI_SIO_GET_LATENCY_TIMER:
		return copy(data, []byte{byte(c.latency / time.Millisecond)}), nil
	case uapi.FTDI_SIO_READ_PINS:
		return copy(data, []byte{c.bits}), nil
	case uapi.FTDI_SIO_READ_EEPROM:
		w := c.eeprom[s.Index%eepromWordCount]
		return copy(data, []byte{byte(w), byte(w >> 8)}), nil
	}
	return 0, usb.Stall
}

func (c *Chip) set(s usb.Setup) error {
	switch s.Request {
	case uapi.FTDI_SIO_RESET:
		switch s.Value {
		case 0:
			c.reset()
		case 1:
			c.end.Purge(true, false)
		case 2:
			c.end.Purge(false, true)
		}
	case uapi.FTDI_SIO_MODEM_CTRL: // low byte: DTR, RTS; high byte: which of them count
		bits := func(v uint16) (r serial.Signals) {
			if v&1 != 0 {
				r |= serial.DTR
			}
			if v&2 != 0 {
				r |= serial.RTS
			}
			return r
		}
		c.end.SetSignals(bits(s.Value>>8), bits(s.Value))
	case uapi.FTDI_SIO_SET_FLOW_CTRL:
		m := c.end.Mode()
		m.Flow = serial.FlowNone
		if s.Index&uapi.FTDI_SIO_RTS_CTS_HS != 0 {
			m.Flow |= serial.FlowRTSCTS
		}
		if s.Index&uapi.FTDI_SIO_XON_XOFF_HS != 0 {
			m.Flow |= serial.FlowXONXOFF
		}
		return c.end.SetMode(m)
	case uapi.FTDI_SIO_SET_BAUD_RATE:
		m := c.end.Mode()
		m.Baud = Rate(s.Value, s.Index)
		return c.end.SetMode(m)
	case uapi.FTDI_SIO_SET_DATA:
		return c.setData(s.Value)
	case uapi.FTDI_SIO_SET_LATENCY_TIMER:
		c.latency = time.Duration(max(1, s.Value&0xff)) * time.Millisecond
	case uapi.FTDI_SIO_SET_EVENT_CHAR:
		c.event = -1
		if s.Value&0x100 != 0 {
			c.event = int(s.Value & 0xff)
		}
	case uapi.FTDI_SIO_SET_BITMODE:
		c.bits = byte(s.Value)
	case uapi.FTDI_SIO_WRITE_EEPROM:
		c.eeprom[s.Index%eepromWordCount] = s.Value
	case uapi.FTDI_SIO_ERASE_EEPROM:
		for i := range c.eeprom {
			c.eeprom[i] = 0xffff
		}
	case uapi.FTDI_SIO_SET_ERROR_CHAR:
	default:
		return usb.Stall
	}
	return nil
}

// setData sets data bits (7..0), parity (10..8), stop bits (13..11) and break (14).
func (c *Chip) setData(v uint16) error {
	m := c.end.Mode()
	m.Data = uint8(v)
	m.Parity = serial.Parity(v >> 8 & 7)
	switch v >> 11 & 7 {
	case 0:
		m.Stop = serial.Stop1
	case 1:
		m.Stop = serial.Stop15
	case 2:
		m.Stop = serial.Stop2
	default:
		return usb.Stall
	}
	if m.Data < 7 { // the chip has 7 and 8 [FT232R]
		return usb.Stall
	}
	if err := c.end.SetMode(m); err != nil {
		return err
	}
	c.end.SetBreak(v&uapi.FTDI_SIO_SET_BREAK != 0)
	return nil
}

// Rate is the line rate of a SET_BAUD_RATE request: 3 MHz divided by 14 bits and eighths; 0 and 1
// are special [AN232B-5].
func Rate(value, index uint16) serial.Baud {
	div := uint32(value & 0x3fff)
	switch frac := value>>14 | index&1<<2; {
	case div == 0 && frac == 0:
		return uapi.FTDI_BASE_CLOCK
	case div == 1 && frac == 0:
		return 2_000_000
	default:
		eighths := div*8 + [8]uint32{0, 4, 2, 1, 3, 5, 6, 7}[frac&7]
		return serial.Baud((uapi.FTDI_BASE_CLOCK*8 + eighths/2) / max(eighths, 1))
	}
}
