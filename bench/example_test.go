package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kobench/kobench/bench"
	"github.com/kobench/kobench/bench/run"
	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/kernel"
)

// A benchmark of one's own: what one byte through a driver costs, there and back.
func ExampleCase() {
	roundTrip := bench.Case{Name: "Mine/loopback/1", Run: func(b *testing.B) error {
		k := kernel.Boot(kernel.Config{Catalog: map[string]func() *kernel.Module{"loopback": loopback.New}})
		defer k.Shutdown()
		task := k.Init()
		if err := task.LoadByName("loopback", ""); err != nil {
			return err
		}
		f, err := task.OpenFile("/dev/loop0", kernel.O_RDWR)
		if err != nil {
			return err
		}
		defer f.Close()
		one := []byte{42}
		for b.Loop() {
			if _, err := f.Write(one); err != nil {
				return err
			}
			if _, err := f.Read(one); err != nil {
				return err
			}
		}
		return nil
	}}
	r, err := run.Measure(roundTrip, time.Millisecond)
	// r.NsPerOp() is the figure; in a test file of yours: func BenchmarkMine(b *testing.B)
	fmt.Println(r.N > 0, err)
	// Output: true <nil>
}
