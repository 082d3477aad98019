package kernel_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kobench/kobench/kernel"
)

// A driver that requests its line with a lock held that its handler waits for, while the handler of its last opening is still at work.
func TestRequestIRQWhileAHandlerRuns(t *testing.T) {
	k := kernel.Boot(kernel.Config{})
	defer k.Shutdown()
	line := k.IRQ(4)
	var device sync.Mutex
	entered := make(chan struct{}, 1)
	handler := func() bool {
		select {
		case entered <- struct{}{}:
		default:
		}
		device.Lock()
		defer device.Unlock()
		line.Set(false)
		return true
	}
	free := line.Request("first", handler)
	device.Lock()
	line.Set(true)
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
		line.Set(true)
		<-entered
		free()
		gone.Store(true)
		line.Set(false)
	}
}
