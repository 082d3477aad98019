package bench

import (
	"fmt"
	"testing"

	"github.com/kobench/kobench/kernel"
)

// registrationMajor is a major for local use (Linux Documentation/admin-guide/devices.txt,
// 240-254).
const registrationMajor = 240

// registration measures the tables of character device numbers as they fill.
func registration() []Case {
	var cases []Case
	for _, taken := range []int{0, 100, 400} {
		cases = append(cases, Case{fmt.Sprintf("Registration/pair/taken=%d", taken), func(b *testing.B) error { return pair(b, taken) }})
	}
	minors := []uint32{1, 100, 10_000, 1_000_000}
	for _, n := range minors {
		cases = append(cases, Case{fmt.Sprintf("Registration/region/minors=%d", n), func(b *testing.B) error { return region(b, n) }})
	}
	for _, n := range minors {
		cases = append(cases, Case{fmt.Sprintf("Registration/open/minors=%d", n), func(b *testing.B) error { return openLast(b, n) }})
	}
	return cases
}

// pair is register_chrdev for any free major and its unregister_chrdev. The taken majors are first
// those that it would be given, but the last one, then others.
func pair(b *testing.B, taken int) (err error) {
	k := kernel.Boot(kernel.Config{})
	defer closing(&err, k.Shutdown)
	ops := &kernel.FileOperations{}
	for _, major := range majors()[:taken] {
		if _, err := k.RegisterChrdev(major, "taken", ops); err != nil {
			return fmt.Errorf("bench: take major %d: %w", major, err)
		}
	}
	for b.Loop() {
		major, err := k.RegisterChrdev(0, "pair", ops)
		if err != nil {
			return err
		}
		k.UnregisterChrdev(major, "pair")
	}
	return nil
}

// majors are all but misc's and the last dynamic one, in the order in which register_chrdev gives
// them out, then the others.
func majors() []uint32 {
	var dynamic, others []uint32
	for major := uint32(kernel.MajorMax - 1); major > 0; major-- {
		switch {
		case major >= 234 && major <= 254:
			dynamic = append(dynamic, major)
		case major != 384 && major != kernel.MiscMajor:
			others = append(others, major)
		}
	}
	return append(dynamic, others...)
}

// region is cdev_add and cdev_del of one device that has n minors.
func region(b *testing.B, n uint32) (err error) {
	k := kernel.Boot(kernel.Config{})
	defer closing(&err, k.Shutdown)
	dev := kernel.MkDev(registrationMajor, 0)
	if err := k.RegisterChrdevRegion(dev, n, "region"); err != nil {
		return err
	}
	defer k.UnregisterChrdevRegion(dev, n)
	c := &kernel.Cdev{Ops: &kernel.FileOperations{}}
	for b.Loop() {
		if err := k.CdevAdd(c, dev, n); err != nil {
			return err
		}
		k.CdevDel(c)
	}
	return nil
}

// openLast opens and closes the last of n minors, each of which has a cdev of its own: the fullest
// that the table gets.
func openLast(b *testing.B, n uint32) (err error) {
	k := kernel.Boot(kernel.Config{})
	defer closing(&err, k.Shutdown)
	if err := k.RegisterChrdevRegion(kernel.MkDev(registrationMajor, 0), n, "many"); err != nil {
		return err
	}
	cdevs, ops := make([]kernel.Cdev, n), &kernel.FileOperations{}
	for i := range cdevs {
		cdevs[i].Ops = ops
		if err := k.CdevAdd(&cdevs[i], kernel.MkDev(registrationMajor, uint32(i)), 1); err != nil {
			return err
		}
	}
	t := k.Init()
	if err := t.Mknod("/dev/last", kernel.S_IFCHR|0o600, kernel.MkDev(registrationMajor, n-1)); err != nil {
		return err
	}
	for b.Loop() {
		fd, err := t.Open("/dev/last", kernel.O_RDWR)
		if err != nil {
			return err
		}
		if err := t.Close(fd); err != nil {
			return err
		}
	}
	return nil
}
