package record

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/kobench/kobench/hw/serial"
)

// linkRTAC is LINKTYPE_RTAC_SERIAL: a header of 12 bytes before the data, which Wireshark takes
// apart.
const linkRTAC layers.LinkType = 250

// Events and control lines of that header.
const (
	rtacStatus  = 0
	rtacTx      = 1
	rtacRx      = 2
	rtacFraming = 7
	rtacParity  = 8
	rtacBreak   = 9

	rtacCTS, rtacDCD, rtacDSR, rtacRTS, rtacDTR, rtacRI = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
)

func rtacLines(s serial.Signals) (v byte) {
	for l, b := range map[serial.Signals]byte{serial.CTS: rtacCTS, serial.DCD: rtacDCD, serial.DSR: rtacDSR, serial.RTS: rtacRTS, serial.DTR: rtacDTR, serial.RI: rtacRI} {
		if s&l != 0 {
			v |= b
		}
	}
	return v
}

// WritePcapng writes the trace for Wireshark: a packet for each run of characters, break, damaged
// character and change of the modem lines.
//
// Errors: w's.
func (t *Trace) WritePcapng(w io.Writer) error {
	_, err := t.write(w, FormatPcapng, t.comment())
	return err
}

func (t *Trace) comment() string {
	if t.Lost > 0 {
		return fmt.Sprintf("%d characters were not recorded: the recording was full", t.Lost)
	}
	return "complete, begun " + t.Start.UTC().Format(time.RFC3339Nano)
}

// pcapngEncoder is an encoder.
type pcapngEncoder struct {
	w     *pcapgo.NgWriter
	start time.Time
	lines serial.Signals
	buf   []byte
}

func newPcapng(w io.Writer, start time.Time, first serial.Signals, note string) (*pcapngEncoder, error) {
	ng, err := pcapgo.NewNgWriterInterface(w, pcapgo.NgInterface{
		Name: "serial", Description: "kobench serial line, seen from the host", LinkType: linkRTAC, TimestampResolution: 9,
	}, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "kobench", Comment: note}})
	if err != nil {
		return nil, err
	}
	return &pcapngEncoder{w: ng, start: start, lines: first}, nil
}

func (p *pcapngEncoder) event(e Event, _ serial.Time) error {
	if e.Kind == Lines {
		p.lines = e.Signals
	}
	ev, ok := rtacEvent(e)
	if !ok {
		return nil
	}
	at := p.start.Add(e.At)
	b := binary.BigEndian.AppendUint32(p.buf[:0], uint32(at.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(at.Nanosecond()/1000))
	b = append(b, ev, rtacLines(p.lines), 0, 0)
	b = append(b, e.Data...)
	p.buf = b
	return p.w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(b), Length: len(b)}, b)
}

func (p *pcapngEncoder) flush() error    { return p.w.Flush() }
func (p *pcapngEncoder) end(_ int) error { return p.w.Flush() }

func rtacEvent(e Event) (byte, bool) {
	switch {
	case e.Kind == Lines:
		return rtacStatus, true
	case e.Kind == Break:
		return rtacBreak, e.On
	case e.Flip != 0 && e.Flip == e.Mode.ParityFlip():
		return rtacParity, true
	case e.Flip&e.Mode.StopFlip() != 0:
		return rtacFraming, true
	case e.Dir == Out:
		return rtacTx, true
	}
	return rtacRx, true
}
