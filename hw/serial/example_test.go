package serial_test

import (
	"fmt"
	"io"
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
)

// Two ends of a null modem, each a serial.Conn.
func ExampleNullModem() {
	a, b := serial.NullModem(serial.Max)
	defer a.Close()
	defer b.Close()
	_ = a.SetMode(serial.Format8N1(115200))
	_ = b.SetMode(serial.Format8N1(115200))
	_ = a.SetSignals(serial.DTR|serial.RTS, serial.DTR|serial.RTS)
	_, _ = a.Write([]byte("hello"))
	got := make([]byte, 5)
	_, _ = io.ReadFull(b, got)
	in, _ := b.Signals()
	fmt.Printf("%s, %v\n", got, in)
	// Output: hello, CTS|DSR|DCD
}

// The lines of one machine share its clock: ten characters at 9600 8N1 take 10.4 ms of it.
func ExampleOn() {
	c := clock.New()
	a, b := serial.On(c).NullModem(serial.Paced)
	start := c.Now()
	_, _ = a.Write([]byte("0123456789"))
	_, _ = io.ReadFull(b, make([]byte, 10))
	fmt.Println(c.Now()-start >= serial.Format8N1(9600).CharTime(10), serial.Format8N1(9600).CharTime(10).Round(100*time.Microsecond))
	// Output: true 10.4ms
}
