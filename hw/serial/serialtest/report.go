package serialtest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Status is how a check ended.
type Status string

// The outcomes.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Result is one check.
type Result struct {
	Check    string        `json:"check"`            // such as "sizes/4096"
	Status   Status        `json:"status"`           //
	Reason   string        `json:"reason,omitempty"` // of a failure or a skip
	Bytes    int64         `json:"bytes,omitempty"`  // carried and compared
	Duration time.Duration `json:"duration_ns"`      //
	Rate     float64       `json:"bytes_per_second,omitempty"`
	Latency  *Percentiles  `json:"latency,omitempty"` // of 1-byte round trips
}

// Percentiles of a set of durations.
type Percentiles struct {
	N   int           `json:"n"`
	Min time.Duration `json:"min_ns"`
	P50 time.Duration `json:"p50_ns"`
	P90 time.Duration `json:"p90_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// PercentilesOf sorts d and takes its percentiles.
func PercentilesOf(d []time.Duration) *Percentiles {
	if len(d) == 0 {
		return nil
	}
	slices.Sort(d)
	at := func(p int) time.Duration { return d[min(len(d)-1, len(d)*p/100)] }
	return &Percentiles{len(d), d[0], at(50), at(90), at(99), d[len(d)-1]}
}

// Device is the identity of a real device, as far as it tells.
type Device struct {
	Path         string `json:"path,omitempty"`      // of the port on its computer
	Driver       string `json:"driver,omitempty"`    // there
	PortPath     string `json:"port_path,omitempty"` // on the bus: "usb 1-4.2"
	ID           string `json:"id,omitempty"`        // "0403:6001"
	Manufacturer string `json:"manufacturer,omitempty"`
	Product      string `json:"product,omitempty"`
	Serial       string `json:"serial,omitempty"`
}

// Report is what Run found.
type Report struct {
	Line    string   `json:"line"`
	Device  *Device  `json:"device,omitempty"` // nil: not a real one
	Looped  bool     `json:"looped"`
	Results []Result `json:"results"`
}

// Count says how many checks ended so.
func (r *Report) Count(s Status) int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Status == s {
			n++
		}
	}
	return n
}

// OK reports whether no check failed and at least one passed.
func (r *Report) OK() bool { return r.Count(Fail) == 0 && r.Count(Pass) > 0 }

// WriteTable writes the report for a person: one line for each group of checks that passed whole,
// one for each skip and failure.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\n", r.Line)
	for i := 0; i < len(r.Results); {
		x := r.Results[i]
		group, _, grouped := strings.Cut(x.Check, "/")
		j := i + 1
		for grouped && x.Status != Fail && j < len(r.Results) && strings.HasPrefix(r.Results[j].Check, group+"/") &&
			r.Results[j].Status == x.Status && r.Results[j].Reason == x.Reason {
			j++
		}
		name, note := x.Check, x.Reason
		switch {
		case j > i+1:
			name, note = group, fmt.Sprintf("%d checks", j-i)
			if x.Reason != "" {
				note += ": " + x.Reason
			}
		case x.Latency != nil:
			note = fmt.Sprintf("1 byte there and back: median %v, 99 %% %v, longest %v", x.Latency.P50, x.Latency.P99, x.Latency.Max)
		case x.Rate > 0:
			note = fmt.Sprintf("%.3f MB/s", x.Rate/1e6)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", x.Status, name, note)
		i = j
	}
	fmt.Fprintf(t, "%d passed, %d failed, %d skipped\n", r.Count(Pass), r.Count(Fail), r.Count(Skip))
	return t.Flush()
}
