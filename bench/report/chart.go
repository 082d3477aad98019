package report

import (
	"html/template"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	// units; a phone shows nine tenths of it, a desk a little more than all
	plotWidth  vg.Length = 400
	plotHeight vg.Length = 280
	rowHeight  vg.Length = 23
	textSize   vg.Length = 12.5
	edge       vg.Length = 3
)

// plottable reports whether a value can stand on every kind of axis: a logarithm needs it positive,
// and beyond these bounds it is no measurement of this world.
func plottable(v float64) bool { return v >= 1e-9 && v <= 1e18 }

func sans() font.Font { return font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize} }

// newPlot is an empty plot on no background.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color = roleGrid
		a.Tick.Color = roleGrid
		a.Tick.Length = 4
		a.Tick.Label.Font = sans()
		a.Tick.Label.Color = roleInk
		a.Padding = 0
	}
	return p
}

func gridLines(horizontal bool) *plotter.Grid {
	line := draw.LineStyle{Color: roleGrid, Width: 0.6}
	g := &plotter.Grid{Vertical: line}
	if horizontal {
		g.Horizontal = line
	}
	return g
}

// render draws a plot above the title of its x axis. The library's own title would shift a
// logarithmic axis: it asks for the place of the middle in data coordinates.
func render(p *plot.Plot, label, title string, height vg.Length) (template.HTML, error) {
	return drawSVG("plot", label, plotWidth, height, func(c draw.Canvas) {
		style := p.X.Tick.Label
		style.YAlign = draw.YBottom
		p.Draw(draw.Crop(c, edge, -edge, edge+style.Height(title)+3, -edge))
		c.FillText(style, vg.Point{X: c.Center().X, Y: edge + style.FontExtents().Descent}, title)
	})
}

// A scale is one axis of a plot; only that of x shows its title.
type scale struct {
	title  string
	log    bool
	format func(float64) string
	ticks  []float64 // where the ticks are; none: where they fit
}

// apply sets an axis up for values between low and high, both plottable.
func (s scale) apply(a *plot.Axis, low, high float64) {
	switch {
	case s.log && len(s.ticks) > 0:
		a.Scale = plot.LogScale{}
		a.Min, a.Max = low, high
		if low == high {
			a.Min, a.Max = low/2, high*2
		}
	case s.log:
		a.Scale = plot.LogScale{}
		a.Min, a.Max = decade(math.Floor(math.Log10(low))), decade(math.Ceil(math.Log10(high*1.02)))
		a.Tick.Marker = s.marks(logTicks(a.Min, a.Max))
		return
	case high > 0:
		a.Min, a.Max = 0, high*1.03
	default:
		a.Min, a.Max = 0, 1
	}
	if len(s.ticks) > 0 {
		a.Tick.Marker = s.marks(apart(a, s.ticks))
	} else {
		a.Tick.Marker = s.marks(linearTicks(a.Max))
	}
}

// apart drops the ticks that would stand in the label of the one before.
func apart(a *plot.Axis, ticks []float64) []float64 {
	var kept []float64
	for _, v := range ticks {
		if n := len(kept); n == 0 || a.Norm(v)-a.Norm(kept[n-1]) > 0.1 {
			kept = append(kept, v)
		}
	}
	return kept
}

func (s scale) marks(at []float64) plot.ConstantTicks {
	ticks := make([]plot.Tick, len(at))
	for i, v := range at {
		ticks[i] = plot.Tick{Value: v, Label: short(s.format)(v)}
	}
	return ticks
}

func decade(exponent float64) float64 { return math.Pow(10, exponent) }

// logTicks is every decade, every second or third when there are many, and also the twos and fives
// when there are few.
func logTicks(low, high float64) []float64 {
	first, last := math.Round(math.Log10(low)), math.Round(math.Log10(high))
	step := math.Max(1, math.Ceil((last-first)/4))
	var at []float64
	for e := first; e <= last; e += step {
		at = append(at, decade(e))
		if last-first <= 1 && e < last {
			at = append(at, 2*decade(e), 5*decade(e))
		}
	}
	return at
}

// linearTicks is about five round numbers from zero to high.
func linearTicks(high float64) []float64 {
	unit := decade(math.Floor(math.Log10(high / 4)))
	step := unit
	for _, f := range []float64{2, 5, 10} {
		if high/step > 6 {
			step = f * unit
		}
	}
	var at []float64
	for i := 0.0; i*step <= high; i++ {
		at = append(at, i*step)
	}
	return at
}

// rows is a plot whose vertical axis has names: bars, or spans.
type rows struct {
	labels []string
	values []string // right of each row
	style  text.Style
	draw   func(c draw.Canvas, x func(float64) vg.Length, i int, y vg.Length)
}

// y is where row i stands; the first is at the top.
func (r *rows) y(i int) float64 { return float64(len(r.labels) - 1 - i) }

// Plot draws the rows.
func (r *rows) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i := range r.labels {
		at := y(r.y(i))
		r.draw(c, x, i, at)
		c.FillText(r.style, vg.Point{X: c.Max.X + 6, Y: at + r.style.FontExtents().Descent}, r.values[i])
	}
}

// GlyphBoxes keeps room for the values at the right edge.
func (r *rows) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	boxes := make([]plot.GlyphBox, len(r.values))
	for i, v := range r.values {
		boxes[i] = plot.GlyphBox{X: 1, Y: 0.5, Rectangle: vg.Rectangle{Max: vg.Point{X: 6 + r.style.Width(v)}}}
	}
	return boxes
}

func (r *rows) render(label string, s scale, low, high float64) (template.HTML, error) {
	p := newPlot()
	r.style = p.Y.Tick.Label
	r.style.XAlign = draw.XLeft
	s.apply(&p.X, low, high)
	names := make([]plot.Tick, len(r.labels))
	for i, name := range r.labels {
		names[i] = plot.Tick{Value: r.y(i), Label: name}
	}
	p.Y.Min, p.Y.Max = -0.6, float64(len(r.labels))-0.4
	p.Y.Tick.Marker = plot.ConstantTicks(names)
	p.Y.Tick.Length = 0
	p.Y.Width = 0
	p.Add(gridLines(false), r)
	return render(p, label, s.title, rowHeight*vg.Length(len(r.labels))+44)
}

// A bar is one row of a bar chart. Its value is plottable.
type bar struct {
	label string
	value float64
	role  role
}

// barChart draws bars with their values at the right: from the left edge, or from a line at mark
// when that is plottable.
func barChart(label string, s scale, mark float64, bars []bar) (template.HTML, error) {
	r := &rows{}
	low, high := math.Inf(1), 0.0
	for _, b := range bars {
		r.labels = append(r.labels, b.label)
		r.values = append(r.values, s.format(b.value))
		low, high = math.Min(low, b.value), math.Max(high, b.value)
	}
	if plottable(mark) {
		low, high = math.Min(low, mark), math.Max(high, mark)
	} else {
		low *= 0.8 // the shortest bar shows
	}
	r.draw = func(c draw.Canvas, x func(float64) vg.Length, i int, y vg.Length) {
		half, from, to := rowHeight*0.36, c.Min.X, x(bars[i].value)
		if plottable(mark) {
			from = x(mark)
		}
		c.FillPolygon(bars[i].role, []vg.Point{{X: from, Y: y - half}, {X: to, Y: y - half}, {X: to, Y: y + half}, {X: from, Y: y + half}})
		if plottable(mark) && i == len(bars)-1 {
			line := draw.LineStyle{Color: roleInk, Width: 1.2, Dashes: []vg.Length{4, 3}}
			c.StrokeLine2(line, x(mark), c.Min.Y, x(mark), c.Max.Y)
		}
	}
	return r.render(label, s, low, high)
}
