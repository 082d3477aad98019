package kerneltest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/stretchr/testify/require"
)

// recorder is a test that notes how it fails.
type recorder struct {
	testing.TB
	cleanup []func()
	errors  []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Logf(string, ...any)       {}
func (r *recorder) Failed() bool              { return len(r.errors) > 0 }
func (r *recorder) Cleanup(f func())          { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }

// end is the end of the test.
func (r *recorder) end() string {
	for len(r.cleanup) > 0 {
		f := r.cleanup[len(r.cleanup)-1]
		r.cleanup = r.cleanup[:len(r.cleanup)-1]
		f()
	}
	return strings.Join(r.errors, "\n")
}

// Each thing that can be left or go wrong fails a test, unless it says so by name.
func TestWhatFails(t *testing.T) {
	zero := &kernel.FileOperations{Read: func(*kernel.Task, *kernel.File, []byte) (int, error) { return 0, nil }}
	module := func(init func(env *kernel.Env) error) *kernel.Module {
		return &kernel.Module{Name: "mine", License: "GPL", Intree: true, Signed: true, Init: init}
	}
	load := func(k *kernel.Kernel, init func(env *kernel.Env) error) {
		require.NoError(t, k.Init().LoadModule(module(init), ""))
	}
	for _, tt := range []struct {
		name   string
		do     func(k *kernel.Kernel)
		want   string // in what the test fails with
		option kerneltest.Option
	}{
		{"nothing", func(*kernel.Kernel) {}, "", nil},
		{"a module", func(k *kernel.Kernel) { load(k, func(*kernel.Env) error { return nil }) },
			"left at the end: module mine: Live, in use by 0", kerneltest.Left("^module mine|/sys/module/mine")},
		{"an open file", func(k *kernel.Kernel) {
			_, err := k.Init().OpenFile("/proc/version", kernel.O_RDONLY)
			require.NoError(t, err)
		}, "left at the end: open file /proc/version", kerneltest.Left("^open file /proc/version$")},
		{"an open file whose name is gone", func(k *kernel.Kernel) {
			require.NoError(t, k.Init().Mknod("/tmp/x", kernel.S_IFREG|0o600, 0))
			_, err := k.Init().OpenFile("/tmp/x", kernel.O_RDONLY)
			require.NoError(t, err)
			require.NoError(t, k.Init().Unlink("/tmp/x"))
		}, "left at the end: open file x (removed)", kerneltest.Left("^open file x")},
		{"a task", func(k *kernel.Kernel) { k.NewTask(kernel.WithComm("cat")) },
			"left at the end: task cat, pid 2", kerneltest.Left("^task cat")},
		{"a chrdev", func(k *kernel.Kernel) {
			_, err := k.RegisterChrdev(240, "mine", zero)
			require.NoError(t, err)
		}, "left at the end: device numbers 240:0 to 255 of mine", kerneltest.Left(" 240:")},
		{"device numbers", func(k *kernel.Kernel) {
			require.NoError(t, k.RegisterChrdevRegion(kernel.MkDev(240, 3), 2, "mine"))
		}, "left at the end: device numbers 240:3 to 4 of mine", kerneltest.Left(" 240:")},
		{"a misc device", func(k *kernel.Kernel) {
			require.NoError(t, k.MiscRegister(&kernel.Miscdevice{Minor: 99, Name: "mine", Ops: zero}))
		}, "left at the end: misc device mine, minor 99", kerneltest.Left("mine|virtual/misc")},
		{"a class", func(k *kernel.Kernel) {
			_, err := k.ClassCreate("mine", nil)
			require.NoError(t, err)
		}, "left at the end: /sys/class/mine", kerneltest.Left("^/sys/class/mine$")},
		{"a device", func(k *kernel.Kernel) {
			k.DeviceCreate(nil, kernel.DeviceInfo{Name: "mine", Dev: kernel.MkDev(240, 0)})
		},
			"left at the end: /dev/mine", kerneltest.Left("mine")},
		{"a file of /proc", func(k *kernel.Kernel) {
			_, err := k.ProcFile("mine", 0o444, &kernel.Attr{})
			require.NoError(t, err)
		}, "left at the end: /proc/mine", kerneltest.Left("^/proc/mine$")},
		{"an interrupt handler", func(k *kernel.Kernel) {
			k.IRQ(4).Request("mine", func() bool { return true })
		}, "left at the end: handler mine of interrupt 4", nil},
		{"a listener", func(k *kernel.Kernel) { k.OnUevent(func(kernel.Uevent) {}) },
			"left at the end: uevent listener", kerneltest.Left("^uevent listener$")},
		{"an oops", func(k *kernel.Kernel) {
			_ = k.NewTask().LoadModule(module(func(*kernel.Env) error { panic("bad") }), "")
		}, "trouble: oops: BUG: panic in a driver: bad", nil},
		{"a positive init", func(k *kernel.Kernel) {
			load(k, func(*kernel.Env) error { return kernel.InitValue(3) })
			require.NoError(t, k.Init().DeleteModule("mine", 0))
		}, "trouble: warn: do_init_module: 'mine'->init suspiciously returned 3", kerneltest.Expect("suspiciously returned 3")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// so that what waits for a handler to go costs no time
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{TB: t}
				tt.do(kerneltest.Boot(r, kerneltest.Parallel()))
				got := r.end()
				if tt.want == "" {
					require.Empty(t, got)
					return
				}
				require.Contains(t, got, tt.want)
				if tt.option == nil {
					return
				}
				r = &recorder{TB: t}
				tt.do(kerneltest.Boot(r, kerneltest.Parallel(), tt.option))
				require.Empty(t, r.end(), "said by name")
				r = &recorder{TB: t}
				kerneltest.Boot(r, kerneltest.Parallel(), tt.option)
				require.Contains(t, r.end(), "nothing of the kind at the end", "said, and did not happen")
			})
		})
	}
}

// Goroutines that a module forgets fail the test. They are many, so that none of another test's
// that ends just now hides them.
func TestGoroutineLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := &recorder{TB: t}, make(chan struct{})
		defer close(stop)
		kerneltest.Boot(r)
		for range 500 {
			go func() { <-stop }()
		}
		require.Contains(t, r.end(), " goroutines more than at boot")
	})
}

// What C modules forget or do wrong (fixtures/modules/sloppy.c).
func TestWhatFailsInC(t *testing.T) {
	cache := ko.NewCache()
	defer cache.Close()
	for _, tt := range []struct{ what, want string }{
		{"", ""},
		{"leak", `left: sloppy: left behind: 8000 bytes of memory at `},
		{"timer", `left: sloppy: left behind: .*timer`},
		{"chrdev", `left: sloppy: left behind: .*sloppy`},
		{"class", `left: sloppy: left behind: .*class.*sloppy`},
		{"thread", `left: sloppy: left behind: kernel thread sloppy`},
		{"lock", `warn: WARNING: CPU: 0 PID: 1 at init/main.c:1284.*: initcall sloppy_init\+0x0/0x[0-9a-f]+ \[sloppy\] returned with preemption imbalance`},
		{"irqs", `warn: WARNING: .*: initcall sloppy_init\+0x0/0x[0-9a-f]+ \[sloppy\] returned with disabled interrupts`},
		{"sleep", `warn: BUG: scheduling while atomic: init/1/0x00000002`},
		{"warn", `warn: WARNING: CPU: 0 PID: 1 at .*sloppy.c:\d+.*: something is odd: 3`},
	} {
		t.Run("what="+tt.what, func(t *testing.T) {
			run := func(opts ...kerneltest.Option) string {
				r := &recorder{TB: t}
				k := kerneltest.Boot(r, append(opts, kerneltest.WithFormat(ko.New(ko.Config{Cache: cache})))...)
				require.NoError(t, k.Init().InitModule(fixtures.MustModule("sloppy"), "what="+tt.what, 0))
				require.NoError(t, k.Init().DeleteModule("sloppy", 0))
				return r.end()
			}
			if tt.want == "" {
				require.Empty(t, run())
				return
			}
			require.Regexp(t, tt.want, run())
			require.Empty(t, run(kerneltest.Expect(tt.want)), "said by name")
		})
	}
}
