package fault_test

import (
	"fmt"
	"io"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/fault"
)

// The third character sent is lost, the fifth comes twice: the same way every time.
func ExampleParse() {
	a, b := serial.NullModem(serial.Max)
	in, err := fault.Parse(42, "drop@3 duplicate@5")
	if err != nil {
		fmt.Println(err)
		return
	}
	in.Install(a)
	_, _ = a.Write([]byte("abcdef"))
	got := make([]byte, 6)
	_, _ = io.ReadFull(b, got)
	fmt.Printf("%s\n", got)
	list, _ := in.Injected()
	for _, x := range list {
		fmt.Println(x.Byte, x.Kind, x.Detail)
	}
	// Output:
	// abdeef
	// 3 drop 0x63
	// 5 duplicate 0x65
}
