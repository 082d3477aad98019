package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

// Parse reads rules as boards write them, with commas between them: a kind, then =RATE or
// @TRANSFER, then /DURATION where the kind needs one, then " on control" or " on 0x81" for one
// endpoint.
//
//	crc=0.01, stall@3 on 0x81, nak@2/100ms, disconnect@500
//
// Errors: EINVAL with the rule and what is wrong with it.
func Parse(text string) ([]Rule, error) {
	var rules []Rule
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		r, err := parseRule(part)
		if err == nil {
			err = r.check()
		}
		if err != nil {
			return nil, &usb.Error{Op: "fault", Where: strconv.Quote(part), Errno: usb.EINVAL, Reason: err.Error()}
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func parseRule(text string) (r Rule, err error) {
	text, where, placed := strings.Cut(text, " on ")
	if where = strings.TrimSpace(where); placed && where == "control" {
		r.Control = true
	} else if placed {
		n, err := strconv.ParseUint(where, 0, 8)
		if err != nil || n&^0x8f != 0 || n&0x0f == 0 {
			return r, fmt.Errorf("%q is no endpoint; want control or an address such as 0x81", where)
		}
		r.Endpoint = uint8(n)
	}
	text, length, long := strings.Cut(strings.TrimSpace(text), "/")
	if long {
		if r.For, err = time.ParseDuration(length); err != nil || r.For < 0 {
			return r, fmt.Errorf("%q is no duration; want one such as 100ms", length)
		}
	}
	if kind, n, ok := strings.Cut(text, "@"); ok {
		r.Kind = Kind(kind)
		if r.At, err = strconv.ParseUint(n, 10, 64); err != nil || r.At == 0 {
			return r, fmt.Errorf("%q is no transfer's number; the first is 1", n)
		}
		return r, nil
	}
	kind, rate, ok := strings.Cut(text, "=")
	if !ok {
		return r, fmt.Errorf("want KIND=RATE or KIND@TRANSFER")
	}
	r.Kind = Kind(kind)
	if r.Rate, err = strconv.ParseFloat(rate, 64); err != nil {
		return r, fmt.Errorf("%q is no rate; want a number from 0 to 1", rate)
	}
	return r, nil
}
