package report

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A mark stands at each point of a line, and tells lines apart for those who do not see their
// colours.
type mark uint8

const (
	markNone mark = iota
	markDisc
	markRing
	markSquare
	markBox
	markTriangle
	markPyramid
	markDiamond
	markGem
	markCount
)

// DrawGlyph draws the mark; a hollow one covers the line below it.
func (m mark) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var (
		outline vg.Path
		r       = style.Radius
	)
	polygon := func(sides int, turn float64) {
		for i := range sides {
			angle := math.Pi * (turn + 2*float64(i)/float64(sides))
			p := vg.Point{X: at.X + r*1.25*vg.Length(math.Cos(angle)), Y: at.Y + r*1.25*vg.Length(math.Sin(angle))}
			if i == 0 {
				outline.Move(p)
			} else {
				outline.Line(p)
			}
		}
		outline.Close()
	}
	switch m {
	case markDisc, markRing:
		outline.Move(vg.Point{X: at.X + r, Y: at.Y})
		outline.Arc(at, r, 0, 2*math.Pi)
		outline.Close()
	case markSquare, markBox:
		polygon(4, 0.25)
	case markTriangle:
		polygon(3, 0.5)
	case markPyramid:
		polygon(3, -0.5)
	case markDiamond, markGem:
		polygon(4, 0)
	default:
		return
	}
	hollow := m == markRing || m == markBox || m == markPyramid || m == markGem
	if hollow {
		c.SetColor(rolePaper)
	} else {
		c.SetColor(style.Color)
	}
	c.Fill(outline)
	if hollow {
		c.SetLineStyle(draw.LineStyle{Color: style.Color, Width: 1.4})
		c.Stroke(outline)
	}
}
