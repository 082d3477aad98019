package kernel

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// Minor numbers of the misc major (include/linux/miscdevice.h).
const (
	MiscMajor        = 10
	MiscDynamicMinor = 255
	dynMinors        = 128 // 127 down to 0 are dynamic
)

// Miscdevice is a driver with one minor of major 10 (struct miscdevice).
type Miscdevice struct {
	Minor uint32 // MiscDynamicMinor asks for a free one, which Register fills in
	Name  string // of the line in /proc/misc and the node
	Node  string // another name for the node in /dev; "" is Name
	Mode  uint32 // permission bits of the node; 0 is 0600
	Ops   *FileOperations

	device *Device
	asked  uint32
}

// miscs is the misc major's table.
type miscs struct {
	mu sync.Mutex
	// newest first, as /proc/misc shows it
	list []*Miscdevice // +checklocks:mu
	// dynamic minors in use
	dyn [2]uint64 // +checklocks:mu
}

// miscOps hands an open of major 10 on to the minor's driver (drivers/char/misc.c misc_open).
func (k *Kernel) miscOps() *FileOperations {
	return &FileOperations{Open: func(t *Task, f *File) error {
		m := k.misc.find(f.Minor())
		if m == nil {
			_ = k.RequestModule(t, fmt.Sprintf("char-major-%d-%d", MiscMajor, f.Minor()))
			if m = k.misc.find(f.Minor()); m == nil {
				return ENODEV
			}
		}
		if err := f.ReplaceOps(m.Ops); err != nil {
			return err
		}
		f.Private = m
		if m.Ops.Open != nil {
			return m.Ops.Open(t, f)
		}
		return nil
	}, Symbol: func(op string) string {
		if op == "open" {
			return "misc_open"
		}
		return ""
	}}
}

func (ms *miscs) find(minor uint32) *Miscdevice {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, m := range ms.list {
		if m.Minor == minor {
			return m
		}
	}
	return nil
}

// MiscRegister gives m its minor and its node in /dev (misc_register).
//
// Errors: EBUSY the minor is taken or no dynamic one is free; EEXIST the name is taken; EINVAL no
// operations or no name.
func (k *Kernel) MiscRegister(m *Miscdevice) error {
	if m.Ops == nil || m.Name == "" {
		return EINVAL
	}
	ms := &k.misc
	ms.mu.Lock()
	m.asked = m.Minor
	if m.Minor == MiscDynamicMinor {
		i := ms.freeLocked()
		if i < 0 {
			ms.mu.Unlock()
			return EBUSY
		}
		m.Minor = uint32(dynMinors - 1 - i)
	} else if slices.ContainsFunc(ms.list, func(o *Miscdevice) bool { return o.Minor == m.Minor }) {
		ms.mu.Unlock()
		return EBUSY
	}
	if i := dynMinors - 1 - int(m.Minor); i >= 0 && i < dynMinors {
		ms.dyn[i/64] |= 1 << (i % 64)
	}
	ms.list = slices.Insert(ms.list, 0, m)
	ms.mu.Unlock()
	node := m.Node
	if node == "" {
		node = m.Name
	}
	d, err := k.DeviceCreate(k.Class("misc", nil), DeviceInfo{Name: m.Name, Node: node, Dev: MkDev(MiscMajor, m.Minor), Mode: m.Mode})
	if err != nil {
		k.MiscDeregister(m)
		return err
	}
	m.device = d
	return nil
}

// +checklocks:ms.mu
func (ms *miscs) freeLocked() int {
	for w := range ms.dyn {
		if free := ^ms.dyn[w]; free != 0 {
			return w*64 + bits.TrailingZeros64(free)
		}
	}
	return -1
}

// Device is the registered device in /sys, nil before and after.
func (m *Miscdevice) Device() *Device { return m.device }

// MiscDeregister takes m away; its open files live on.
func (k *Kernel) MiscDeregister(m *Miscdevice) {
	ms := &k.misc
	ms.mu.Lock()
	at := slices.Index(ms.list, m)
	if at < 0 {
		ms.mu.Unlock()
		return
	}
	ms.list = slices.Delete(ms.list, at, at+1)
	if i := dynMinors - 1 - int(m.Minor); i >= 0 && i < dynMinors {
		ms.dyn[i/64] &^= 1 << (i % 64)
	}
	m.Minor = m.asked
	ms.mu.Unlock()
	k.DeviceDestroy(m.device)
	m.device = nil
}

// miscText is /proc/misc.
func (k *Kernel) miscText(*Task) (string, error) {
	k.misc.mu.Lock()
	defer k.misc.mu.Unlock()
	var b strings.Builder
	for _, m := range k.misc.list {
		fmt.Fprintf(&b, "%3d %s\n", m.Minor, m.Name)
	}
	return b.String(), nil
}
