package clock_test

import (
	"fmt"
	"time"

	"github.com/kobench/kobench/hw/clock"
)

// A virtual clock jumps to what comes next when nobody works and somebody wants it to: a day costs
// nothing.
func ExampleVirtual() {
	c := clock.Virtual(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	tomorrow := make(chan time.Time)
	c.AfterFunc(24*time.Hour, func() { tomorrow <- c.Wall() })
	c.Want()
	fmt.Println((<-tomorrow).Format(time.DateOnly))
	c.Unwant()
	// Output: 2000-01-02
}
