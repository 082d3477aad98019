package smoke

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/color"
	"io"
	"slices"
	"time"

	"github.com/kobench/kobench/hw/serial/serialtest"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

//go:embed page.html.tmpl
var pageText string

// maxPoints is how many runs a plot shows: of more, the worst of each few.
const maxPoints = 1000

// pagePort is a port on the page.
type pagePort struct {
	Line            string
	Device          *serialtest.Device
	Runs, Failed    int // Failed: runs with a failure
	Passed, Skipped int // checks of the first run
	Median, Worst   time.Duration
	Latency, Errors template.URL // plots; "" where there is nothing to show
	Failures        []pageFailure
	More            int // failures that the list leaves out
}

type pageFailure struct {
	At            time.Time
	Run           int
	Check, Reason string
}

// maxFailures bounds the list of a port's.
const maxFailures = 200

// writePage writes the report as one page, with plots of latency and failures over time.
func (r *Report) writePage(w io.Writer, runs []RunSummary) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	var ports []*pagePort
	for i, p := range r.Ports {
		x := &pagePort{Line: p.Line, Device: p.Device, Runs: len(runs), Passed: p.Count(serialtest.Pass), Skipped: p.Count(serialtest.Skip)}
		if err := x.fill(runs, i); err != nil {
			return err
		}
		ports = append(ports, x)
	}
	var took time.Duration
	if n := len(runs); n > 0 {
		took = runs[n-1].Start.Add(runs[n-1].Duration).Sub(runs[0].Start)
	}
	return t.Execute(w, map[string]any{"Report": r, "Runs": len(runs), "Took": took.Round(time.Second), "Ports": ports})
}

// fill takes the port's part of all runs. A run whose ports are others, since the bench did not
// come up, counts as a failure of each.
func (p *pagePort) fill(runs []RunSummary, index int) error {
	var median, tail, failed plotter.XYs
	var medians []time.Duration
	for i, run := range runs {
		at := run.Start.Sub(runs[0].Start).Minutes()
		if index >= len(run.Ports) || run.Ports[index].Line != p.Line {
			p.Failed++
			failed = append(failed, plotter.XY{X: at, Y: 1})
			continue
		}
		s := run.Ports[index]
		failed = append(failed, plotter.XY{X: at, Y: float64(len(s.Failures))})
		if len(s.Failures) > 0 {
			p.Failed++
		}
		for _, f := range s.Failures {
			if len(p.Failures) == maxFailures {
				p.More++
				continue
			}
			p.Failures = append(p.Failures, pageFailure{run.Start, i + 1, f.Check, f.Reason})
		}
		if l := s.Latency; l != nil {
			median = append(median, plotter.XY{X: at, Y: float64(l.P50.Microseconds())})
			tail = append(tail, plotter.XY{X: at, Y: float64(l.P99.Microseconds())})
			medians = append(medians, l.P50)
			p.Worst = max(p.Worst, l.Max)
		}
	}
	if len(medians) > 0 {
		slices.Sort(medians)
		p.Median = medians[len(medians)/2]
	}
	var err error
	if len(median) > 0 {
		p.Latency, err = timePlot("1 byte there and back, µs", []timeLine{{"median", color.NRGBA{0x1f, 0x5f, 0xa8, 0xff}, thin(median)}, {"99 %", color.NRGBA{0xd0, 0x6a, 0x00, 0xff}, thin(tail)}})
	}
	if err == nil && len(failed) > 0 {
		p.Errors, err = timePlot("failed checks", []timeLine{{"", color.NRGBA{0xb0, 0x1f, 0x2f, 0xff}, thin(failed)}})
	}
	return err
}

// thin keeps the greatest of each few values.
func thin(all plotter.XYs) plotter.XYs {
	step := (len(all) + maxPoints - 1) / maxPoints
	if step < 2 {
		return all
	}
	var kept plotter.XYs
	for some := range slices.Chunk(all, step) {
		kept = append(kept, slices.MaxFunc(some, func(a, b plotter.XY) int { return int(min(1, max(-1, a.Y-b.Y))) }))
	}
	return kept
}

type timeLine struct {
	name  string
	color color.Color
	at    plotter.XYs
}

// timePlot draws lines over minutes, as an image that a page can hold.
func timePlot(title string, lines []timeLine) (template.URL, error) {
	p := plot.New()
	p.Y.Label.Text, p.X.Label.Text = title, "minutes"
	p.Y.Min = 0
	p.Legend.Top = true
	for _, l := range lines {
		line, err := plotter.NewLine(l.at)
		if err != nil {
			return "", err
		}
		points, err := plotter.NewScatter(l.at)
		if err != nil {
			return "", err
		}
		line.Color, points.Color = l.color, l.color
		points.Shape, points.Radius = draw.CircleGlyph{}, 1.5
		p.Add(line, points)
		if l.name != "" {
			p.Legend.Add(l.name, line)
		}
	}
	p.Y.Max = max(p.Y.Max*1.1, 1)
	c := vgsvg.New(22*vg.Centimeter, 6*vg.Centimeter)
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("plot %s: %w", title, err)
	}
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}
