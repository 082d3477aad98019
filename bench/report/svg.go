package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"image/color"
	"io"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A role is what a mark stands for; the page's style gives it a colour, another one in the dark.
type role uint8

const (
	roleInk  role = iota // text and axes
	roleGrid             // lines behind the data
	roleBase             // what others are compared with
	role1                // series
	role2
	role3
	role4
	role5
	role6
	role7
	rolePaper // what the page itself has
	roleCount
)

// RGBA is not a colour: it is how a role travels through the plotting library into the SVG, where
// restyle finds it.
func (r role) RGBA() (red, green, blue, alpha uint32) {
	return color.NRGBA{B: uint8(r), A: 0xff}.RGBA()
}

// paint returns what stands in the page for a colour that the plotting library wrote.
func paint(hex string) (string, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	switch {
	case err != nil || n >= uint64(roleCount):
		return "", fmt.Errorf("%q is no role's colour", hex)
	case role(n) == roleInk:
		return "currentColor", nil
	case role(n) == rolePaper:
		return "var(--paper)", nil
	}
	return fmt.Sprintf("var(--r%d)", n), nil
}

// drawSVG runs a drawing on a canvas of w by h units and returns it as an element for the page,
// with a label for those who cannot see it; none when it only repeats what stands beside it.
func drawSVG(class, label string, w, h vg.Length, drawing func(draw.Canvas)) (template.HTML, error) {
	c := vgsvg.New(w, h)
	drawing(draw.New(c))
	var raw, out bytes.Buffer
	if _, err := c.WriteTo(&raw); err != nil {
		return "", err
	}
	if err := restyle(&out, &raw, class, label); err != nil {
		return "", fmt.Errorf("plot %q: %w", label, err)
	}
	return template.HTML(out.String()), nil
}

// restyle copies an SVG document so that it can stand inside a page: without its prologue, name
// spaces and fixed size, and with its roles as the page's colours [SVG2] 6.6. Everything is parsed
// and escaped again; nothing is copied as it stands.
func restyle(w *bytes.Buffer, r io.Reader, class, label string) error {
	in := xml.NewDecoder(r)
	for {
		tok, err := in.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			t = t.Copy()
			var content xml.CharData
			if t.Name.Local == "text" {
				if content, err = textOf(in); err != nil {
					return err
				}
				t.Attr = append(t.Attr, fitted(string(content))...)
			}
			if err := startElement(w, t, class, label); err != nil {
				return err
			}
			template.HTMLEscape(w, content)
		case xml.EndElement:
			w.WriteString("</" + t.Name.Local + ">")
		}
	}
}

// textOf is what a text element holds, which follows its start.
func textOf(in *xml.Decoder) (xml.CharData, error) {
	tok, err := in.Token()
	if err != nil {
		return nil, err
	}
	content, ok := tok.(xml.CharData)
	if !ok {
		return nil, errors.New("a text element without text")
	}
	return bytes.TrimSpace(content), nil
}

// fitted makes a text as wide as the plot was laid out for, in whatever font the reader's system
// has [SVG2] 11.4: a wide sans-serif neither leaves the plot nor runs into its neighbour.
func fitted(content string) []xml.Attr {
	style := text.Style{Font: sans(), Handler: plot.DefaultTextHandler}
	width := strconv.FormatFloat(style.Width(content).Points(), 'f', 1, 64)
	return []xml.Attr{
		{Name: xml.Name{Local: "textLength"}, Value: width},
		{Name: xml.Name{Local: "lengthAdjust"}, Value: "spacingAndGlyphs"},
	}
}

// startElement writes the start of an element; of the svg element only what a page needs.
func startElement(w *bytes.Buffer, t xml.StartElement, class, label string) error {
	w.WriteString("<" + t.Name.Local)
	if t.Name.Local == "svg" {
		attribute(w, "class", class)
		if label != "" {
			attribute(w, "role", "img")
			attribute(w, "aria-label", label)
		} else {
			attribute(w, "aria-hidden", "true")
		}
	}
	for _, a := range t.Attr {
		value := a.Value
		switch {
		case t.Name.Local == "svg" && a.Name.Local != "viewBox":
			continue
		case a.Name.Local == "style":
			var err error
			if value, err = declarations(value); err != nil {
				return err
			}
		}
		attribute(w, a.Name.Local, value)
	}
	w.WriteByte('>')
	return nil
}

func attribute(w *bytes.Buffer, name, value string) {
	w.WriteString(" " + name + `="`)
	template.HTMLEscape(w, []byte(value))
	w.WriteByte('"')
}

// declarations rewrites the colours of a style attribute and drops the font's name, which the page
// chooses.
func declarations(style string) (string, error) {
	var kept []string
	for d := range strings.SplitSeq(style, ";") {
		name, value, _ := strings.Cut(d, ":")
		switch {
		case strings.HasPrefix(name, "font-") && name != "font-size":
			continue
		case strings.HasPrefix(value, "#"):
			colour, err := paint(value)
			if err != nil {
				return "", err
			}
			d = name + ":" + colour
		}
		kept = append(kept, d)
	}
	return strings.Join(kept, ";"), nil
}
