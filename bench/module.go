package bench

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
)

const (
	chainLength = 32
	kernels     = 10_000
)

// modules measures what lives and dies: modules and kernels.
func modules() []Case {
	var cases []Case
	add := func(name string, images func() []image) {
		cases = append(cases,
			Case{"Module/" + name + "/first", func(b *testing.B) error { return insmodRmmod(b, images(), true) }},
			Case{"Module/" + name + "/again", func(b *testing.B) error { return insmodRmmod(b, images(), false) }})
	}
	add("insmod+rmmod/hello", func() []image { return []image{{"hello", fixtures.MustModule("hello")}} })
	add("insmod+rmmod/large", func() []image { return []image{large()} })
	add(fmt.Sprintf("chain/%d", chainLength), chain)
	return append(cases, Case{"Module/boot+shutdown", bootShutdown}, Case{fmt.Sprintf("Module/kernels/%d", kernels), manyKernels})
}

// image is the file of a module of this name.
type image struct {
	name  string
	bytes []byte
}

// large is a module of 1 MiB, half code and half data.
func large() image {
	return image{"large", module{name: "large", functions: 887, data: 512 << 10}.file()}
}

// chain is modules that each call a function of the one before when they are loaded.
func chain() []image {
	images := make([]image, chainLength)
	for i := range images {
		m := module{name: fmt.Sprintf("chain%02d0000", i), exports: fmt.Sprintf("link%d", i), value: i}
		if i > 0 {
			m.uses, m.want = fmt.Sprintf("link%d", i-1), i-1
		}
		images[i] = image{m.name, m.file()}
	}
	return images
}

// insmodRmmod loads all images in order and removes them in reverse. The first time is the first
// time of each load: the machine is there, but the module has a name that it never had, so that
// nothing of it is known.
func insmodRmmod(b *testing.B, images []image, first bool) (err error) {
	k, shutdown := bootKO()
	defer closing(&err, shutdown)
	t := k.Init()
	insmod := func(generation int) error {
		for i := range images {
			if first {
				if err := images[i].rename(generation); err != nil {
					return err
				}
			}
			if err := t.InitModule(images[i].bytes, "", 0); err != nil {
				return fmt.Errorf("bench: insmod %s: %w\n%s", images[i].name, err, k.Log.Text())
			}
		}
		for i := range images {
			if err := t.DeleteModule(images[len(images)-1-i].name, 0); err != nil {
				return fmt.Errorf("bench: rmmod %s: %w", images[len(images)-1-i].name, err)
			}
		}
		return nil
	}
	for i := range images { // do not write into the fixtures
		images[i].bytes = bytes.Clone(images[i].bytes)
	}
	if first { // any module starts the machine
		err = t.InitModule(module{name: "start"}.file(), "", 0)
	} else {
		err = insmod(0)
	}
	if err != nil {
		return err
	}
	for n := 1; b.Loop(); n++ {
		if err := insmod(n); err != nil {
			return err
		}
	}
	return nil
}

// rename writes another name into the image: the last four letters become the generation's number,
// in base 36.
func (m *image) rename(generation int) error {
	at := bytes.Index(m.bytes, []byte("\x00name="+m.name+"\x00"))
	if at < 0 || len(m.name) < 5 {
		return fmt.Errorf("bench: module %q cannot be renamed: a name of five letters or more has to stand in its .modinfo", m.name)
	}
	m.name = m.name[:len(m.name)-4] + fmt.Sprintf("%04s", strconv.FormatInt(int64(generation), 36))
	copy(m.bytes[at+len("\x00name="):], m.name)
	return nil
}

func bootShutdown(b *testing.B) error {
	for b.Loop() {
		if err := kernel.Boot(kernel.Config{}).Shutdown(); err != nil {
			return err
		}
	}
	return nil
}

// manyKernels boots kernels, holds them all at once and shuts them down. B/kernel is what one adds
// to the heap, ns/kernel what its boot takes; ns/op is the whole.
func manyKernels(b *testing.B) error {
	all := make([]*kernel.Kernel, kernels)
	var held int64
	var booting time.Duration
	n := 0
	for b.Loop() {
		before, start := heap(), time.Now()
		for i := range all {
			all[i] = kernel.Boot(kernel.Config{})
		}
		booting += time.Since(start)
		held += heap() - before
		n++
		for i, k := range all {
			if err := k.Shutdown(); err != nil {
				return err
			}
			all[i] = nil
		}
	}
	b.ReportMetric(float64(held)/float64(n*kernels), "B/kernel")
	b.ReportMetric(float64(booting.Nanoseconds())/float64(n*kernels), "ns/kernel")
	return nil
}

// heap is the number of bytes in live objects and stacks.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
