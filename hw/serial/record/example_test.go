package record_test

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/record"
)

// A dialogue with a device is recorded, and the recording answers in the device's place.
func Example() {
	host, device := serial.Straight(serial.Max)
	rec := record.Start(host)
	ask := func(p *serial.Port) string {
		_, _ = p.Write([]byte("ID?"))
		answer := make([]byte, 3)
		_, _ = io.ReadFull(p, answer)
		return string(answer)
	}
	go func() {
		_, _ = io.ReadFull(device, make([]byte, 3))
		_, _ = device.Write([]byte("PSU"))
	}()
	fmt.Println(ask(host))
	_ = rec.Stop()

	var file bytes.Buffer // in umockdev's format
	_ = rec.Trace().WriteScript(&file)
	script, _ := record.ParseScript(&file)
	again := record.NewReplay(script)
	host, end := serial.Straight(serial.Max)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- again.Run(ctx, end) }()
	fmt.Println(ask(host))
	stop()
	fmt.Println(<-done, again.Close())
	// Output:
	// PSU
	// PSU
	// <nil> <nil>
}
