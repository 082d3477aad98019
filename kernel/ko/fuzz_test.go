package ko_test

import (
	"testing"
	"time"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// A changed .ko does whatever it does, and the kernel and the process live.
func FuzzInitModule(f *testing.F) {
	f.Add(fixtures.MustModule("hello"))
	f.Add(fixtures.MustModule("parm"))
	f.Add(fixtures.MustModule("chrb"))
	f.Add(ko.Stub(&kernel.Module{Name: "x", Needs: []string{"y"}}))
	cache := ko.NewCache()
	f.Cleanup(func() { _ = cache.Close() })
	f.Fuzz(func(t *testing.T, file []byte) {
		cfg := ko.Config{Cache: cache, Machine: machine.Config{MemoryLimit: 4 << 20, Watchdog: 200 * time.Millisecond}}
		k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{ko.New(cfg)}})
		task := k.NewTask()
		_ = task.InitModule(file, "count=2 arr=1,2", kernel.IgnoreVermagic)
		for _, m := range k.Modules() {
			_ = k.Init().DeleteModule(m.Name, 0)
		}
		_ = k.Shutdown()
	})
}
