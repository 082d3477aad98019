package fault_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
)

const in, out = 0x81, 0x02

// echo is a loop-back gadget with faults, configured.
func echo(t testing.TB, seed uint64, rules string) *usbfault.Device {
	r, err := usbfault.Parse(rules)
	require.NoError(t, err)
	f, err := usbfault.New(usb.MustNew(sourcesink.Loopback(), usb.HighSpeed), seed, r...)
	require.NoError(t, err)
	_, err = usb.Request(t.Context(), f, 0, usb.SetConfiguration, 2, 0, nil)
	require.NoError(t, err)
	return f
}

// An endpoint's transfers end in the order in which they were submitted, whichever is kept back.
func TestOrder(t *testing.T) {
	for _, rules := range []string{"nak@2/50ms", "slow@2/50ms", "timeout@2/50ms", "crc@2", "stall@2", "short@2", "babble@2", "nak=0.5/3ms, slow=0.5/1ms"} {
		t.Run(rules, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := echo(t, 1, rules)
				defer f.Unplug()
				var mu sync.Mutex
				var ended []int
				const n = 20
				for i := range n {
					x := &usb.Transfer{Endpoint: in, Type: usb.Bulk, Data: make([]byte, 64), Done: func(*usb.Transfer) {
						mu.Lock()
						defer mu.Unlock()
						ended = append(ended, i)
					}}
					require.NoError(t, f.Submit(x))
				}
				for i := range n { // one after another: these have faults of their own
					_ = usb.Do(t.Context(), f, &usb.Transfer{Endpoint: out, Type: usb.Bulk, Data: make([]byte, 1+i)})
				}
				synctest.Wait()
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				require.IsIncreasing(t, append([]int{-1}, ended...))
				require.NotEmpty(t, ended)
			})
		})
	}
}

// What goes through a device that is slow at times is what went in.
func TestSlowData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := echo(t, 1, "slow=0.3/2ms, nak=0.2/1ms")
		defer f.Unplug()
		const n = 200
		done := make(chan struct{}, n)
		var reads [n]*usb.Transfer
		for i := range n {
			w := &usb.Transfer{Endpoint: out, Type: usb.Bulk, Data: binary.BigEndian.AppendUint32(nil, uint32(i))}
			reads[i] = &usb.Transfer{Endpoint: in, Type: usb.Bulk, Data: make([]byte, 64), Done: func(*usb.Transfer) { done <- struct{}{} }}
			require.NoError(t, f.Submit(reads[i]))
			require.NoError(t, f.Submit(w))
		}
		for range n {
			<-done
		}
		for i, r := range reads {
			require.NoError(t, r.Err)
			require.Equal(t, uint32(i), binary.BigEndian.Uint32(r.Data[:r.Actual]))
		}
	})
}

// A transfer that a fault keeps back can be cancelled at once, and does not outlive its device.
func TestHeldEnds(t *testing.T) {
	for _, rules := range []string{"slow@1/1h", "nak@1/1h", "timeout@1/1h"} {
		synctest.Test(t, func(t *testing.T) {
			f := echo(t, 1, rules)
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			x := &usb.Transfer{Endpoint: out, Type: usb.Bulk, Data: make([]byte, 8)}
			require.ErrorIs(t, usb.Do(ctx, f, x), usb.ETIMEDOUT, rules)
			require.Equal(t, 100*time.Millisecond, time.Since(start), rules)
			require.NoError(t, usb.Do(t.Context(), f, x), "the next one has no fault")
			f.Unplug()

			f = echo(t, 1, rules)
			a, b := make(chan error, 1), make(chan error, 1)
			go func() { a <- usb.Do(t.Context(), f, x) }()
			synctest.Wait()
			go func() {
				b <- usb.Do(t.Context(), f, &usb.Transfer{Endpoint: out, Type: usb.Bulk, Data: make([]byte, 8)})
			}()
			synctest.Wait()
			start = time.Now()
			f.Unplug()
			require.ErrorIs(t, <-a, usb.ESHUTDOWN, rules)
			require.ErrorIs(t, <-b, usb.ESHUTDOWN, rules)
			require.Zero(t, time.Since(start))
			require.ErrorIs(t, f.Submit(x), usb.ENODEV)

			f = echo(t, 1, rules)
			defer f.Unplug()
			go func() { a <- usb.Do(t.Context(), f, x) }()
			synctest.Wait()
			require.NoError(t, f.Reset())
			require.ErrorIs(t, <-a, usb.ESHUTDOWN, rules)
			require.Zero(t, time.Since(start))
		})
	}
}

// Only what can be short is counted as such.
func TestShortCountsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := echo(t, 1, "short@1")
		defer f.Unplug()
		require.NoError(t, usb.Do(t.Context(), f, &usb.Transfer{Endpoint: out, Type: usb.Bulk, Data: make([]byte, 8)}))
		require.Empty(t, f.Report())
		x := &usb.Transfer{Endpoint: in, Type: usb.Bulk, Data: make([]byte, 8)}
		require.NoError(t, usb.Do(t.Context(), f, x))
		require.Equal(t, 4, x.Actual)
		var b strings.Builder
		require.NoError(t, f.WriteReport(&b))
		require.Equal(t, "faults injected: 1 (seed 1)\n         1  short      endpoint 0x81\n", b.String())
	})
	_, err := usbfault.Parse("short@1 on 0x01")
	require.ErrorContains(t, err, "want an IN endpoint such as 0x81")
}

// Everything at once: every transfer ends, once.
func TestFaultStress(t *testing.T) {
	for seed := range uint64(20) {
		f := echo(t, seed, "nak=0.1/100us, slow=0.1/100us, timeout=0.05/100us, crc=0.05, babble=0.02, stall=0.02, short=0.1")
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				for range 100 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(400))*time.Microsecond)
					x := &usb.Transfer{Endpoint: []uint8{in, out}[r.IntN(2)], Type: usb.Bulk, Data: make([]byte, 64)}
					err := usb.Do(ctx, f, x)
					cancel()
					if errors.Is(err, usb.EPIPE) {
						_, _ = usb.Request(t.Context(), f, usb.ToEndpoint, usb.ClearFeature, usb.EndpointHalt, uint16(x.Endpoint), nil)
					}
					if r.IntN(200) == 0 {
						_ = f.Reset()
					}
				}
			})
		}
		if seed%2 == 0 {
			time.Sleep(2 * time.Millisecond)
			f.Unplug()
		}
		wg.Wait()
		f.Unplug()
	}
}
