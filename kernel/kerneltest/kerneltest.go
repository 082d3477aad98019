// Package kerneltest gives a Go test a kernel of its own, in microseconds, and checks at the end that nothing is left of it: no
// module, no open file, no task, no goroutine.
//
// References: the testing package; go.uber.org/goleak for the idea of the last check.
package kerneltest

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/kernel"
)

// Option changes how Boot works.
type Option func(*options)

type options struct {
	kernel.Config
	parallel bool
}

// WithConfig sets the whole configuration.
func WithConfig(cfg kernel.Config) Option { return func(o *options) { o.Config = cfg } }

// WithCatalog sets the drivers that can be loaded by name; without it there are none.
func WithCatalog(all map[string]func() *kernel.Module) Option {
	return func(o *options) { o.Catalog = all }
}

// WithFormat adds a kind of module file, such as ko.New(ko.Config{}), so that Task.InitModule can load it.
func WithFormat(f func(*kernel.Kernel) kernel.Format) Option {
	return func(o *options) { o.Formats = append(o.Formats, f) }
}

// Parallel leaves out the check for goroutines, which cannot tell one test's from another's that runs at the same time.
func Parallel() Option { return func(o *options) { o.parallel = true } }

// Boot starts a kernel that ends with the test. The test fails when a module, a file or a goroutine is left at its end, and shows
// the kernel's log whenever it fails.
func Boot(t testing.TB, opts ...Option) *kernel.Kernel {
	t.Helper()
	var o options
	for _, set := range opts {
		set(&o)
	}
	before := runtime.NumGoroutine()
	k := kernel.Boot(o.Config)
	t.Cleanup(func() {
		for _, m := range k.Modules() {
			if n := m.Refcount(); n != 0 || m.State() != kernel.ModuleLive {
				t.Errorf("kerneltest: at the end module %s is %s with %d references: a file is still open, or it made an oops",
					m.Name, m.State(), n)
			}
		}
		if err := k.Shutdown(); err != nil {
			t.Errorf("kerneltest: shutdown: %v", err)
		}
		if !o.parallel {
			checkGoroutines(t, before)
		}
		if t.Failed() {
			t.Logf("kernel log:\n%s", k.Log.Text())
		}
	})
	return k
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

// checkGoroutines waits a moment for goroutines that are on their way out.
func checkGoroutines(t testing.TB, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	stacks := string(buf[:runtime.Stack(buf, true)])
	more := runtime.NumGoroutine() - before // in a synctest bubble the moment was none; it has passed now
	if more > 0 && strings.Contains(stacks, "kobench/kernel") {
		t.Errorf("kerneltest: %d goroutines more than at boot:\n%s", more, stacks)
	}
}
