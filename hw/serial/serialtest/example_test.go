package serialtest_test

import (
	"context"
	"fmt"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
)

// The suite on a line of one's own: here a simulated loop-back plug. A port of the host is
// host.OpenPort in the same place; a Go test calls TestLine.
func ExampleRun() {
	report, err := serialtest.Run(context.Background(), serialtest.Setup{
		Name: "a loop-back plug",
		Open: func(context.Context) (near, far serial.Conn, err error) {
			return serial.Loopback(serial.Max), nil, nil
		},
		MaxSize: 4096,
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.OK(), report.Count(serialtest.Pass) > 20)
	// Output: true true
}
