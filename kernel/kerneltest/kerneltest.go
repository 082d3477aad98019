// Package kerneltest gives a Go test a kernel of its own, in microseconds, and checks at the end
// that nothing is left of it: no module, no open file, no task, no device number, no name in /dev,
// /proc or /sys, no interrupt handler, no goroutine, nothing that a module forgot to give back; and
// that the log has no oops, no WARN, no BUG. What a test wants to happen it says by name, with
// [Expect] and [Left].
//
// References: the testing package; go.uber.org/goleak for the check of goroutines; periph/conn
// i2ctest.Playback.Close.
package kerneltest

import (
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/kernel"
)

// Option changes how Boot works.
type Option func(*options)

type options struct {
	kernel.Config
	parallel     bool
	expect, left []string
}

// WithConfig sets the whole configuration.
func WithConfig(cfg kernel.Config) Option { return func(o *options) { o.Config = cfg } }

// WithCatalog sets the drivers that can be loaded by name; without it there are none.
func WithCatalog(all map[string]func() *kernel.Module) Option {
	return func(o *options) { o.Catalog = all }
}

// WithFormat adds a kind of module file, such as ko.New(ko.Config{}), so that Task.InitModule can
// load it.
func WithFormat(f func(*kernel.Kernel) kernel.Format) Option {
	return func(o *options) { o.Formats = append(o.Formats, f) }
}

// Parallel leaves out the check for goroutines, which cannot tell one test's from another's that
// runs at the same time.
func Parallel() Option { return func(o *options) { o.parallel = true } }

// Expect says that the test causes trouble whose line matches the regular expression: "oops: BUG:
// kernel NULL pointer", "warn: scheduling while atomic", "left: .*memory" ([kernel.Trouble] as
// text). The test fails when it does not happen.
func Expect(pattern string) Option {
	return func(o *options) { o.expect = append(o.expect, pattern) }
}

// Left says that something is still there when the test ends, by a regular expression for a line of
// [kernel.Kernel.Holdings]: "^module stuck: Loading". The test fails when nothing matches.
func Left(pattern string) Option {
	return func(o *options) { o.left = append(o.left, pattern) }
}

// Boot starts a kernel that ends with the test. The test fails for everything that the package
// comment lists, and shows the kernel's log whenever it fails.
func Boot(t testing.TB, opts ...Option) *kernel.Kernel {
	t.Helper()
	var o options
	for _, set := range opts {
		set(&o)
	}
	expect, left := newPatterns(t, "Expect", o.expect), newPatterns(t, "Left", o.left)
	goroutines := runtime.NumGoroutine()
	k := kernel.Boot(o.Config)
	before := k.Holdings()
	t.Cleanup(func() {
		for _, line := range settle(k, before) {
			if !left.match(line) {
				t.Errorf("kerneltest: left at the end: %s", line)
			}
		}
		if err := k.Shutdown(); err != nil && len(o.left) == 0 {
			t.Errorf("kerneltest: shutdown: %v", err)
		}
		for _, trouble := range k.Troubles() {
			if !expect.match(trouble.String()) {
				t.Errorf("kerneltest: trouble: %s", trouble)
			}
		}
		left.unmatched(t)
		expect.unmatched(t)
		if !o.parallel {
			checkGoroutines(t, goroutines)
		}
		if t.Failed() {
			t.Logf("kernel log:\n%s", k.Log.Text())
		}
	})
	return k
}

// settle is what k holds more than before. Interrupt handlers are taken off and killed tasks unwind
// in the background; they get time to go.
func settle(k *kernel.Kernel, before []string) []string {
	for range patience {
		lines := k.HoldingsBeyond(before)
		if !slices.ContainsFunc(lines, goes) {
			return lines
		}
		time.Sleep(time.Millisecond)
	}
	return k.HoldingsBeyond(before)
}

// goes reports whether what a line tells of ends in the background: it gets time to.
func goes(line string) bool {
	return strings.HasPrefix(line, "handler ") || strings.HasSuffix(line, kernel.Ending)
}

// patience is how many milliseconds something that ends by itself may take, on a machine that has
// better to do.
const patience = 30_000

// patterns are what one kind of option names, each with a note whether it has happened.
type patterns struct {
	option string
	re     []*regexp.Regexp
	met    []bool
}

func newPatterns(t testing.TB, option string, list []string) *patterns {
	t.Helper()
	p := &patterns{option: option, met: make([]bool, len(list))}
	for _, s := range list {
		re, err := regexp.Compile(s)
		if err != nil {
			t.Fatalf("kerneltest: %s(%q): %v", option, s, err)
		}
		p.re = append(p.re, re)
	}
	return p
}

func (p *patterns) match(line string) (any bool) {
	for i, re := range p.re {
		if re.MatchString(line) {
			p.met[i], any = true, true
		}
	}
	return any
}

func (p *patterns) unmatched(t testing.TB) {
	t.Helper()
	for i, re := range p.re {
		if !p.met[i] {
			t.Errorf("kerneltest: %s(%q): nothing of the kind at the end", p.option, re)
		}
	}
}

// Task starts a task that ends with the test.
func Task(t testing.TB, k *kernel.Kernel, opts ...kernel.TaskOption) *kernel.Task {
	t.Helper()
	task := k.NewTask(opts...)
	t.Cleanup(task.Exit)
	return task
}

// Load loads a Go module for the length of the test.
func Load(t testing.TB, k *kernel.Kernel, m *kernel.Module, args string) {
	t.Helper()
	if err := k.Init().LoadModule(m, args); err != nil {
		t.Fatalf("kerneltest: load %s %q: %v\nkernel log:\n%s", m.Name, args, err, k.Log.Text())
	}
	t.Cleanup(func() {
		if err := k.Init().DeleteModule(m.Name, 0); err != nil {
			t.Errorf("kerneltest: remove %s: %v (%d references)", m.Name, err, m.Refcount())
		}
	})
}

// checkGoroutines waits for goroutines that are on their way out; only those that never end cost
// the time.
func checkGoroutines(t testing.TB, before int) {
	t.Helper()
	for range patience {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	stacks := string(buf[:runtime.Stack(buf, true)])
	// in a synctest bubble the moment was none; it has passed now
	more := runtime.NumGoroutine() - before
	if more > 0 && strings.Contains(stacks, "kobench/kernel") {
		t.Errorf("kerneltest: %d goroutines more than at boot:\n%s", more, stacks)
	}
}
