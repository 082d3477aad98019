package idn

import (
	"testing"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/hw/usb/gousbtest"
)

type scope struct{}

func (scope) Execute(string) string { return "KOBENCH,SCOPE,1,0" }

func TestAsk(t *testing.T) {
	bus := usb.NewBus(1, 4)
	if _, err := bus.Plug("", usb.MustNew(usbtmc.New(scope{}), usb.HighSpeed)); err != nil {
		t.Fatal(err)
	}
	gousbtest.Install(t, bus)
	if got, err := Ask(); err != nil || got != "KOBENCH,SCOPE,1,0\n" {
		t.Fatalf("%q, %v", got, err)
	}
}
