package usbip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

// DefaultAddress is where a server listens: the protocol's port, on loopback.
const DefaultAddress = "127.0.0.1:3240"

// Limits of what peers may cost.
const (
	maxConns     = 256
	maxInFlight  = 4096     // transfers of one connection
	maxBytes     = 64 << 20 // of their data
	requestTime  = 10 * time.Second
	describeTime = 5 * time.Second
)

// Server exports devices. Each can be imported once at a time.
type Server struct {
	// Offers says which devices are offered; nil offers all. To be set before Serve.
	Offers func(*usb.Slot) bool

	buses []*usb.Bus
	logf  func(format string, args ...any)

	mu    sync.Mutex
	used  map[*usb.Slot]bool
	conns int
	mute  []net.Conn // those of them that have not asked for anything yet, oldest first
}

// NewServer makes a server of all devices on these buses but hubs: whose host would find what is
// behind them a second time (as usbip_host, drivers/usb/usbip/stub_dev.c, has it). logf (or nil) is
// told who connects and why a connection ended, ten lines in five seconds at most; of peers that
// went without a word it hears nothing.
func NewServer(logf func(format string, args ...any), buses ...*usb.Bus) *Server {
	if logf == nil {
		logf = func(string, ...any) {}
	}
	return &Server{buses: buses, logf: (&limited{to: logf}).logf, used: map[*usb.Slot]bool{}}
}

// Serve accepts connections until ctx ends, then closes l and all of them.
//
// Errors: l's; nil when ctx ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				continue
			}
			return err
		}
		if !s.admit(c) {
			s.logf("%s: refused, %d connections are open", c.RemoteAddr(), maxConns)
			c.Close()
			continue
		}
		wg.Go(func() {
			defer func() {
				c.Close()
				s.spoke(c)
				s.mu.Lock()
				s.conns--
				s.mu.Unlock()
			}()
			end := context.AfterFunc(ctx, func() { c.Close() })
			defer end()
			if err := s.handle(ctx, c); err != nil && ctx.Err() == nil && !ended(err) {
				s.logf("%s: %v", c.RemoteAddr(), err)
			}
		})
	}
}

// ended reports whether one of the two ends has closed the connection between operations: no news.
func ended(err error) bool {
	// net.Pipe's
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// admit counts a connection in. When there are too many, the one that has been silent for longest
// makes room.
func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns >= maxConns {
		if len(s.mute) == 0 {
			return false
		}
		s.mute[0].Close()
		s.mute = s.mute[1:]
	}
	s.conns++
	s.mute = append(s.mute, c)
	return true
}

// spoke says that a connection has asked for something.
func (s *Server) spoke(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.mute, c); i >= 0 {
		s.mute = slices.Delete(s.mute, i, i+1)
	}
}

// handle does one connection's operation.
func (s *Server) handle(ctx context.Context, c net.Conn) error {
	c.SetDeadline(time.Now().Add(requestTime))
	code, _, err := readOp(c)
	if err != nil {
		return err
	}
	switch code {
	case opReqDevlist:
		s.spoke(c)
		_, err := c.Write(s.list(ctx))
		return err
	case opReqImport:
		var id [busIDSize]byte
		if _, err := io.ReadFull(c, id[:]); err != nil {
			return err
		}
		s.spoke(c)
		return s.export(ctx, c, text(id[:]))
	}
	return protocol("operation %#04x; a list is 8005 and an import 8003", code)
}

func (s *Server) list(ctx context.Context) []byte {
	var infos []Info
	for _, b := range s.buses {
		for _, slot := range b.Devices() {
			if s.Offers != nil && !s.Offers(slot) {
				continue
			}
			if i, _, err := describe(ctx, slot); err == nil && i.Device.Class != usb.ClassHub {
				infos = append(infos, i)
			}
		}
	}
	b := op(opRepDevlist, stOK)
	b = append(b, 0, 0, byte(len(infos)>>8), byte(len(infos)))
	for _, i := range infos {
		n := min(len(i.Interfaces), 255)
		b = i.append(b, n)
		for _, f := range i.Interfaces[:n] {
			b = append(b, f.Class, f.SubClass, f.Protocol, 0)
		}
	}
	return b
}

// describe asks a device what it is.
func describe(ctx context.Context, slot *usb.Slot) (Info, *usb.Descriptors, error) {
	ctx, stop := context.WithTimeout(ctx, describeTime)
	defer stop()
	d, err := usb.ReadDescriptors(ctx, slot)
	if err != nil {
		return Info{}, nil, err
	}
	i := Info{
		Path:  fmt.Sprintf("/sys/devices/kobench/usb%d/%s", slot.Bus().Number(), slot.Name()),
		BusID: slot.Name(), Bus: uint32(slot.Bus().Number()), Dev: uint32(slot.Address()), Speed: slot.Speed(), Device: d.Device,
	}
	v := make([]byte, 1)
	if _, err := usb.Request(ctx, slot, usb.DirIn, usb.GetConfiguration, 0, 0, v); err == nil {
		i.Configuration = v[0]
	}
	c := d.Config(i.Configuration)
	if c == nil && len(d.Configs) > 0 {
		c = &d.Configs[0]
	}
	if c != nil {
		for _, f := range c.Interfaces {
			if f.Alternate == 0 {
				i.Interfaces = append(i.Interfaces, f)
			}
		}
	}
	return i, d, nil
}

// export is an import seen from this end.
func (s *Server) export(ctx context.Context, c net.Conn, id string) error {
	var slot *usb.Slot
	for _, b := range s.buses {
		for _, x := range b.Devices() {
			if x.Name() == id && (s.Offers == nil || s.Offers(x)) {
				slot = x
			}
		}
	}
	refuse := func(status uint32, why string) error {
		c.Write(op(opRepImport, status))
		return fmt.Errorf("import of %q refused: %s", id, why)
	}
	if slot == nil {
		return refuse(stNoDev, "no such device")
	}
	s.mu.Lock()
	busy := s.used[slot]
	s.used[slot] = true
	s.mu.Unlock()
	if busy {
		return refuse(stBusy, "it is imported already")
	}
	defer func() {
		s.mu.Lock()
		delete(s.used, slot)
		s.mu.Unlock()
	}()
	info, desc, err := describe(ctx, slot)
	if err != nil {
		return refuse(stError, err.Error())
	}
	if info.Device.Class == usb.ClassHub {
		return refuse(stNoDev, "it is a hub")
	}
	if _, err := c.Write(info.append(op(opRepImport, stOK), len(info.Interfaces))); err != nil {
		return err
	}
	c.SetDeadline(time.Time{})
	if t, ok := c.(*net.TCPConn); ok {
		t.SetNoDelay(true)
	}
	s.logf("%s: imports %s (%04x:%04x)", c.RemoteAddr(), id, info.Device.Vendor, info.Device.Product)
	err = newExport(c, slot, desc).run()
	s.logf("%s: gives %s back", c.RemoteAddr(), id)
	return err
}

// InUse reports whether the device with this bus id is imported.
func (s *Server) InUse(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for slot := range s.used {
		if slot.Name() == id {
			return true
		}
	}
	return false
}
