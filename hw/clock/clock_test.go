package clock

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// Events run in order of their time, those of one time as they were set; each sees its own time.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		var got []time.Duration
		var want []time.Duration
		for range 200 {
			at := time.Duration(rand.IntN(50)) * ms
			e := c.NewEvent(nil)
			e.f = func() {
				require.Equal(t, at, c.Now())
				got = append(got, at)
			}
			e.At(time.Hour)
			e.At(at)
			if rand.IntN(4) == 0 {
				require.True(t, e.Stop())
				require.False(t, e.Stop())
				continue
			}
			want = append(want, at)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		require.IsNonDecreasing(t, got)
		require.Len(t, got, len(want))
		require.Equal(t, time.Second, c.Now())
	})
}

// Nobody sees the time of an event, or a later one, before it has run; and while somebody holds the
// clock on its behalf the time stands still, and so does the next event.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		turn := make(chan struct{})
		c.AfterFunc(10*ms, func() { c.Hold(); close(turn) })
		var second time.Duration
		var host time.Time
		start := time.Now()
		c.AfterFunc(15*ms, func() { second, host = c.Now(), time.Now() })
		<-turn
		time.Sleep(40 * ms) // the one who was woken is late
		synctest.Wait()
		require.Equal(t, 10*ms, c.Now())
		require.Zero(t, second)
		c.Release()
		synctest.Wait()
		require.Equal(t, 15*ms, second, "it runs late, at its own time")
		require.Equal(t, 50*ms, host.Sub(start))
		require.Equal(t, 50*ms, c.Now(), "the machine catches up")
	})
}

// A machine that is very late has lost the time.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		c.AfterFunc(10*ms, func() { c.Hold() })
		c.AfterFunc(20*ms, func() {})
		time.Sleep(time.Second)
		synctest.Wait()
		c.Release()
		synctest.Wait()
		require.Equal(t, 20*ms+MaxLag, c.Now())
	})
}

// Who never gives a hold back stops nobody for ever.
func TestStuckHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		c.AfterFunc(10*ms, c.Hold)
		var ran atomic.Int32
		for i := range 5 {
			c.AfterFunc(time.Duration(11+i)*ms, func() { ran.Add(1) })
		}
		time.Sleep(holdSlices * holdSlice / 2)
		synctest.Wait()
		require.Zero(t, ran.Load())
		time.Sleep(holdSlices * holdSlice)
		synctest.Wait()
		require.EqualValues(t, 5, ran.Load())
		c.Release()
		c.AfterFunc(ms, c.Hold) // and after that holds count again
		c.AfterFunc(2*ms, func() { ran.Add(1) })
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 5, ran.Load())
		c.Release()
	})
}

// A storm of holds that overlap, so that there is never none, does not stop the time either.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		ran := false
		c.Hold()
		c.AfterFunc(ms, func() { ran = true })
		time.Sleep(2 * ms)
		synctest.Wait()
		require.False(t, ran)
		for range 2 * holdTurns {
			c.Hold()
			c.Release()
		}
		synctest.Wait()
		require.True(t, ran)
		c.Release()
	})
}

// A bench at rest does not tick: with nothing to come the host's timer is not set.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		n := 0
		e := c.NewEvent(func() { n++ })
		for i := range 1000 {
			e.At(time.Duration(1000-i) * ms)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 1, n)
		c.mu.Lock()
		defer c.mu.Unlock()
		require.Equal(t, never, c.armed)
	})
}

// A virtual clock stands still while somebody works or nobody wants, and jumps otherwise.
func TestVirtual(t *testing.T) {
	wall := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		c := Virtual(wall)
		start := time.Now()
		c.Hold() // we work
		var got []time.Duration
		var e *Event
		e = c.NewEvent(func() { got = append(got, c.Now()); e.After(time.Hour) })
		e.After(time.Hour)
		synctest.Wait()
		require.Empty(t, got)
		c.Release()
		synctest.Wait()
		require.Empty(t, got, "nobody wants")
		sleep := func(d time.Duration) {
			done := make(chan struct{})
			c.AfterFunc(d, func() { c.Hold(); close(done) })
			c.Want()
			<-done
			c.Unwant()
		}
		sleep(10 * time.Hour)
		require.Len(t, got, 9, "the tenth was set later for the same time")
		require.Equal(t, 10*time.Hour, c.Now())
		c.Release()
		require.Equal(t, start, time.Now(), "and that cost nothing")
		require.Equal(t, wall.Add(10*time.Hour), c.Wall())
	})
}

// Who is waited for and does not come is waited for once.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		p := c.NewPatience()
		var ran atomic.Int32
		next := func() { c.AfterFunc(ms, func() { ran.Add(1) }) }
		after := func(d time.Duration) int32 { time.Sleep(d); synctest.Wait(); return ran.Load() }
		p.Wait() // nobody has been seen
		next()
		require.EqualValues(t, 1, after(2*ms))
		p.Seen()
		p.Wait()
		next()
		require.EqualValues(t, 1, after(PatienceLimit/2))
		p.Done()
		require.EqualValues(t, 2, after(0))
		p.Wait()
		next()
		require.EqualValues(t, 2, after(PatienceLimit/2))
		require.EqualValues(t, 3, after(PatienceLimit), "he does not come")
		p.Wait()
		next()
		require.EqualValues(t, 4, after(2*ms), "and is not waited for")
	})
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		require.NoError(t, c.Sleep(context.Background(), time.Second))
		require.Equal(t, time.Second, c.Now())
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, 2*time.Second, c.Now())
	})
}

func TestReleaseWithoutHold(t *testing.T) {
	require.PanicsWithValue(t, "clock: Release without Hold", New().Release)
}

func TestNoAllocs(t *testing.T) {
	c := New()
	e := c.NewEvent(func() {})
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c.Hold()
		e.At(c.Now() + time.Hour)
		c.Release()
		e.Stop()
	}))
}

func BenchmarkNow(b *testing.B) {
	c := New()
	for b.Loop() {
		c.Now()
	}
}

func BenchmarkMove(b *testing.B) {
	c := New()
	other := c.NewEvent(func() {})
	other.At(time.Hour)
	e := c.NewEvent(func() {})
	for b.Loop() {
		e.At(c.Now() + time.Hour)
	}
}
