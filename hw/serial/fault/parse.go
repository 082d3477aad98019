package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Parse reads rules as a person writes them, separated by spaces:
//
//	biterror=1e-5            at a rate (each bit), drop=1e-3 duplicate=0.01 (each character)
//	delay=0.01:5ms           a rate, and how long
//	drop@17 biterror@100     at a character, counted from 1
//	break@1000=250ms         before a character, for so long; break@2s=250ms at a time
//	unplug@2s plug@3s        vanish and return likewise, by character or time
//	stuckoff@0.5s=CTS|DSR    stuckon and unstick likewise
//
// Errors: the rule that cannot be read, and what was expected.
func Parse(seed uint64, text string) (*Injector, error) {
	var rules []Rule
	for f := range strings.FieldsSeq(text) {
		r, err := parseRule(f)
		if err != nil {
			return nil, fmt.Errorf("fault: %q: %w", f, err)
		}
		rules = append(rules, r)
	}
	return New(seed, rules...)
}

func parseRule(f string) (r Rule, err error) {
	head, value, valued := strings.Cut(f, "=")
	name, at, placed := strings.Cut(head, "@")
	r.Kind = Kind(strings.ToLower(name))
	if placed {
		if n, e := strconv.ParseUint(at, 10, 63); e == nil && n > 0 {
			r.AtByte = n
		} else if d, e := time.ParseDuration(at); e == nil && d > 0 {
			r.AtTime = d
		} else {
			return r, fmt.Errorf("%q is neither a character's number (from 1) nor a time such as 2s", at)
		}
	} else {
		rate, rest, _ := strings.Cut(value, ":")
		if r.Rate, err = strconv.ParseFloat(rate, 64); err != nil || !(r.Rate > 0 && r.Rate <= 1) {
			return r, fmt.Errorf("expected a rate between 0 and 1 after =, or @ and a place")
		}
		value, valued = rest, rest != ""
	}
	if !valued {
		return r, r.check()
	}
	switch r.Kind {
	case StuckOff, StuckOn, Unstick:
		if r.Lines, err = parseLines(value); err != nil {
			return r, err
		}
	default:
		if r.For, err = time.ParseDuration(value); err != nil || r.For <= 0 {
			return r, fmt.Errorf("%q is not a time such as 250ms", value)
		}
	}
	return r, r.check()
}

func parseLines(s string) (l serial.Signals, err error) {
	for name := range strings.SplitSeq(strings.ToUpper(s), "|") {
		v, ok := map[string]serial.Signals{"DTR": serial.DTR, "RTS": serial.RTS, "CTS": serial.CTS, "DSR": serial.DSR, "DCD": serial.DCD, "RI": serial.RI}[name]
		if !ok {
			return 0, fmt.Errorf("%q is not a modem line; there are DTR, RTS, CTS, DSR, DCD and RI", name)
		}
		l |= v
	}
	return l, nil
}
