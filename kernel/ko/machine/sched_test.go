package machine

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sleepKern gives pipe.ko its wait queues. broken leaves out the restoring of
// the stack pointer, to show that the test would notice.
type sleepKern struct {
	*kern
	queues [2][]chan struct{}
	broken bool
}

func newSleepKern(t testing.TB, broken bool) (*sleepKern, *Module) {
	k := &sleepKern{broken: broken}
	one := []ValType{I32}
	release := func(th *Thread, f func()) {
		if !k.broken {
			th.Release(f)
			return
		}
		// What Release must not be: it forgets the stack pointer.
		m := th.m
		m.mu.Unlock() // +checklocksignore
		defer func() { m.lock(); m.cur = th }()
		f()
	}
	k.kern = newKern(t, Config{},
		HostFunc{"wait_on", one, nil, func(th *Thread, s []uint64) {
			c := make(chan struct{})
			q := &k.queues[s[0]&1]
			*q = append(*q, c)
			release(th, func() { <-c })
		}},
		HostFunc{"wake", one, nil, func(th *Thread, s []uint64) {
			q := &k.queues[s[0]&1]
			for _, c := range *q {
				close(c)
			}
			*q = nil
		}},
		HostFunc{"yield", nil, nil, func(th *Thread, s []uint64) { release(th, runtime.Gosched) }},
	)
	return k, k.load(t, "pipe")
}

// pump moves items through the C pipe with many readers and writers at once and
// returns how often an item was lost, seen twice or garbled, or a frame corrupted.
func pump(t testing.TB, k *sleepKern, mod *Module, readers, writers, items int) (bad int64) {
	read, write := slotOf(t, mod, "pipe_read"), slotOf(t, mod, "pipe_write")
	seen := make([]atomic.Int32, writers*items)
	var wg sync.WaitGroup
	var failed atomic.Int64
	total := int64(writers * items)
	var taken atomic.Int64
	for i := range readers {
		th := k.thread(t)
		wg.Go(func() {
			buf := make([]byte, 16)
			for taken.Add(1) <= total {
				r, err := th.Call(read, th.SetUser(0, buf), uint64(i))
				v := binary.LittleEndian.Uint64(buf)
				id := v >> 8
				if err != nil || r != 8 || id >= uint64(len(seen)) || byte(v) != byte(id*31) || seen[id].Add(1) != 1 {
					failed.Add(1)
				}
			}
		})
	}
	for i := range writers {
		th := k.thread(t)
		wg.Go(func() {
			buf := make([]byte, 8)
			for j := range items {
				id := uint64(i*items + j)
				binary.LittleEndian.PutUint64(buf, id<<8|uint64(byte(id*31)))
				if r, err := th.Call(write, th.SetUserRO(0, buf), uint64(i)); err != nil || r != 8 {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range seen {
		if seen[i].Load() != 1 {
			failed.Add(1)
		}
	}
	c, _ := mod.Symbol("corrupt")
	k.m.Do(func() {
		n, _ := k.m.U32(c.Addr)
		failed.Add(int64(n))
	})
	return failed.Load()
}

func TestSleepersAndWakers(t *testing.T) {
	for _, c := range []struct {
		name                    string
		readers, writers, items int
	}{
		{"few", 8, 8, 200},
		{"thousand", 1000, 500, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a lost wake-up is a deadlock that it reports
				k, mod := newSleepKern(t, false)
				require.Zero(t, pump(t, k, mod, c.readers, c.writers, c.items))
				s, _ := mod.Symbol("sleeps")
				k.m.Do(func() {
					n, _ := k.m.U32(s.Addr)
					require.NotZero(t, n, "nobody slept in C")
					st := k.m.Stats()
					require.Zero(t, st.Inside)
					require.NotZero(t, st.Switches)
				})
			})
		})
	}
}

// The negative control: without the stack pointer restored the same test fails.
func TestSleepWithoutRestoreCorrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, mod := newSleepKern(t, true)
		var wg sync.WaitGroup
		var bad atomic.Int64
		read, write := slotOf(t, mod, "pipe_read"), slotOf(t, mod, "pipe_write")
		for i := range 4 {
			r, w := k.thread(t), k.thread(t)
			wg.Go(func() {
				buf := make([]byte, 8)
				if n, err := r.Call(read, uint64(r.SetUser(0, buf)), uint64(i)); err != nil || n != 8 {
					bad.Add(1)
				}
			})
			wg.Go(func() {
				if n, err := w.Call(write, uint64(w.SetUser(0, make([]byte, 8))), uint64(i)); err != nil || n != 8 {
					bad.Add(1)
				}
			})
		}
		synctest.Wait()
		// Whoever still sleeps is released; what he returns does not count.
		k.m.Do(func() {
			c, _ := mod.Symbol("corrupt")
			n, _ := k.m.U32(c.Addr)
			bad.Add(int64(n))
			k.broken = false
		})
		require.NotZero(t, bad.Load())
		for done := false; !done; {
			k.m.Do(func() {
				for i := range k.queues {
					for _, c := range k.queues[i] {
						close(c)
					}
					k.queues[i] = nil
				}
				done = k.m.inside == 0
			})
			w := k.thread(t)
			_, _ = w.Call(write, uint64(w.SetUser(0, make([]byte, 8))), 0)
			synctest.Wait()
		}
		wg.Wait()
	})
}

func TestPreemption(t *testing.T) {
	k, mod := newSleepKern(t, false)
	flag, _ := mod.Symbol("flag")
	spinner, setter := k.thread(t), k.thread(t)
	started := make(chan struct{})
	got := make(chan error, 1)
	go func() {
		close(started)
		_, err := spinner.Call(slotOf(t, mod, "spin_until"), uint64(flag.Addr))
		got <- err
	}()
	<-started
	for inside := 0; inside == 0; runtime.Gosched() {
		k.m.Do(func() { inside = k.m.inside })
	}
	_, err := setter.Call(slotOf(t, mod, "set_flag"), 1)
	require.NoError(t, err, "a loop gives way to who waits for the lock")
	require.NoError(t, <-got)

	var wg sync.WaitGroup
	var bad atomic.Int32
	for range 4 {
		th := k.thread(t)
		wg.Go(func() {
			if r, err := th.Call(slotOf(t, mod, "grind"), 300000); err != nil || r != 0 {
				bad.Add(1)
			}
		})
	}
	runtime.GC() // must not wait for the loops
	wg.Wait()
	require.Zero(t, bad.Load())
}

func TestPreemptDisabled(t *testing.T) {
	k, _ := newSleepKern(t, false)
	c, ok := k.m.Builtin().Symbol("__preempt_count")
	require.True(t, ok)
	th := k.thread(t)
	k.m.Do(func() {
		require.Zero(t, th.PreemptCount())
		k.m.PutU32(c.Addr, 1)
		require.Equal(t, 1, th.PreemptCount())
		k.m.PutU32(c.Addr, 0)
		th.PreemptDisable()
		require.Equal(t, 1, th.PreemptCount())
		th.PreemptEnable()
		th.PreemptEnable()
		require.Zero(t, th.PreemptCount())
	})
}

// In a bubble the clock stands still while C runs; the watchdog counts instead.
func TestWatchdogInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKern(t, Config{Watchdog: 10 * time.Millisecond},
			HostFunc{"kaboom", []ValType{I32}, []ValType{I32}, func(*Thread, []uint64) {}},
			HostFunc{"back", []ValType{I32}, []ValType{I32}, func(*Thread, []uint64) {}})
		mod := k.load(t, "trap")
		_, err := k.thread(t).Call(slotOf(t, mod, "spin"), 0)
		require.ErrorContains(t, err, "soft lockup")
	})
}

func TestUserBufferAcrossSleep(t *testing.T) {
	k, mod := newSleepKern(t, false)
	r, w := k.thread(t), k.thread(t)
	buf := []byte("................")
	done := make(chan error, 1)
	go func() {
		_, err := r.Call(slotOf(t, mod, "pipe_read"), uint64(r.SetUser(0, buf))+4, 3)
		done <- err
	}()
	for asleep := false; !asleep; runtime.Gosched() {
		k.m.Do(func() { asleep = len(k.queues[0]) == 1 })
	}
	n, err := w.Call(slotOf(t, mod, "pipe_write"), uint64(w.SetUserRO(0, []byte("12345678"))), 0)
	require.NoError(t, err)
	require.EqualValues(t, 8, n)
	require.NoError(t, <-done)
	require.Equal(t, "....12345678....", string(buf))
}
