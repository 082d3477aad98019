package dialogue

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kobench/kobench/hw/serial/device/modbus"
)

// checksum is how a frame ends so that a damaged one is known: what it adds, and how much of a
// frame it is.
type checksum struct {
	name string
	size int
	sum  func(b []byte) []byte
	// wrap is for one that also stands in front; nil: it is appended.
	wrap   func(b []byte) []byte
	unwrap func(b []byte) ([]byte, bool)
}

// checksums are the kinds there are.
func checksums() []checksum {
	xor := func(b []byte) byte {
		c := byte(0)
		for _, x := range b {
			c ^= x
		}
		return c
	}
	nmea := func(b []byte) []byte { return fmt.Appendf(nil, "$%s*%02X", b, xor(b)) }
	return []checksum{
		{name: "modbus", size: 2, sum: func(b []byte) []byte { c := modbus.CRC(b); return []byte{byte(c), byte(c >> 8)} }},
		{name: "xor", size: 1, sum: func(b []byte) []byte { return []byte{xor(b)} }},
		{name: "sum", size: 1, sum: func(b []byte) []byte {
			c := byte(0)
			for _, x := range b {
				c += x
			}
			return []byte{c}
		}},
		{name: "nmea", wrap: nmea, unwrap: func(b []byte) ([]byte, bool) {
			star := bytes.LastIndexByte(b, '*')
			if star < 1 || b[0] != '$' {
				return nil, false
			}
			return b[1:star], strings.EqualFold(string(nmea(b[1:star])), string(b))
		}},
	}
}

// add is the frame with its checksum.
func (c *checksum) add(b []byte) []byte {
	if c.wrap != nil {
		return c.wrap(b)
	}
	return append(b, c.sum(b)...)
}

// take is the frame without it, and whether it was right.
func (c *checksum) take(b []byte) ([]byte, bool) {
	if c.unwrap != nil {
		return c.unwrap(b)
	}
	if len(b) < c.size {
		return nil, false
	}
	at := len(b) - c.size
	return b[:at], bytes.Equal(c.sum(b[:at:at]), b[at:])
}

// TakeCheck is a frame without the checksum of this kind ("modbus", "xor", "sum", "nmea"), and
// whether it was right.
func TakeCheck(kind string, frame []byte) ([]byte, bool) {
	for _, c := range checksums() {
		if c.name == kind {
			return c.take(frame)
		}
	}
	return nil, false
}
