package pcap

import (
	"cmp"
	"slices"

	"github.com/kobench/kobench/hw/usb"
)

// Answer is what the captured device answered to a control request: of several times, the first. A
// request that it stalled is left out.
type Answer struct {
	Setup usb.Setup
	Data  []byte
	Times int  // that it was asked
	Same  bool // it answered the same each time
}

// Answers are those to the requests that the function, not the descriptors, answers, in the order
// of their setup packets.
func (r *Replay) Answers() []Answer {
	var list []Answer
	for s, all := range r.control {
		if all[0].err != nil {
			continue
		}
		a := Answer{Setup: s, Data: all[0].data, Times: len(all), Same: true}
		for _, x := range all[1:] {
			a.Same = a.Same && x.err == nil && slices.Equal(x.data, a.Data)
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Answer) int { return cmp.Compare(a.Setup.String(), b.Setup.String()) })
	return list
}
