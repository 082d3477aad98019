package daemon

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// serveForTest takes requests as serveRequests does, and answers each with its name.
func (b *broker) serveForTest(n int) {
	out := make(chan Request, 64)
	b.mu.Lock()
	b.out = out
	begun := b.begun
	b.mu.Unlock()
	b.settled(begun)
	for range n {
		q := <-out
		b.answer(q.ID, reply{text: q.Name})
	}
}

// Who serves requests is started by the first, once, and all that come meanwhile wait for it.
func TestKerneldIsStartedWhenNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5
		var b broker
		starts := 0
		b.start = func() (<-chan struct{}, error) {
			starts++
			go b.serveForTest(n)
			return make(chan struct{}), nil
		}
		require.True(t, b.serves())
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				text, err := b.request(t.Context(), Request{Name: "pipe"})
				require.NoError(t, err)
				require.Equal(t, "pipe", text)
			})
		}
		wg.Wait()
		require.Equal(t, 1, starts)
	})
}

// One that cannot be started, ends at once or never serves refuses nobody for ever.
func TestKerneldThatDoesNotServe(t *testing.T) {
	for name, start := range map[string]func() (<-chan struct{}, error){
		"none":            nil,
		"cannot start":    func() (<-chan struct{}, error) { return nil, errors.New("no such file") },
		"ends":            func() (<-chan struct{}, error) { gone := make(chan struct{}); close(gone); return gone, nil },
		"says never mind": func() (<-chan struct{}, error) { return make(chan struct{}), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := broker{start: start}
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						_, err := b.request(context.Background(), Request{Name: "pipe"})
						require.ErrorIs(t, err, kernel.ENOENT)
					})
				}
				wg.Wait()
				require.False(t, b.serves())
			})
		})
	}
}
