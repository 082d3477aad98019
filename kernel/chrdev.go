package kernel

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// Limits of character device numbers (include/linux/fs.h).
const (
	MajorMax      = 512 // CHRDEV_MAJOR_MAX: majors are below it
	dynEnd        = 234 // CHRDEV_MAJOR_DYN_END
	dynExtStart   = 511 // CHRDEV_MAJOR_DYN_EXT_START
	dynExtEnd     = 384 // CHRDEV_MAJOR_DYN_EXT_END
	dynStart      = 254
	minorsOfMajor = 256     // that register_chrdev takes
	minorMax      = 1 << 20 // MINORMASK + 1
)

// Cdev connects a range of device numbers with a driver's operations (struct cdev). It lives until
// its last open file is closed.
type Cdev struct {
	Ops   *FileOperations
	Owner *Module // held once for every open, beside Ops.Owner

	// Private is the driver's.
	Private any

	dev   Dev
	count uint32
}

// put gives back what lookup took.
func (c *Cdev) put() { c.Owner.put() }

// region is a range of minors that somebody has claimed, by name (struct char_device_struct).
type region struct {
	first, count uint32
	name         string
}

// chrdevs are the two tables of fs/char_dev.c: who has claimed which numbers, and which operations
// they lead to. Each major has its own sorted slices, so that neither a register nor an open
// depends on how many there are.
type chrdevs struct {
	mu sync.RWMutex
	// majors with a region
	used   [MajorMax / 64]uint64 // +checklocks:mu
	majors [MajorMax]*majorTable // +checklocks:mu
	// empty ones, to be used again
	spare []*majorTable // +checklocks:mu
}

type majorTable struct {
	regions  []region
	cdevs    []*Cdev // by first minor
	overlaps bool    // some range of cdevs lies inside another
}

// RegisterChrdev claims the 256 minors of a major and sends their opens to ops (register_chrdev).
// Major 0 asks for a free one, 254 down to 234, then 511 down to 384, and returns it; for a fixed
// major it returns 0.
//
// Errors:
//   - EBUSY: the major is taken, or no dynamic one is free.
//   - EINVAL: the major is above 511, or ops is nil.
//
// References: fs/char_dev.c __register_chrdev, find_dynamic_major.
func (k *Kernel) RegisterChrdev(major uint32, name string, ops *FileOperations) (uint32, error) {
	if ops == nil {
		return 0, EINVAL
	}
	got, err := k.chrdevs.claim(k, major, 0, minorsOfMajor, name)
	if err != nil {
		return 0, err
	}
	k.chrdevs.add(&Cdev{Ops: ops, Owner: ops.Owner}, MkDev(got, 0), minorsOfMajor)
	if major != 0 {
		return 0, nil
	}
	return got, nil
}

// UnregisterChrdev takes back what RegisterChrdev did. Files that are open live on; new opens get
// ENXIO. A major that is not registered is left alone.
func (k *Kernel) UnregisterChrdev(major uint32, name string) {
	if major >= MajorMax {
		return
	}
	k.chrdevs.release(MkDev(major, 0), minorsOfMajor)
}

// RegisterChrdevRegion claims count device numbers from dev on, without operations: CdevAdd brings
// those. For major 0 it claims a free major, as Linux does, which says nowhere which;
// UnregisterChrdevRegion of major 0 does not find it.
//
// Errors: EBUSY some are taken; EINVAL the range leaves 0…511 or a major's minors.
func (k *Kernel) RegisterChrdevRegion(dev Dev, count uint32, name string) error {
	for n, to := uint64(dev), uint64(dev)+uint64(count); n < to; {
		next := min(to, (n>>20+1)<<20)
		if _, err := k.chrdevs.claim(k, uint32(n>>20), uint32(n)&(minorMax-1), uint32(next-n), name); err != nil {
			for m := uint64(dev); m < n; m = (m>>20 + 1) << 20 {
				k.chrdevs.unclaim(Dev(m), uint32(min(n, (m>>20+1)<<20)-m))
			}
			return err
		}
		n = next
	}
	return nil
}

// AllocChrdevRegion claims count minors from baseminor on under a free major. Errors: as
// RegisterChrdev.
func (k *Kernel) AllocChrdevRegion(baseminor, count uint32, name string) (Dev, error) {
	major, err := k.chrdevs.claim(k, 0, baseminor, count, name)
	if err != nil {
		return 0, err
	}
	return MkDev(major, baseminor), nil
}

// UnregisterChrdevRegion gives device numbers back.
func (k *Kernel) UnregisterChrdevRegion(dev Dev, count uint32) {
	for n, to := uint64(dev), uint64(dev)+uint64(count); n < to; {
		next := min(to, (n>>20+1)<<20)
		k.chrdevs.unclaim(Dev(n), uint32(next-n))
		n = next
	}
}

// CdevAdd makes a range of device numbers live: opens of them go to c.Ops from now on.
//
// Errors: EBUSY when c is live already; EINVAL without operations or past a major's last minor.
func (k *Kernel) CdevAdd(c *Cdev, dev Dev, count uint32) error {
	switch {
	case c.Ops == nil || dev.Major() >= MajorMax || count == 0 || uint64(dev.Minor())+uint64(count) > minorMax:
		return EINVAL
	case c.count != 0:
		return EBUSY
	}
	k.chrdevs.add(c, dev, count)
	return nil
}

// CdevDel ends what CdevAdd began; files that are open live on.
func (k *Kernel) CdevDel(c *Cdev) { k.chrdevs.del(c) }

// claim enters a region. Major 0 picks a free one.
func (cd *chrdevs) claim(k *Kernel, major, first, count uint32, name string) (uint32, error) {
	if major >= MajorMax {
		k.Log.Printf(LevelErr, "CHRDEV \"%s\" major requested (%d) is greater than the maximum (%d)", name, major, MajorMax-1)
		return 0, EINVAL
	}
	if uint64(first)+uint64(count) > minorMax || count == 0 {
		k.Log.Printf(LevelErr, "CHRDEV \"%s\" minor range requested (%d-%d) is out of range of maximum range (%d-%d) for a single major",
			name, first, uint64(first)+uint64(count)-1, 0, minorMax-1)
		return 0, EINVAL
	}
	cd.mu.Lock()
	defer cd.mu.Unlock()
	if major == 0 {
		if major = cd.freeLocked(); major == 0 {
			k.Log.Printf(LevelErr, "CHRDEV \"%s\" dynamic allocation region is full", name)
			return 0, EBUSY
		}
	}
	t := cd.majors[major]
	if t == nil {
		t = cd.newTableLocked()
		cd.majors[major] = t
	}
	at, clash := t.search(first, count)
	if clash {
		return 0, EBUSY
	}
	t.regions = slices.Insert(t.regions, at, region{first, count, name})
	cd.used[major/64] |= 1 << (major % 64)
	return major, nil
}

// +checklocks:cd.mu
func (cd *chrdevs) newTableLocked() *majorTable {
	if n := len(cd.spare); n > 0 {
		t := cd.spare[n-1]
		cd.spare = cd.spare[:n-1]
		return t
	}
	return &majorTable{regions: make([]region, 0, 1), cdevs: make([]*Cdev, 0, 1)}
}

// freeLocked is the highest free dynamic major, 0 when there is none.
//
// +checklocks:cd.mu
func (cd *chrdevs) freeLocked() uint32 {
	if m := cd.highestFreeLocked(dynEnd, dynStart); m != 0 {
		return m
	}
	return cd.highestFreeLocked(dynExtEnd, dynExtStart)
}

// +checklocks:cd.mu
func (cd *chrdevs) highestFreeLocked(lo, hi uint32) uint32 {
	for w := int(hi / 64); w >= int(lo/64); w-- {
		free := ^cd.used[w]
		if base := uint32(w) * 64; base+63 > hi {
			free &= 1<<(hi-base+1) - 1
		}
		if base := uint32(w) * 64; base < lo {
			free &^= 1<<(lo-base) - 1
		}
		if free != 0 {
			return uint32(w)*64 + uint32(bits.Len64(free)) - 1
		}
	}
	return 0
}

// search is where a region belongs, and whether it overlaps another.
func (t *majorTable) search(first, count uint32) (at int, clash bool) {
	at, _ = slices.BinarySearchFunc(t.regions, first, func(r region, f uint32) int { return int(r.first) - int(f) })
	clash = at < len(t.regions) && t.regions[at].first < first+count ||
		at > 0 && t.regions[at-1].first+t.regions[at-1].count > first
	return at, clash
}

// unclaim takes a region out.
func (cd *chrdevs) unclaim(dev Dev, count uint32) {
	cd.mu.Lock()
	defer cd.mu.Unlock()
	cd.unclaimLocked(dev, count)
}

// +checklocks:cd.mu
func (cd *chrdevs) unclaimLocked(dev Dev, count uint32) {
	major := dev.Major()
	if major >= MajorMax || cd.majors[major] == nil {
		return
	}
	t := cd.majors[major]
	at, _ := t.search(dev.Minor(), 1)
	if at < len(t.regions) && t.regions[at].first == dev.Minor() && t.regions[at].count == count {
		t.regions = slices.Delete(t.regions, at, at+1)
	}
	cd.tidyLocked(major)
}

// +checklocks:cd.mu
func (cd *chrdevs) tidyLocked(major uint32) {
	t := cd.majors[major]
	if len(t.regions) == 0 {
		cd.used[major/64] &^= 1 << (major % 64)
		if len(t.cdevs) == 0 {
			cd.majors[major] = nil
			if len(cd.spare) < 8 && cap(t.regions) < 64 && cap(t.cdevs) < 64 {
				cd.spare = append(cd.spare, t)
			}
		}
	}
}

// release takes out the region and the cdev of a RegisterChrdev.
func (cd *chrdevs) release(dev Dev, count uint32) {
	cd.mu.Lock()
	defer cd.mu.Unlock()
	major := dev.Major()
	t := cd.majors[major]
	if t == nil {
		return
	}
	if at, _ := t.search(dev.Minor(), 1); at >= len(t.regions) || t.regions[at].first != dev.Minor() || t.regions[at].count != count {
		return
	}
	if at, ok := t.cdev(dev.Minor()); ok && t.cdevs[at].dev == dev && t.cdevs[at].count == count {
		t.cdevs[at].count = 0
		t.cdevs = slices.Delete(t.cdevs, at, at+1)
	}
	cd.unclaimLocked(dev, count)
}

// cdev is where the range that holds minor stands, or where one that starts there belongs.
func (t *majorTable) cdev(minor uint32) (at int, ok bool) {
	lo, hi := 0, len(t.cdevs)
	if hi > 8 { // where the minors are dense, the first guess is right however many there are
		first, last := t.cdevs[0].dev.Minor(), t.cdevs[hi-1].dev.Minor()
		if minor >= first && minor <= last && last > first {
			guess := int(uint64(minor-first) * uint64(hi-1) / uint64(last-first))
			if minor-t.cdevs[guess].dev.Minor() < t.cdevs[guess].count && !t.overlaps {
				return guess, true
			}
		}
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if t.cdevs[mid].dev.Minor() <= minor {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo > 0 && minor-t.cdevs[lo-1].dev.Minor() < t.cdevs[lo-1].count {
		return lo - 1, true
	}
	if t.overlaps {
		for i := lo - 2; i >= 0; i-- {
			if minor-t.cdevs[i].dev.Minor() < t.cdevs[i].count {
				return i, true
			}
		}
	}
	return lo, false
}

func (cd *chrdevs) add(c *Cdev, dev Dev, count uint32) {
	cd.mu.Lock()
	defer cd.mu.Unlock()
	c.dev, c.count = dev, count
	t := cd.majors[dev.Major()]
	if t == nil {
		t = cd.newTableLocked()
		cd.majors[dev.Major()] = t
	}
	at, _ := slices.BinarySearchFunc(t.cdevs, dev, func(c *Cdev, d Dev) int { return int(c.dev) - int(d) })
	if at > 0 && dev-t.cdevs[at-1].dev < Dev(t.cdevs[at-1].count) || at < len(t.cdevs) && t.cdevs[at].dev-dev < Dev(count) {
		t.overlaps = true
	}
	t.cdevs = slices.Insert(t.cdevs, at, c)
}

func (cd *chrdevs) del(c *Cdev) {
	cd.mu.Lock()
	defer cd.mu.Unlock()
	t := cd.majors[c.dev.Major()]
	if t == nil || c.count == 0 {
		return
	}
	if at := slices.Index(t.cdevs, c); at >= 0 {
		t.cdevs = slices.Delete(t.cdevs, at, at+1)
	}
	c.count = 0
	cd.tidyLocked(c.dev.Major())
}

// lookup finds a device number's driver and holds its module (chrdev_open, cdev_get).
func (cd *chrdevs) lookup(dev Dev) *Cdev {
	if dev.Major() >= MajorMax {
		return nil
	}
	cd.mu.RLock()
	defer cd.mu.RUnlock()
	t := cd.majors[dev.Major()]
	if t == nil {
		return nil
	}
	at, ok := t.cdev(dev.Minor())
	if !ok || !t.cdevs[at].Owner.get() {
		return nil
	}
	return t.cdevs[at]
}

// requestChrdev asks user space for a driver of dev and reports whether anything was loaded
// (fs/char_dev.c base_probe).
func (k *Kernel) requestChrdev(t *Task, dev Dev) bool {
	if k.RequestModule(t, fmt.Sprintf("char-major-%d-%d", dev.Major(), dev.Minor())) == nil {
		return true
	}
	return k.RequestModule(t, fmt.Sprintf("char-major-%d", dev.Major())) == nil
}

// devicesText is /proc/devices.
func (k *Kernel) devicesText(*Task) (string, error) {
	cd := &k.chrdevs
	cd.mu.RLock()
	defer cd.mu.RUnlock()
	var b strings.Builder
	b.WriteString("Character devices:\n")
	for major, t := range cd.majors {
		if t == nil {
			continue
		}
		for _, r := range t.regions {
			fmt.Fprintf(&b, "%3d %s\n", major, r.name)
		}
	}
	b.WriteString("\nBlock devices:\n")
	return b.String(), nil
}
