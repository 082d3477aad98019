package usb

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Bus is a host controller's bus: a root hub with ports, hubs behind them, and what is plugged in.
type Bus struct {
	number int
	ports  int

	mu       sync.Mutex
	slots    map[string]*Slot // by path: "1", "1.3"
	last     uint8            // address given last
	watchers map[int]func(Event)
	taps     []Tap
	id       int
}

// Event is a device that came or went.
type Event struct {
	Added bool
	Slot  *Slot
}

// Tap sees every transfer of a bus: a recording. It is called with no lock held and must not block;
// it may not keep t.
type Tap interface {
	Submitted(s *Slot, t *Transfer)
	Completed(s *Slot, t *Transfer)
}

// NewBus makes a bus with a number (1 and up) and root ports.
func NewBus(number, ports int) *Bus {
	return &Bus{number: number, ports: ports, slots: map[string]*Slot{}, watchers: map[int]func(Event){}}
}

// Number is the bus's.
func (b *Bus) Number() int { return b.number }

// Ports is how many the root hub has.
func (b *Bus) Ports() int { return b.ports }

// Slot is a device in its place on a bus. It is a Device itself: what a host uses, and what the
// bus's taps see.
type Slot struct {
	bus     *Bus
	path    string
	address uint8
	dev     Device
	taps    atomic.Pointer[[]Tap]
	removed chan struct{}
}

// Plug puts a device into a port: "2" of the root hub, "2.1" of a hub in that. "" is the first free
// root port. The device goes with Unplug, or by itself when it closes Gone.
//
// Errors: EINVAL for a path that makes no sense; ENXIO for a port that is not there; EBUSY if it is
// taken, or the device is plugged in already; ENODEV if the device has gone; ENOTCONN if all 127
// addresses are given (choose_devnum, drivers/usb/core/hub.c).
func (b *Bus) Plug(path string, d Device) (*Slot, error) {
	select {
	case <-d.Gone():
		return nil, fail("plug", path, ENODEV, "the device has been unplugged; make a new one")
	default:
	}
	b.mu.Lock()
	if path == "" {
		for i := 1; i <= b.ports && path == ""; i++ {
			if p := strconv.Itoa(i); b.slots[p] == nil {
				path = p
			}
		}
		if path == "" {
			b.mu.Unlock()
			return nil, fail("plug", "", EBUSY, "all %d ports of bus %d are taken; unplug something, or plug in a hub", b.ports, b.number)
		}
	}
	if err := b.freeLocked(path); err != nil {
		b.mu.Unlock()
		return nil, err
	}
	for _, o := range b.slots {
		if o.dev.Gone() == d.Gone() {
			b.mu.Unlock()
			return nil, fail("plug", path, EBUSY, "the device is plugged in already, as %s", o.Name())
		}
	}
	address := b.addressLocked()
	if address == 0 {
		b.mu.Unlock()
		return nil, fail("plug", path, ENOTCONN, "bus %d has given all its 127 addresses; unplug something", b.number)
	}
	s := &Slot{bus: b, path: path, dev: d, address: address, removed: make(chan struct{})}
	s.setTaps(b.taps)
	b.slots[path] = s
	watchers := b.watchersLocked()
	b.mu.Unlock()
	b.tellHub(path, d.Speed())
	for _, w := range watchers {
		w(Event{true, s})
	}
	go func() {
		select {
		case <-d.Gone():
			b.remove(s)
		case <-s.removed:
		}
	}()
	return s, nil
}

// freeLocked checks that there is such a port and that it is free.
func (b *Bus) freeLocked(path string) error {
	parts := strings.Split(path, ".")
	if len(parts) > 6 {
		return fail("plug", path, EINVAL, "%d hubs in a row; 5 are possible [USB2] 4.1.1", len(parts)-1)
	}
	ports, at := b.ports, ""
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || strconv.Itoa(n) != part || n < 1 {
			return fail("plug", path, EINVAL, "%q is no port; a path is port numbers with dots, such as 1.3", part)
		}
		if n > ports {
			return fail("plug", path, ENXIO, "port %d of %d", n, ports)
		}
		if i > 0 {
			at += "."
		}
		at += part
		s := b.slots[at]
		switch {
		case i == len(parts)-1 && s != nil:
			return fail("plug", path, EBUSY, "the port is taken by %s", s.Name())
		case i == len(parts)-1:
			return nil
		case s == nil:
			return fail("plug", path, ENXIO, "nothing is plugged into %s; plug a hub into it first", at)
		}
		h := hubOf(s.dev)
		if h == nil {
			return fail("plug", path, ENXIO, "%s is no hub", s.Name())
		}
		ports = h.ports
	}
	return nil
}

func (b *Bus) addressLocked() uint8 {
	used := [128]bool{0: true, 1: true} // 1 is the root hub
	for _, s := range b.slots {
		used[s.address] = true
	}
	for range 127 {
		b.last = max(1, (b.last+1)&127)
		if !used[b.last] {
			return b.last
		}
	}
	return 0
}

// Unplug takes the device in a port away, and what is plugged into it if it is a hub.
//
// Errors: ENODEV if nothing is there.
func (b *Bus) Unplug(path string) error {
	b.mu.Lock()
	s := b.slots[path]
	b.mu.Unlock()
	if s == nil {
		return fail("unplug", path, ENODEV, "nothing is plugged into port %s of bus %d", path, b.number)
	}
	b.remove(s)
	return nil
}

func (b *Bus) remove(s *Slot) {
	b.mu.Lock()
	var gone []*Slot
	for p, c := range b.slots {
		if c == s || strings.HasPrefix(p, s.path+".") && b.slots[s.path] == s {
			gone = append(gone, c)
		}
	}
	slices.SortFunc(gone, func(x, y *Slot) int { return cmp.Compare(len(y.path), len(x.path)) })
	for _, c := range gone {
		delete(b.slots, c.path)
		close(c.removed)
	}
	watchers := b.watchersLocked()
	b.mu.Unlock()
	for _, c := range gone {
		if u, ok := c.dev.(Unplugger); ok {
			u.Unplug()
		}
		b.tellHub(c.path, UnknownSpeed)
		for _, w := range watchers {
			w(Event{false, c})
		}
	}
}

// tellHub tells the hub above path what is in its port.
func (b *Bus) tellHub(path string, s Speed) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return
	}
	b.mu.Lock()
	parent := b.slots[path[:i]]
	b.mu.Unlock()
	if parent == nil {
		return
	}
	if h := hubOf(parent.dev); h != nil {
		n, _ := strconv.Atoi(path[i+1:])
		h.connect(n, s)
	}
}

// Devices are the slots in the order of their paths.
func (b *Bus) Devices() []*Slot {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*Slot, 0, len(b.slots))
	for _, s := range b.slots {
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y *Slot) int { return slices.Compare(x.route(), y.route()) })
	return all
}

// Find is the slot with this name ("1-2.1") or path ("2.1"), or nil.
func (b *Bus) Find(name string) *Slot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.slots[strings.TrimPrefix(name, strconv.Itoa(b.number)+"-")]
}

// Watch calls f for every device that comes or goes from now on, one after the other for each
// device. stop ends that.
func (b *Bus) Watch(f func(Event)) (stop func()) {
	b.mu.Lock()
	b.id++
	id := b.id
	b.watchers[id] = f
	b.mu.Unlock()
	return func() { b.mu.Lock(); delete(b.watchers, id); b.mu.Unlock() }
}

func (b *Bus) watchersLocked() []func(Event) {
	ids := make([]int, 0, len(b.watchers))
	for id := range b.watchers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	fs := make([]func(Event), len(ids))
	for i, id := range ids {
		fs[i] = b.watchers[id]
	}
	return fs
}

// Tap shows t every transfer submitted from now on. stop ends that.
func (b *Bus) Tap(t Tap) (stop func()) {
	change := func(edit func([]Tap) []Tap) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.taps = edit(slices.Clone(b.taps))
		for _, s := range b.slots {
			s.setTaps(b.taps)
		}
	}
	change(func(l []Tap) []Tap { return append(l, t) })
	return func() {
		change(func(l []Tap) []Tap {
			if i := slices.Index(l, t); i >= 0 {
				return slices.Delete(l, i, i+1)
			}
			return l
		})
	}
}

func (s *Slot) setTaps(l []Tap) {
	if len(l) == 0 {
		s.taps.Store(nil)
		return
	}
	s.taps.Store(&l)
}

// Name is the device's name on the host, "1-2.1": Linux's busid.
func (s *Slot) Name() string { return fmt.Sprintf("%d-%s", s.bus.number, s.path) }

// Path is the ports that lead to it, "2.1".
func (s *Slot) Path() string { return s.path }

// Address is its device number on the bus, from 2.
func (s *Slot) Address() int { return int(s.address) }

// Bus is the bus it is on.
func (s *Slot) Bus() *Bus { return s.bus }

// Hub reports whether the device is one of our hubs, so that others can be plugged in behind it.
func (s *Slot) Hub() bool { return hubOf(s.dev) != nil }

func (s *Slot) route() []int {
	var r []int
	for p := range strings.SplitSeq(s.path, ".") {
		n, _ := strconv.Atoi(p)
		r = append(r, n)
	}
	return r
}

// Speed implements [Device].
func (s *Slot) Speed() Speed { return s.dev.Speed() }

// Gone is closed when the slot is empty again.
func (s *Slot) Gone() <-chan struct{} { return s.removed }

// Reset implements [Device].
func (s *Slot) Reset() error {
	if s.empty() {
		return ENODEV
	}
	return s.dev.Reset()
}

// Cancel implements [Device].
func (s *Slot) Cancel(t *Transfer) { s.dev.Cancel(t) }

// Submit implements [Device].
func (s *Slot) Submit(t *Transfer) error {
	if s.empty() {
		return ENODEV
	}
	taps := s.taps.Load()
	if taps == nil {
		return s.dev.Submit(t)
	}
	if t.Pending() {
		return EBUSY
	}
	for _, x := range *taps {
		x.Submitted(s, t)
	}
	t.Push(s)
	return s.dev.Submit(t)
}

// Completed shows a transfer to the taps.
func (s *Slot) Completed(t *Transfer) bool {
	if taps := s.taps.Load(); taps != nil {
		for _, x := range *taps {
			x.Completed(s, t)
		}
	}
	return false
}

func (s *Slot) empty() bool {
	select {
	case <-s.removed:
		return true
	default:
		return false
	}
}
