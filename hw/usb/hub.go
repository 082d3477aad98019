package usb

import (
	"encoding/binary"
	"sync"
)

// Hub is a hub's Function: what is plugged into it shows in its port status, and the Bus lets
// devices be plugged in behind it. Data does not pass through it; the Bus leads a transfer to its
// device at once.
type Hub struct {
	ports int

	mu   sync.Mutex
	link *Link
	port []hubPort // of 1…ports
}

type hubPort struct{ status, change uint16 }

// Bits of wPortStatus [USB2] table 11-21. The low five have a change bit.
const (
	portConnection = 1 << 0
	portEnable     = 1 << 1
	portReset      = 1 << 4
	portPower      = 1 << 8
	portLowSpeed   = 1 << 9
	portHighSpeed  = 1 << 10
)

// Hub class requests and features [USB2] tables 11-16, 11-17.
const (
	featConnection  = 0
	featEnable      = 1
	featSuspend     = 2
	featReset       = 4
	featPower       = 8
	featCConnection = 16
	featCReset      = 20
)

// NewHub makes a hub with 1 to 15 ports.
func NewHub(ports int) *Hub {
	ports = min(max(ports, 1), 15)
	return &Hub{ports: ports, port: make([]hubPort, ports+1)}
}

func hubOf(d Device) *Hub {
	if w, ok := d.(Wrapper); ok { // one with faults
		return hubOf(w.Unwrap())
	}
	if f, ok := d.(*Emulated); ok {
		if h, ok := f.fn.(*Hub); ok {
			return h
		}
	}
	return nil
}

// Descriptors implements [Function].
func (h *Hub) Descriptors(s Speed) *Descriptors {
	if s != FullSpeed && s != HighSpeed {
		return nil
	}
	interval := uint8(255)
	if s == HighSpeed {
		interval = 12
	}
	return &Descriptors{
		Device: DeviceDescriptor{USB: 0x0200, Class: ClassHub, MaxPacket0: 64, Vendor: 0x1d6b, Product: 0x0104, Release: 0x0100, ManufacturerS: 1, ProductS: 2, NumConfigs: 1},
		Configs: []Configuration{{Value: 1, Attributes: SelfPowered, Interfaces: []Interface{{
			Class: ClassHub, Endpoints: []Endpoint{{Address: 0x81, Attributes: uint8(Interrupt), MaxPacket: 2, Interval: interval}},
		}}}},
		Strings: []string{"kobench", "Hub"},
	}
}

// Attach implements [Attacher].
func (h *Hub) Attach(l *Link) { h.mu.Lock(); h.link = l; h.mu.Unlock() }

// Detach implements [Attacher].
func (h *Hub) Detach() { h.mu.Lock(); h.link = nil; h.mu.Unlock() }

// connect says what is in a port now; UnknownSpeed is nothing.
func (h *Hub) connect(n int, s Speed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n < 1 || n > h.ports {
		return
	}
	p := &h.port[n]
	p.status &= portPower
	if s != UnknownSpeed {
		p.status |= portConnection
		switch s {
		case LowSpeed:
			p.status |= portLowSpeed
		case FullSpeed:
		default:
			p.status |= portHighSpeed
		}
	}
	p.change |= portConnection
	if h.link != nil {
		h.link.Wake(0x81)
	}
}

// In implements [Function]: the bitmap of ports that changed [USB2] 11.12.4.
func (h *Hub) In(_ uint8, p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var bits uint16
	for i := 1; i <= h.ports; i++ {
		if h.port[i].change != 0 && h.port[i].status&portPower != 0 {
			bits |= 1 << i
		}
	}
	if bits == 0 {
		return 0, NAK
	}
	var b [2]byte
	binary.LittleEndian.PutUint16(b[:], bits)
	return copy(p, b[:h.ports/8+1]), nil
}

// Out implements [Function].
func (h *Hub) Out(uint8, []byte, bool) (int, error) { return 0, Stall }

// Control implements [Function]: the requests of [USB2] 11.24.2.
func (h *Hub) Control(s Setup, data []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := int(s.Index & 0xff)
	switch {
	case s.Is(0xa0, GetDescriptor):
		m := h.ports/8 + 1
		b := append([]byte{uint8(7 + 2*m), DescHub, uint8(h.ports), 0x09, 0, 10, 0}, make([]byte, m)...)
		for range m {
			b = append(b, 0xff)
		}
		return copy(data, b), nil
	case s.Is(0xa0, GetStatus):
		return copy(data, make([]byte, 4)), nil
	case s.Is(0x20, ClearFeature), s.Is(0x20, SetFeature):
		return 0, nil
	case n < 1 || n > h.ports:
		return 0, Stall
	case s.Is(0xa3, GetStatus):
		b := binary.LittleEndian.AppendUint16(nil, h.port[n].status)
		return copy(data, binary.LittleEndian.AppendUint16(b, h.port[n].change)), nil
	case s.Is(0x23, SetFeature):
		return 0, h.setFeature(&h.port[n], s.Value)
	case s.Is(0x23, ClearFeature):
		return 0, clearFeature(&h.port[n], s.Value)
	}
	return 0, Stall
}

func (h *Hub) setFeature(p *hubPort, f uint16) error {
	switch f {
	case featPower:
		p.status |= portPower
	case featReset: // over at once
		if p.status&portConnection != 0 {
			p.status |= portEnable
		}
		p.change |= portReset
	case featSuspend:
	default:
		return Stall
	}
	if h.link != nil {
		h.link.Wake(0x81)
	}
	return nil
}

func clearFeature(p *hubPort, f uint16) error {
	switch {
	case f >= featCConnection && f <= featCReset:
		p.change &^= 1 << (f - featCConnection)
	case f == featEnable:
		p.status &^= portEnable
	case f == featPower:
		p.status &^= portPower | portEnable
	case f == featSuspend:
	default:
		return Stall
	}
	return nil
}
