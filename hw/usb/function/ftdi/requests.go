package ftdi

import (
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
)

// Vendor requests [ftdi_sio].
const (
	reqReset        = 0x00
	reqModemCtrl    = 0x01
	reqFlowCtrl     = 0x02
	reqBaudRate     = 0x03
	reqData         = 0x04
	reqModemStatus  = 0x05
	reqEventChar    = 0x06
	reqErrorChar    = 0x07
	reqSetLatency   = 0x09
	reqGetLatency   = 0x0a
	reqSetBitMode   = 0x0b
	reqReadPins     = 0x0c
	reqReadEEPROM   = 0x90
	reqWriteEEPROM  = 0x91
	reqEraseEEPROM  = 0x92
	vendorIn        = usb.DirIn | usb.TypeVendor
	vendorOut       = usb.DirOut | usb.TypeVendor
	baseClock       = 3_000_000 // Hz, 48 MHz / 16
	breakBit        = 1 << 14
	flowRTSCTS      = 1 << 8
	flowXONXOFF     = 4 << 8
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
	case reqModemStatus:
		return copy(data, []byte{c.modemStatus() &^ stReserved, c.lineStatus(0)}), nil
	case reqGetLatency:
		return copy(data, []byte{byte(c.latency / time.Millisecond)}), nil
	case reqReadPins:
		return copy(data, []byte{c.bits}), nil
	case reqReadEEPROM:
		w := c.eeprom[s.Index%eepromWordCount]
		return copy(data, []byte{byte(w), byte(w >> 8)}), nil
	}
	return 0, usb.Stall
}

func (c *Chip) set(s usb.Setup) error {
	switch s.Request {
	case reqReset:
		switch s.Value {
		case 0:
			c.reset()
		case 1:
			c.end.Purge(true, false)
		case 2:
			c.end.Purge(false, true)
		}
	case reqModemCtrl: // low byte: DTR, RTS; high byte: which of them count
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
	case reqFlowCtrl:
		m := c.end.Mode()
		m.Flow = serial.FlowNone
		if s.Index&flowRTSCTS != 0 {
			m.Flow |= serial.FlowRTSCTS
		}
		if s.Index&flowXONXOFF != 0 {
			m.Flow |= serial.FlowXONXOFF
		}
		return c.end.SetMode(m)
	case reqBaudRate:
		m := c.end.Mode()
		m.Baud = Rate(s.Value, s.Index)
		return c.end.SetMode(m)
	case reqData:
		return c.setData(s.Value)
	case reqSetLatency:
		c.latency = time.Duration(max(1, s.Value&0xff)) * time.Millisecond
	case reqEventChar:
		c.event = -1
		if s.Value&0x100 != 0 {
			c.event = int(s.Value & 0xff)
		}
	case reqSetBitMode:
		c.bits = byte(s.Value)
	case reqWriteEEPROM:
		c.eeprom[s.Index%eepromWordCount] = s.Value
	case reqEraseEEPROM:
		for i := range c.eeprom {
			c.eeprom[i] = 0xffff
		}
	case reqErrorChar:
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
	c.end.SetBreak(v&breakBit != 0)
	return nil
}

// Rate is the line rate of a SET_BAUD_RATE request: 3 MHz divided by 14 bits and eighths; 0 and 1 are special [AN232B-5].
func Rate(value, index uint16) serial.Baud {
	div := uint32(value & 0x3fff)
	switch frac := value>>14 | index&1<<2; {
	case div == 0 && frac == 0:
		return baseClock
	case div == 1 && frac == 0:
		return 2_000_000
	default:
		eighths := div*8 + [8]uint32{0, 4, 2, 1, 3, 5, 6, 7}[frac&7]
		return serial.Baud((baseClock*8 + eighths/2) / max(eighths, 1))
	}
}
