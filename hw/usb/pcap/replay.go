package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/kobench/kobench/hw/usb"
)

// Event is one packet of a capture.
type Event struct {
	ID       uint64
	Kind     byte // 'S' submitted, 'C' completed, 'E' failed to submit
	Type     usb.TransferType
	Endpoint uint8
	Bus, Dev int
	Status   int32
	Setup    usb.Setup // of a control submission
	HasSetup bool
	Data     []byte
}

// Read reads a capture, ours or one by tcpdump, dumpcap or Wireshark.
//
// Errors: EINVAL for a file that is no USB capture, or a broken packet.
func Read(r io.Reader) ([]Event, error) {
	bad := func(n int, format string, args ...any) error {
		return &usb.Error{Op: "capture", Where: fmt.Sprintf("packet %d", n), Errno: usb.EINVAL, Reason: fmt.Sprintf(format, args...)}
	}
	ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		return nil, &usb.Error{Op: "capture", Errno: usb.EINVAL, Reason: "it is no pcapng file", Err: err}
	}
	if l := ng.LinkType(); l != layers.LinkTypeLinuxUSB {
		return nil, bad(0, "link type %d; USB captures of Linux have 220", l)
	}
	var events []Event
	for n := 1; ; n++ {
		b, _, err := ng.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, bad(n, "%v", err)
		}
		e, err := parseEvent(b)
		if err != nil {
			return events, bad(n, "%v", err)
		}
		events = append(events, e)
	}
}

func parseEvent(b []byte) (Event, error) {
	if len(b) < headerSize {
		return Event{}, fmt.Errorf("%d bytes; the header alone has %d", len(b), headerSize)
	}
	le := binary.LittleEndian
	e := Event{
		ID: le.Uint64(b), Kind: b[8], Endpoint: b[10], Dev: int(b[11]), Bus: int(le.Uint16(b[12:])), Status: int32(le.Uint32(b[28:])),
		Type: [...]usb.TransferType{usb.Isochronous, usb.Interrupt, usb.Control, usb.Bulk}[b[9]&3],
	}
	if e.Type == usb.Control && b[14] == 0 {
		e.HasSetup = true
		e.Setup, _ = usb.ParseSetup(b[40:])
	}
	skip := headerSize
	if e.Type == usb.Isochronous {
		n := int(le.Uint32(b[60:]))
		if n > (len(b)-headerSize)/isoSize {
			return e, fmt.Errorf("%d isochronous packets in %d bytes", n, len(b))
		}
		skip += n * isoSize
	}
	e.Data = bytes.Clone(b[skip:])
	return e, nil
}

// Replay is a device that says what a recorded one said. It implements [usb.Function]. Control
// requests are answered by what was answered to the same request, in order, the last answer again
// and again; an IN endpoint gives what was recorded once the data that the host had sent before it
// has been sent again. Isochronous endpoints are not replayed.
type Replay struct {
	desc    *usb.Descriptors
	control map[usb.Setup][]answer
	steps   []step
	at      int // first step that has not happened
	link    *usb.Link
	misses  []string
}

type answer struct {
	data []byte
	err  error
}

type step struct {
	ep   uint8
	data []byte
	err  error
	used int
}

// Recorded is a device of which a capture has the device descriptor.
type Recorded struct {
	Bus, Dev int
	Device   usb.DeviceDescriptor
}

func (r Recorded) String() string {
	return fmt.Sprintf("%d.%d (%04x:%04x)", r.Bus, r.Dev, r.Device.Vendor, r.Device.Product)
}

// Devices are those that a capture can replay, in the order in which they come: all but hubs, whose
// place in a capture of a whole bus is beside the devices.
func Devices(events []Event) []Recorded {
	var list []Recorded
	asked := map[uint64]bool{}
	for _, e := range events {
		if e.Kind == 'S' {
			asked[e.ID] = e.HasSetup && e.Setup.Is(usb.DirIn, usb.GetDescriptor) && e.Setup.Value>>8 == usb.DescDevice && e.Dev != 0
			continue
		}
		if !asked[e.ID] || e.Kind != 'C' || e.Status < 0 {
			continue
		}
		d, err := usb.ParseDevice(e.Data)
		known := slices.ContainsFunc(list, func(r Recorded) bool { return r.Bus == e.Bus && r.Dev == e.Dev })
		if err == nil && d.Class != usb.ClassHub && !known {
			list = append(list, Recorded{e.Bus, e.Dev, d})
		}
	}
	return list
}

// NewReplay makes the device with this bus and device number out of a capture; 0, 0 is the only one
// that [Devices] finds.
//
// Errors: EINVAL if the capture does not have its device and configuration descriptors, or has
// several devices and none was chosen; for a hub, since nothing could be plugged in behind it.
func NewReplay(events []Event, bus, dev int) (*Replay, error) {
	if list := Devices(events); bus == 0 && len(list) > 0 {
		if len(list) > 1 {
			return nil, &usb.Error{Op: "replay", Errno: usb.EINVAL, Reason: fmt.Sprintf("the capture has %d devices, choose one: %v", len(list), list)}
		}
		bus, dev = list[0].Bus, list[0].Dev
	}
	r := &Replay{control: map[usb.Setup][]answer{}}
	said := r.collect(events, bus, dev)
	d, err := usb.ParseDevice(said.device)
	if err != nil {
		return nil, &usb.Error{Op: "replay", Errno: usb.EINVAL, Reason: missing(events, bus, dev)}
	}
	if d.Class == usb.ClassHub {
		return nil, &usb.Error{Op: "replay", Errno: usb.EINVAL, Reason: fmt.Sprintf("it is a hub; plug in one of ours and replay what was behind it, of %v", Devices(events))}
	}
	c, err := usb.ParseConfiguration(said.config)
	if c == nil {
		return nil, &usb.Error{Op: "replay", Errno: usb.EINVAL, Reason: "the capture has no configuration descriptor", Err: err}
	}
	d.NumConfigs = 1
	r.desc = &usb.Descriptors{Device: d, Configs: []usb.Configuration{*c}, Strings: said.texts(d)}
	if len(said.bos) > 0 {
		r.desc.BOS, _ = usb.ParseBOS(said.bos)
	}
	return r, nil
}

// described is what the device has said of itself: the longest answer for each descriptor.
type described struct {
	device, config, bos []byte
	strings             map[uint8][]byte
}

// collect goes through the device's transfers, of which those that completed count: descriptors,
// answers to other requests, and steps.
func (r *Replay) collect(events []Event, bus, dev int) described {
	said := described{strings: map[uint8][]byte{}}
	submitted := map[uint64]Event{}
	for _, e := range events {
		if bus != 0 && (e.Bus != bus || e.Dev != dev) {
			continue
		}
		if e.Kind == 'S' {
			submitted[e.ID] = e
			continue
		}
		s, ok := submitted[e.ID]
		delete(submitted, e.ID)
		if !ok || e.Kind != 'C' || e.Status == -int32(usb.ECONNRESET) || e.Status == -int32(usb.ENOENT) || e.Status == -int32(usb.ESHUTDOWN) {
			continue
		}
		var err error
		if e.Status < 0 {
			err = usb.Errno(-e.Status)
		}
		switch {
		case s.HasSetup && s.Setup.Is(usb.DirIn, usb.GetDescriptor) && err == nil:
			said.descriptor(s.Setup.Value, e.Data)
		case s.HasSetup:
			r.control[s.Setup] = append(r.control[s.Setup], answer{e.Data, err})
		case s.Type == usb.Isochronous:
		case e.Endpoint&usb.DirIn != 0:
			r.steps = append(r.steps, step{ep: e.Endpoint, data: e.Data, err: err})
		default:
			r.steps = append(r.steps, step{ep: e.Endpoint, data: s.Data, err: err})
		}
	}
	return said
}

// descriptor keeps the answer to GET_DESCRIPTOR.
func (d *described) descriptor(value uint16, data []byte) {
	var longest *[]byte
	switch value >> 8 {
	case usb.DescDevice:
		longest = &d.device
	case usb.DescConfig:
		longest = &d.config
	case usb.DescBOS:
		longest = &d.bos
	case usb.DescString:
		d.strings[uint8(value)] = data
		return
	default:
		return
	}
	if len(data) > len(*longest) {
		*longest = data
	}
}

// texts are the strings by their index less one, as far as the device's descriptor names them.
func (d *described) texts(dev usb.DeviceDescriptor) []string {
	var all []string
	grow := func(n int) {
		for len(all) < n {
			all = append(all, "")
		}
	}
	for i := range 255 {
		if s, _ := usb.ParseString(d.strings[uint8(i+1)]); s != "" {
			grow(i + 1)
			all[i] = s
		}
	}
	grow(int(max(dev.ManufacturerS, dev.ProductS, dev.SerialS)))
	return all
}

func missing(events []Event, bus, dev int) string {
	if list := Devices(events); bus != 0 && len(list) > 0 {
		return fmt.Sprintf("the capture has no device %d.%d; it has %v", bus, dev, list)
	}
	return "the capture has no device descriptor: record from before the device is plugged in"
}

// Speed is the speed that the descriptors are right for; where several are, high before full and
// full before low. It is not in the capture. For descriptors that are right for none it is the one
// whose [usb.Descriptors.Validate] says what is wrong with them.
func (r *Replay) Speed() usb.Speed {
	for _, s := range []usb.Speed{usb.SuperSpeed, usb.HighSpeed, usb.FullSpeed, usb.LowSpeed} {
		if r.might(s) && r.desc.Validate(s) == nil {
			return s
		}
	}
	for _, s := range []usb.Speed{usb.SuperSpeed, usb.HighSpeed} {
		if r.might(s) {
			return s
		}
	}
	return usb.FullSpeed
}

// might reports whether this speed is worth a look: bMaxPacketSize0 tells most [USB2] 5.5.3,
// [USB3.2] 9.6.1; high speed came with bcdUSB 2.00 [USB2] 9.6.1 and has bulk packets of 512 bytes
// [USB2] 5.8.3. Without bulk endpoints there may be nothing to tell it from full.
func (r *Replay) might(s usb.Speed) bool {
	switch d := &r.desc.Device; s {
	case usb.SuperSpeed:
		return d.MaxPacket0 == 9
	case usb.HighSpeed:
		return d.MaxPacket0 == 64 && d.USB >= 0x0200 && !r.smallBulk()
	case usb.LowSpeed:
		return d.MaxPacket0 == 8
	}
	return true
}

func (r *Replay) smallBulk() bool {
	for _, f := range r.desc.Configs[0].Interfaces {
		for _, e := range f.Endpoints {
			if e.Type() == usb.Bulk && e.PacketSize() < 512 {
				return true
			}
		}
	}
	return false
}

// Misses is where the host did something else than in the capture, and what was recorded and never
// asked for.
func (r *Replay) Misses() []string {
	m := append([]string(nil), r.misses...)
	for _, s := range r.steps[r.at:] {
		m = append(m, fmt.Sprintf("endpoint 0x%02x: %d bytes of the capture were not reached", s.ep, len(s.data)-s.used))
	}
	return m
}

// Descriptors implements [usb.Function].
func (r *Replay) Descriptors(usb.Speed) *usb.Descriptors { return r.desc }

// Attach implements [usb.Attacher].
func (r *Replay) Attach(l *usb.Link) { r.link = l }

// Detach implements [usb.Attacher].
func (r *Replay) Detach() {}

// Control implements [usb.Function].
func (r *Replay) Control(s usb.Setup, data []byte) (int, error) {
	a := r.control[s]
	if len(a) == 0 {
		r.misses = append(r.misses, "control "+s.String()+" is not in the capture")
		return 0, usb.Stall
	}
	if len(a) > 1 {
		r.control[s] = a[1:]
	}
	if a[0].err != nil {
		return 0, a[0].err
	}
	return copy(data, a[0].data), nil
}

// next goes on to the step after this one and wakes who waits for it.
func (r *Replay) next() {
	r.at++
	if r.at < len(r.steps) {
		r.link.Wake(r.steps[r.at].ep)
	}
}

// Out implements [usb.Function].
func (r *Replay) Out(ep uint8, p []byte, _ bool) (int, error) {
	if r.at == len(r.steps) || r.steps[r.at].ep != ep {
		for _, s := range r.steps[r.at:] {
			if s.ep == ep { // its turn comes
				return 0, usb.NAK
			}
		}
		r.misses = append(r.misses, fmt.Sprintf("endpoint 0x%02x: %d bytes more than in the capture", ep, len(p)))
		return len(p), nil
	}
	s := &r.steps[r.at]
	if want := s.data[s.used:]; !bytes.HasPrefix(want, p) {
		r.misses = append(r.misses, fmt.Sprintf("endpoint 0x%02x: %q was sent, the capture has %q", ep, p, want))
		s.used = len(s.data)
	} else {
		s.used += len(p)
	}
	if s.used == len(s.data) {
		r.next()
		return len(p), s.err
	}
	return len(p), nil
}

// In implements [usb.Function].
func (r *Replay) In(ep uint8, p []byte) (int, error) {
	if r.at == len(r.steps) || r.steps[r.at].ep != ep {
		return 0, usb.NAK
	}
	s := &r.steps[r.at]
	n := copy(p, s.data[s.used:])
	s.used += n
	if s.used < len(s.data) {
		return n, nil
	}
	r.next()
	return n, s.err
}
