package kernel_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kobench/kobench/kernel"
)

// A driver that requests its line with a lock held that its handler waits for, while the handler of
// its last opening is still at work.
func TestRequestIRQWhileAHandlerRuns(t *testing.T) {
	k := kernel.Boot(kernel.Config{})
	defer k.Shutdown()
	line := k.IRQ(4)
	set := line.Source()
	var device sync.Mutex
	entered := make(chan struct{}, 1)
	handler := func() bool {
		select {
		case entered <- struct{}{}:
		default:
		}
		device.Lock()
		defer device.Unlock()
		set(false)
		return true
	}
	free := line.Request("first", handler)
	device.Lock()
	set(true)
	<-entered
	done := make(chan func())
	go func() { done <- line.Request("second", handler) }()
	select {
	case again := <-done:
		defer again()
	case <-time.After(10 * time.Second):
		t.Fatal("Request waits for a handler")
	}
	device.Unlock()
	free()
}

// Nothing of a handler runs once free has returned.
func TestFreeIRQWaits(t *testing.T) {
	k := kernel.Boot(kernel.Config{})
	defer k.Shutdown()
	line := k.IRQ(4)
	set := line.Source()
	for range 200 {
		var gone atomic.Bool
		entered := make(chan struct{}, 1)
		free := line.Request("short", func() bool {
			if gone.Load() {
				t.Error("a handler runs after its free")
			}
			select {
			case entered <- struct{}{}:
			default:
			}
			return true
		})
		set(true)
		<-entered
		free()
		gone.Store(true)
		set(false)
	}
}

// Two devices share a line: one's going down leaves it up for the other.
func TestSharedIRQ(t *testing.T) {
	k := kernel.Boot(kernel.Config{})
	defer k.Shutdown()
	line := k.IRQ(4)
	first, second := line.Source(), line.Source()
	first(true)
	second(true)
	first(false)
	served := make(chan struct{})
	free := line.Request("second", func() bool {
		second(false)
		close(served)
		return true
	})
	defer free()
	select {
	case <-served:
	case <-time.After(10 * time.Second):
		t.Fatal("the line is down")
	}
}
