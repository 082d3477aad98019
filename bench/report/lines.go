package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

type point struct{ x, y float64 }

// A series is one line of a plot. Its points are plottable and in the order of x; x may also be 0
// when the x axis is linear.
type series struct {
	name   string
	points []point
	role   role
	dashed bool
	mark   mark
}

func (s series) line() draw.LineStyle {
	l := draw.LineStyle{Color: s.role, Width: 1.8}
	if s.dashed {
		l.Dashes = []vg.Length{5, 3}
	}
	return l
}

func (s series) glyphs() draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.role, Radius: 3.4, Shape: s.mark}
}

// legend is the series' sign, to stand beside its name.
func (s series) legend() (legendEntry, error) {
	const w, h = 36, 12
	svg, err := drawSVG("key", "", w, h, func(c draw.Canvas) {
		c.StrokeLine2(s.line(), 1, h/2, w-1, h/2)
		if s.mark != markNone {
			c.DrawGlyph(s.glyphs(), vg.Point{X: w / 2, Y: h / 2})
		}
	})
	return legendEntry{SVG: svg, Text: s.name}, err
}

// lineChart draws the series that have points, with their legend.
func lineChart(label string, x, y scale, all []series) (figure, error) {
	var fig figure
	p := newPlot()
	p.Add(gridLines(true))
	low, high := point{math.Inf(1), math.Inf(1)}, point{}
	for _, s := range all {
		if len(s.points) == 0 {
			continue
		}
		xys := make(plotter.XYs, len(s.points))
		for i, at := range s.points {
			xys[i] = plotter.XY{X: at.x, Y: at.y}
			low = point{math.Min(low.x, at.x), math.Min(low.y, at.y)}
			high = point{math.Max(high.x, at.x), math.Max(high.y, at.y)}
		}
		line, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return fig, fmt.Errorf("plot %q, line %q: %w", label, s.name, err)
		}
		line.LineStyle = s.line()
		p.Add(line)
		if s.mark != markNone {
			dots.GlyphStyle = s.glyphs()
			p.Add(dots)
		}
		entry, err := s.legend()
		if err != nil {
			return fig, err
		}
		fig.Legend = append(fig.Legend, entry)
	}
	if len(fig.Legend) == 0 {
		return fig, nil
	}
	x.apply(&p.X, low.x, high.x)
	y.apply(&p.Y, low.y, high.y)
	var err error
	fig.SVG, err = render(p, label, x.title, plotHeight)
	return fig, err
}

// wide reports whether values that far apart need a logarithmic axis.
func wide(all []series) bool {
	low, high := math.Inf(1), 0.0
	for _, s := range all {
		for _, p := range s.points {
			low, high = math.Min(low, p.y), math.Max(high, p.y)
		}
	}
	return high > 30*low
}

// A span is one row of a plot of spans: marks on a line.
type span struct {
	label string
	at    []float64 // plottable, one for each of the marks
}

// spanChart draws spans under a common legend, one entry for each mark.
func spanChart(label string, s scale, marks []series, spans []span) (figure, error) {
	var fig figure
	r := &rows{}
	low, high := math.Inf(1), 0.0
	for _, sp := range spans {
		r.labels = append(r.labels, sp.label)
		r.values = append(r.values, "")
		for _, v := range sp.at {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	r.draw = func(c draw.Canvas, x func(float64) vg.Length, i int, y vg.Length) {
		at := spans[i].at
		c.StrokeLine2(draw.LineStyle{Color: roleBase, Width: 2}, x(at[0]), y, x(at[len(at)-1]), y)
		for j, v := range at {
			g := marks[j].glyphs()
			g.Radius = 4.5
			c.DrawGlyphNoClip(g, vg.Point{X: x(v), Y: y})
		}
	}
	var err error
	for _, m := range marks {
		var entry legendEntry
		if entry, err = m.legend(); err != nil {
			return fig, err
		}
		fig.Legend = append(fig.Legend, entry)
	}
	fig.SVG, err = r.render(label, s, low, high)
	return fig, err
}
