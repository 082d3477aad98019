// Package idn asks a USBTMC instrument who it is. It knows nothing of kobench.
package idn

import (
	"errors"
	"fmt"

	"github.com/google/gousb"
)

// Ask sends *IDN? to the first instrument of this machine.
func Ask() (string, error) {
	ctx := gousb.NewContext()
	defer ctx.Close()
	devs, err := ctx.OpenDevices(func(d *gousb.DeviceDesc) bool {
		for _, c := range d.Configs {
			for _, f := range c.Interfaces {
				if s := f.AltSettings[0]; s.Class == gousb.ClassApplication && s.SubClass == 3 {
					return true
				}
			}
		}
		return false
	})
	for _, d := range devs {
		defer d.Close()
	}
	if len(devs) == 0 {
		return "", errors.Join(errors.New("no instrument"), err)
	}
	dev := devs[0]
	if err := dev.SetAutoDetach(true); err != nil {
		return "", err
	}
	intf, done, err := dev.DefaultInterface()
	if err != nil {
		return "", err
	}
	defer done()
	var in *gousb.InEndpoint
	var out *gousb.OutEndpoint
	for _, e := range intf.Setting.Endpoints {
		switch {
		case e.TransferType != gousb.TransferTypeBulk:
		case e.Direction == gousb.EndpointDirectionIn:
			in, err = intf.InEndpoint(e.Number)
		default:
			out, err = intf.OutEndpoint(e.Number)
		}
		if err != nil {
			return "", err
		}
	}
	question := []byte("*IDN?\n\x00\x00")                                         // a multiple of four bytes
	if _, err := out.Write(append(header(1, 1, 6, 1), question...)); err != nil { // DEV_DEP_MSG_OUT, end of message
		return "", err
	}
	if _, err := out.Write(header(2, 2, 256, 0)); err != nil { // REQUEST_DEV_DEP_MSG_IN
		return "", err
	}
	answer := make([]byte, 512)
	n, err := in.Read(answer)
	switch {
	case err != nil:
		return "", err
	case n < 12:
		return "", fmt.Errorf("an answer of %d bytes has no header", n)
	}
	return string(answer[12 : 12+min(int(answer[4])|int(answer[5])<<8, n-12)]), nil
}

// header begins a USBTMC message.
func header(id, tag byte, size uint16, attributes byte) []byte {
	return []byte{id, tag, ^tag, 0, byte(size), byte(size >> 8), 0, 0, attributes, 0, 0, 0}
}
