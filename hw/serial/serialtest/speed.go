package serialtest

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

func (r *run) latency() error {
	n := 500
	trip := 2 * r.Mode.CharTime(1)
	if most := int(r.Budget / 2 / max(trip, time.Microsecond)); n > most {
		n = max(10, most)
	}
	if !r.looped {
		done := make(chan struct{})
		defer func() { r.far.SetReadDeadline(time.Now()); <-done }()
		r.far.SetReadDeadline(time.Time{})
		go func() { // the far end echoes
			defer close(done)
			var b [1]byte
			for range n {
				if _, err := r.far.Read(b[:]); err != nil {
					return
				}
				if _, err := r.far.Write(b[:]); err != nil {
					return
				}
			}
		}()
	}
	times := make([]time.Duration, 0, n)
	var b [1]byte
	for i := range n {
		start := time.Now()
		r.near.SetReadDeadline(start.Add(r.Stall + trip))
		if _, err := r.near.Write([]byte{byte(i)}); err != nil {
			return err
		}
		if _, err := r.near.Read(b[:]); err != nil {
			return fmt.Errorf("round trip %d: %w", i, err)
		}
		times = append(times, time.Since(start))
		if b[0] != byte(i) {
			return fmt.Errorf("round trip %d: expected %#02x, saw %#02x", i, byte(i), b[0])
		}
	}
	r.result.Bytes, r.result.Latency = int64(n), PercentilesOf(times)
	return nil
}

// inFlight is how many bytes the throughput check has on their way at most.
const inFlight = 64 << 10

func (r *run) throughput() error {
	size := 4 << 20
	if most := int(r.Budget / 4 / max(r.Mode.CharTime(1), 1)); r.paced() && size > most {
		size = max(256, most)
	}
	data := random(4096)
	type end struct {
		sent int
		err  error
	}
	var stop atomic.Bool
	quit := make(chan struct{})
	halt := sync.OnceFunc(func() { stop.Store(true); close(quit) })
	defer halt()
	// what was sent and has not come: a path may have a buffer without a bound in it
	flying := make(chan struct{}, inFlight/len(data))
	done := make(chan end, 1)
	near := r.near // the writer may outlive a check that fails
	start := time.Now()
	go func() {
		e := end{}
		for e.sent < size && e.err == nil && !stop.Load() {
			select {
			case flying <- struct{}{}:
			case <-quit:
				continue
			}
			var k int
			k, e.err = near.Write(data[:min(len(data), size-e.sent)])
			e.sent += k
		}
		done <- e
	}()
	buf := make([]byte, 64<<10)
	total, n, taken := size, 0, 0
	said := false // what the writer has sent
	last := start
	for n < total {
		// it is slower than it looked: enough
		if !said && !stop.Load() && time.Since(start) > r.Budget/4 {
			halt()
			total = 1 << 62 // until the writer has said
		}
		select {
		case e := <-done:
			if e.err != nil {
				return e.err
			}
			total, said = e.sent, true
			continue
		default:
		}
		r.far.SetReadDeadline(time.Now().Add(r.Wait))
		k, err := r.far.Read(buf)
		if err != nil && !(errors.Is(err, os.ErrDeadlineExceeded) && time.Since(last) < r.Stall+r.Mode.CharTime(16)) {
			return fmt.Errorf("after %d bytes: %w", n, err)
		}
		for i := range k {
			if want := data[(n+i)%len(data)]; buf[i] != want {
				return fmt.Errorf("byte %d: expected %#02x, saw %#02x", n+i, want, buf[i])
			}
		}
		if n += k; k > 0 {
			last = time.Now()
		}
		for ; taken+len(data) <= n; taken += len(data) {
			<-flying
		}
	}
	took := last.Sub(start)
	r.result.Bytes, r.result.Rate = int64(n), float64(n)/took.Seconds()
	return nil
}

// paced guesses whether the line keeps line time, from one small transfer.
func (r *run) paced() bool {
	const n = 64
	start := time.Now()
	err := r.transfer(r.near, r.far, random(n), r.Mode)
	r.result.Bytes = 0
	return err != nil || time.Since(start) > r.Mode.CharTime(n)*8/10
}
