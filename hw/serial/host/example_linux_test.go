package host_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	tarm "github.com/tarm/serial"
)

// A program that uses github.com/tarm/serial, unchanged, on an emulated power supply: the supply is
// at one end of a null modem, a pty door at the other.
func ExampleOpenPTY() {
	dir, _ := os.MkdirTemp("", "kobench-example-")
	defer os.RemoveAll(dir)
	door, err := host.OpenPTY(filepath.Join(dir, "ttyS0"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer door.Close()
	ctx, stop := context.WithCancel(context.Background())
	near, far := serial.NullModem(serial.Max)
	var ends sync.WaitGroup
	ends.Go(func() { _ = door.Serve(ctx, near) })
	ends.Go(func() { _ = new(scpi.Supply).Run(ctx, far) })

	answer, err := measure(filepath.Join(dir, "ttyS0"))
	fmt.Println(answer, err)
	stop()
	ends.Wait()
	// Output: 5.0000 <nil>
}

// measure is the program under test.
func measure(name string) (string, error) {
	port, err := tarm.OpenPort(&tarm.Config{Name: name, Baud: 9600, ReadTimeout: 10 * time.Second})
	if err != nil {
		return "", err
	}
	defer port.Close()
	if _, err := port.Write([]byte("VOLT 5;:OUTP ON;:MEAS:VOLT?\n")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(port).ReadString('\n')
	return line[:max(len(line)-1, 0)], err
}
