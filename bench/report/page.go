package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed report.html.tmpl
var pageText string

// A section is one part of the page.
type section struct {
	ID, Title, Lead string
	Figures         []figure
	Tables          []table
	Missing         []string // names of benchmarks that the text does not have
	Folded          bool     // shown when asked for
}

type figure struct {
	SVG     template.HTML
	Caption string
	Legend  []legendEntry
}

type legendEntry struct {
	SVG  template.HTML
	Text string
}

type table struct {
	Caption string
	Head    []cell
	Rows    [][]cell
}

// A cell is text, or a number that is set right.
type cell struct {
	Text string
	Num  bool
}

func name(text string) cell { return cell{Text: text} }
func num(text string) cell  { return cell{Text: text, Num: true} }

// Wide reports whether the table needs the whole width of a printed page.
func (t table) Wide() bool { return len(t.Head) > 6 }

func (t *table) add(cells ...cell) { t.Rows = append(t.Rows, cells) }

func (s *section) missing(name string) { s.Missing = append(s.Missing, name) }

// Empty reports whether the section has nothing to show.
func (s section) Empty() bool { return len(s.Figures) == 0 && len(s.Tables) == 0 }

// time returns the median time of one call in ns, when the text has one that can be drawn and
// divided by.
func (r *Run) time(name string) (float64, bool) {
	ns, ok := r.Lookup(name).Value("ns/op")
	return ns, ok && plottable(ns)
}

// metric writes a value of a result, a dash when the text does not have it.
func (r *Run) metric(name, unit string, format func(float64) string) string {
	if v, ok := r.Lookup(name).Value(unit); ok {
		return format(v)
	}
	return "–"
}

// parts make the sections of the page, in its order.
func parts() []func(*Run) (section, error) {
	return []func(*Run) (section, error){layers, growth, throughput, parallel, latency, module, host, results}
}

// WriteHTML writes the run as one page that loads nothing. A part without benchmarks is a sentence.
//
// Errors: ErrFormat when the run has no result; what w returned. Nothing is written unless the
// whole page could be made.
func (r *Run) WriteHTML(w io.Writer) error {
	if len(r.Results) == 0 {
		return fmt.Errorf("report: a run without a result: %w", ErrFormat)
	}
	page, err := template.New("report").Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var data struct {
		Head     head
		Sections []section
	}
	data.Head = r.head()
	for _, part := range parts() {
		s, err := part(r)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		data.Sections = append(data.Sections, s)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
