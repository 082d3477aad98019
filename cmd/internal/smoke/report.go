package smoke

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"github.com/kobench/kobench/hw/serial/serialtest"
)

// Report is what Run found, as --json writes it.
type Report struct {
	OK      bool      `json:"ok"`
	Date    time.Time `json:"date"` // when it began
	Version string    `json:"version,omitempty"`
	// Of all runs.
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	// Ports is the first run.
	Ports []*serialtest.Report `json:"ports"`
	// Runs are all of them, where there are several.
	Runs []RunSummary `json:"runs,omitempty"`

	all [][]*serialtest.Report // by run
}

// RunSummary is one of several runs.
type RunSummary struct {
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration_ns"`
	Passed   int           `json:"passed"`
	Failed   int           `json:"failed"`
	Skipped  int           `json:"skipped"`
	Ports    []PortSummary `json:"ports"`
}

// PortSummary is one port's part of it.
type PortSummary struct {
	Line     string                  `json:"line"`
	Failures []serialtest.Result     `json:"failures,omitempty"`
	Latency  *serialtest.Percentiles `json:"latency,omitempty"`
	Rate     float64                 `json:"bytes_per_second,omitempty"`
}

// add takes in a run.
func (r *Report) add(start time.Time, ports []*serialtest.Report) {
	s := RunSummary{Start: start, Duration: time.Since(start)}
	for _, p := range ports {
		s.Passed, s.Failed, s.Skipped = s.Passed+p.Count(serialtest.Pass), s.Failed+p.Count(serialtest.Fail), s.Skipped+p.Count(serialtest.Skip)
		x := PortSummary{Line: p.Line}
		for _, c := range p.Results {
			switch {
			case c.Status == serialtest.Fail:
				x.Failures = append(x.Failures, c)
			case c.Latency != nil:
				x.Latency = c.Latency
			case c.Rate > 0:
				x.Rate = c.Rate
			}
		}
		s.Ports = append(s.Ports, x)
	}
	if r.Ports == nil {
		r.Ports = ports
	}
	r.Passed, r.Failed, r.Skipped = r.Passed+s.Passed, r.Failed+s.Failed, r.Skipped+s.Skipped
	r.Runs, r.all = append(r.Runs, s), append(r.all, ports)
}

// writeRun writes the last run in a line, with what failed beneath it.
func (r *Report) writeRun(out io.Writer) {
	s := r.Runs[len(r.Runs)-1]
	fmt.Fprintf(out, "run %d, %s: %d passed, %d failed, %d skipped in %v\n", len(r.Runs), s.Start.Format(time.DateTime), s.Passed, s.Failed, s.Skipped, s.Duration.Round(time.Millisecond))
	for _, p := range s.Ports {
		for _, f := range p.Failures {
			fmt.Fprintf(out, "  %s: fail  %s  %s\n", p.Line, f.Check, f.Reason)
		}
	}
}

// outputs are the files of a report.
func (o *Options) outputs() map[string]string {
	return map[string]string{"--json": o.JSON, "--tap": o.TAP, "--junit": o.JUnit, "--html": o.HTML}
}

func (o *Options) toOut() bool {
	for _, name := range o.outputs() {
		if name == "-" {
			return true
		}
	}
	return false
}

// checkFiles sees that the reports can be written, before the hours that they are about. Files that
// are there stay as they are.
func (o *Options) checkFiles() error {
	first := ""
	for flag, name := range o.outputs() {
		switch {
		case name == "":
			continue
		case name == "-" && first != "":
			return fmt.Errorf("%s and %s: one of them can go to the standard output; give the other a file: %s=FILE", min(first, flag), max(first, flag), max(first, flag))
		case name == "-":
			first = flag
			continue
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		f.Close()
	}
	return nil
}

// write writes the report in all forms that were asked for.
func (r *Report) write(o Options, out io.Writer, again bool) error {
	runs := r.Runs
	if !again {
		r.Runs = nil
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{{o.JSON, r.writeJSON}, {o.TAP, r.writeTAP}, {o.JUnit, r.writeJUnit}, {o.HTML, func(w io.Writer) error { return r.writePage(w, runs) }}} {
		switch f.name {
		case "":
			continue
		case "-":
			if err := f.write(out); err != nil {
				return err
			}
			continue
		}
		var b strings.Builder
		if err := f.write(&b); err != nil {
			return err
		}
		if err := os.WriteFile(f.name, []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	if o.toOut() {
		return nil
	}
	return r.writeTables(out, again)
}

func (r *Report) writeTables(out io.Writer, again bool) error {
	for i, p := range r.Ports {
		if again {
			break // writeRun has told
		}
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := p.WriteTable(out); err != nil {
			return err
		}
	}
	switch {
	case again:
		fmt.Fprintf(out, "\ntotal of %d runs: %d passed, %d failed, %d skipped\n", len(r.Runs), r.Passed, r.Failed, r.Skipped)
	case len(r.Ports) > 1:
		fmt.Fprintf(out, "\ntotal of %d: %d passed, %d failed, %d skipped\n", len(r.Ports), r.Passed, r.Failed, r.Skipped)
	}
	return nil
}

func (r *Report) writeJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeTAP writes the Test Anything Protocol, version 13.
func (r *Report) writeTAP(out io.Writer) error {
	fmt.Fprintf(out, "TAP version 13\n1..%d\n", r.Passed+r.Failed+r.Skipped)
	n := 0
	for i, ports := range r.all {
		for _, p := range ports {
			name := p.Line
			if len(r.all) > 1 {
				name = fmt.Sprintf("run %d: %s", i+1, name)
			}
			for _, c := range p.Results {
				n++
				text := strings.ReplaceAll(name+": "+c.Check, "#", "\\#")
				switch c.Status {
				case serialtest.Pass:
					fmt.Fprintf(out, "ok %d - %s\n", n, text)
				case serialtest.Skip:
					fmt.Fprintf(out, "ok %d - %s # SKIP %s\n", n, text, oneLine(c.Reason))
				default:
					fmt.Fprintf(out, "not ok %d - %s\n  ---\n  message: %q\n  ...\n", n, text, c.Reason)
				}
			}
		}
	}
	return nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// writeJUnit writes a test suite for each port of each run.
func (r *Report) writeJUnit(out io.Writer) error {
	all := junit.Testsuites{Name: "kobench smoke"}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
	var total time.Duration
	for i, ports := range r.all {
		for _, p := range ports {
			s := junit.Testsuite{Name: p.Line, ID: len(all.Suites)}
			if len(r.all) > 1 {
				s.Name = fmt.Sprintf("%s, run %d", p.Line, i+1)
			}
			s.SetTimestamp(cmp.Or(r.start(i), r.Date))
			s.AddProperty("kobench", r.Version)
			if d := p.Device; d != nil {
				for _, x := range [][2]string{{"path", d.Path}, {"driver", d.Driver}, {"port_path", d.PortPath}, {"id", d.ID},
					{"manufacturer", d.Manufacturer}, {"product", d.Product}, {"serial", d.Serial}} {
					if x[1] != "" {
						s.AddProperty(x[0], x[1])
					}
				}
			}
			took := time.Duration(0)
			for _, c := range p.Results {
				t := junit.Testcase{Name: c.Check, Classname: p.Line, Time: seconds(c.Duration)}
				switch c.Status {
				case serialtest.Fail:
					t.Failure = &junit.Result{Message: c.Reason}
				case serialtest.Skip:
					t.Skipped = &junit.Result{Message: c.Reason}
				}
				s.AddTestcase(t)
				took += c.Duration
			}
			s.Time = seconds(took)
			total += took
			all.AddSuite(s)
		}
	}
	all.Time = seconds(total)
	if _, err := io.WriteString(out, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"); err != nil {
		return err
	}
	return all.WriteXML(out)
}

// start is when a run began, the zero time if that is not known.
func (r *Report) start(run int) time.Time {
	if run < len(r.Runs) {
		return r.Runs[run].Start
	}
	return time.Time{}
}
