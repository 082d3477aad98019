package bench

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// latency measures how long a byte takes to wake whom it is for, each time by itself: what matters
// is the slowest of a thousand.
//
//	wakeup     from a write into a loop-back device to the return of the read that slept for it,
//	           in another task
//	host-pipe  the same through a pipe of the host
//	hotplug    from a USB adapter plugged in to its terminal in /dev, with its drivers loaded on
//	           the way
//	tty        from a write to a terminal to the return of the read of the same byte, through
//	           driver, UART and line and back
//
// ns/op is the mean of what was measured.
func latency() []Case {
	return []Case{
		{"Latency/wakeup", wakeup},
		{"Latency/tty", roundTrips},
		{"Latency/hotplug", hotplug},
		{"Latency/host-pipe", hostPipe},
	}
}

// samples are durations of one kind.
type samples []time.Duration

// report gives their mean and percentiles.
func (s samples) report(b *testing.B) {
	slices.Sort(s)
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	b.ReportMetric(float64(sum.Nanoseconds())/float64(len(s)), "ns/op")
	b.ReportMetric(s.percentile(50), "p50-ns")
	b.ReportMetric(s.percentile(99), "p99-ns")
	b.ReportMetric(s.percentile(99.9), "p99.9-ns")
}

// percentile is the smallest sample that p percent of all do not exceed, in nanoseconds; they are
// sorted.
func (s samples) percentile(p float64) float64 {
	rank := math.Ceil(float64(len(s))*p/100 - 1e-9) // 99.9 is a little more in binary
	return float64(s[max(0, int(rank)-1)].Nanoseconds())
}

func wakeup(b *testing.B) error {
	e, err := openLoopback()
	if err != nil {
		return err
	}
	return e.wake(b)
}

func hostPipe(b *testing.B) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("bench: %w: %w", ErrSkip, err)
	}
	e := ends{near: halves{r, w}, far: halves{r, w}, close: func() error { return errors.Join(r.Close(), w.Close()) }}
	return e.wake(b)
}

// asleep is how long a reader is given to fall asleep before the next byte: many times what it
// needs.
const asleep = 20 * time.Microsecond

// wake writes b.N bytes at the near end, each when the reader at the far end sleeps.
func (e *ends) wake(b *testing.B) (err error) {
	e.close = sync.OnceValue(e.close)
	defer closing(&err, e.close)
	taken := make(samples, b.N)
	woken := make(chan error, 1)
	var sent time.Time
	go func() {
		p := make([]byte, 1)
		for i := range taken {
			_, err := io.ReadFull(e.far, p)
			taken[i] = time.Since(sent)
			woken <- err
			if err != nil {
				return
			}
		}
	}()
	p := make([]byte, 1)
	b.ResetTimer()
	for range b.N {
		for start := time.Now(); time.Since(start) < asleep; {
			runtime.Gosched()
		}
		sent = time.Now()
		if _, err := e.near.Write(p); err != nil {
			_ = e.close()
			return errors.Join(err, <-woken)
		}
		if err := <-woken; err != nil {
			return err
		}
	}
	b.StopTimer()
	taken.report(b)
	return nil
}

func roundTrips(b *testing.B) (err error) {
	e, err := openUART()
	if err != nil {
		return err
	}
	defer closing(&err, e.close)
	taken, p := make(samples, b.N), make([]byte, 1)
	b.ResetTimer()
	for i := range taken {
		start := time.Now()
		if _, err := e.near.Write(p); err != nil {
			return err
		}
		if _, err := io.ReadFull(e.near, p); err != nil {
			return err
		}
		taken[i] = time.Since(start)
	}
	b.StopTimer()
	taken.report(b)
	return nil
}
