package learn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/kobench/kobench/hw/serial/record"
)

// The parts of LINKTYPE_RTAC_SERIAL: a header of 12 bytes, with the event at 8.
const (
	linkRTAC   = 250
	rtacHeader = 12
	rtacTx     = 1
	rtacRx     = 2
)

// ErrOther is a capture, but not of a serial line.
var ErrOther = errors.New("the capture is not of a serial line (250)")

// merge is how near bytes of one direction are one message, where nothing else ends it.
const merge = 10 * time.Millisecond

// Read reads a recording of a serial line: umockdev's .script, or a .pcapng as `record:` writes it.
//
// Errors: of the script; a capture of something else.
func Read(r io.Reader) (record.Script, error) {
	b := bufio.NewReader(r)
	if magic, _ := b.Peek(4); len(magic) < 4 || binary.LittleEndian.Uint32(magic) != 0x0a0d0d0a {
		return record.ParseScript(b)
	}
	ng, err := pcapgo.NewNgReader(b, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	if ng.LinkType() != linkRTAC {
		return nil, fmt.Errorf("learn: link type %d: %w", ng.LinkType(), ErrOther)
	}
	var s record.Script
	var begin, end time.Time
	for {
		data, info, err := ng.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("learn: %w", err)
		}
		if len(data) <= rtacHeader || data[8] != rtacTx && data[8] != rtacRx {
			continue
		}
		op := byte('w')
		if data[8] == rtacRx {
			op = 'r'
		}
		at, body := info.Timestamp, data[rtacHeader:]
		if n := len(s); n > 0 && s[n-1].Op == op && at.Sub(end) < merge {
			s[n-1].Data = append(s[n-1].Data, body...)
		} else {
			wait := time.Duration(0)
			if n > 0 {
				wait = max(0, at.Sub(begin))
			}
			s = append(s, record.Op{Op: op, Value: int(wait / time.Millisecond), Data: append([]byte(nil), body...)})
			begin = at
		}
		end = at
	}
}
