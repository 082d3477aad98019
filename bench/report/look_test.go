package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
)

// label is a text of a plot with the box that it fills, in the plot's units.
type label struct {
	text                     string
	left, right, top, bottom float64
}

func number(t *testing.T, e xml.StartElement, name string) float64 {
	t.Helper()
	for _, a := range e.Attr {
		if a.Name.Local == name {
			v, err := strconv.ParseFloat(a.Value, 64)
			require.NoError(t, err)
			return v
		}
	}
	require.Fail(t, "no attribute", name)
	return 0
}

// labels returns the texts of an SVG element, and its width and height.
func labels(t *testing.T, svg string) (all []label, width, height float64) {
	t.Helper()
	style := text.Style{Font: sans(), Handler: plot.DefaultTextHandler}
	in := xml.NewDecoder(strings.NewReader(svg))
	var open xml.StartElement
	for {
		tok, err := in.Token()
		if errors.Is(err, io.EOF) {
			return all, width, height
		}
		require.NoError(t, err)
		switch tok := tok.(type) {
		case xml.StartElement:
			open = tok.Copy()
			for _, a := range tok.Attr {
				if a.Name.Local == "viewBox" {
					_, err := fmt.Sscanf(a.Value, "0 0 %f %f", &width, &height)
					require.NoError(t, err)
				}
			}
		case xml.CharData:
			if open.Name.Local == "text" {
				x, y := number(t, open, "x"), height+number(t, open, "y")
				w := style.Width(string(tok)).Points()
				require.InDelta(t, w, number(t, open, "textLength"), 0.06, "%s: as wide as it was laid out for, in any font", tok)
				all = append(all, label{string(tok), x, x + w, y - 0.72*float64(textSize), y})
			}
		case xml.EndElement:
			open = xml.StartElement{}
		}
	}
}

// No label of a plot leaves the plot or stands in another one.
func TestLabelsHaveRoom(t *testing.T) {
	whole, err := os.ReadFile("testdata/sample.txt")
	require.NoError(t, err)
	slow := regexp.MustCompile(`(?m)(\S+) ns/op`).ReplaceAllString(string(whole), "${1}e6 ns/op")
	few := regexp.MustCompile(`(?m)^Benchmark\S*(/c/|switch|=1-|usb|/again).*\n`).ReplaceAllString(string(whole), "")
	for name, text := range map[string]string{"sample": string(whole), "slow": slow, "few": few} {
		t.Run(name, func(t *testing.T) {
			run, err := Read(strings.NewReader(text))
			require.NoError(t, err)
			plots := 0
			for _, part := range parts() {
				s, err := part(run)
				require.NoError(t, err)
				for _, f := range s.Figures {
					plots++
					all, width, height := labels(t, string(f.SVG))
					require.Greater(t, len(all), 4)
					for i, a := range all {
						require.True(t, a.left >= 0 && a.right <= width && a.top >= 0 && a.bottom <= height, "%s: %+v leaves %v by %v", s.ID, a, width, height)
						for _, b := range all[:i] {
							apart := a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top
							require.True(t, apart, "%s: %+v stands in %+v", s.ID, a, b)
						}
					}
				}
			}
			require.Equal(t, 9, plots)
		})
	}
}

// luminance is the relative luminance of a colour [WCAG22].
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	require.NoError(t, err)
	channel := func(shift uint) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

// Every colour has the contrast to the page that its use needs, by day, by night and on paper: 4.5
// for text, 3 for marks [WCAG22].
func TestContrast(t *testing.T) {
	schemes := regexp.MustCompile(`(?s):root \{[^}]*\}`).FindAllString(pageText, -1)
	require.Len(t, schemes, 3)
	for i, scheme := range schemes {
		t.Run([]string{"light", "dark", "print"}[i], func(t *testing.T) {
			colours := map[string]float64{}
			for _, m := range regexp.MustCompile(`--(\w+): (#[0-9a-f]{6});`).FindAllStringSubmatch(scheme, -1) {
				colours[m[1]] = luminance(t, m[2])
			}
			least := map[string]float64{"ink": 7, "soft": 4.5, "r1": 1.3}
			for r := roleBase; r < rolePaper; r++ {
				least[fmt.Sprintf("r%d", r)] = 3
			}
			for name, want := range least {
				require.Contains(t, colours, name)
				a, b := colours[name], colours["paper"]
				require.GreaterOrEqual(t, (math.Max(a, b)+0.05)/(math.Min(a, b)+0.05), want, name)
			}
		})
	}
}

func TestRestyleRefuses(t *testing.T) {
	for _, c := range []struct{ name, svg, want string }{
		{"a colour that is no role's", `<svg><path style="fill:#FF0000"/></svg>`, `"#FF0000" is no role's colour`},
		{"what is no document", `<svg><path></svg>`, "XML syntax error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.ErrorContains(t, restyle(new(bytes.Buffer), strings.NewReader(c.svg), "plot", "label"), c.want)
		})
	}
}

func TestRestyle(t *testing.T) {
	var out bytes.Buffer
	in := `<?xml version="1.0"?><!-- c --><svg width="4pt" viewBox="0 0 4 4" xmlns="x"><text style="font-family:A;font-size:3px">a &lt; b</text><path style="fill:#000003;stroke:#000000"/></svg>`
	require.NoError(t, restyle(&out, strings.NewReader(in), "plot", `"what"`))
	require.Equal(t, `<svg class="plot" role="img" aria-label="&#34;what&#34;" viewBox="0 0 4 4"><text style="font-size:3px" textLength="28.1" lengthAdjust="spacingAndGlyphs">a &lt; b</text>`+
		`<path style="fill:var(--r3);stroke:currentColor"></path></svg>`, out.String())
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name   string
		format func(float64) string
		want   map[float64]string
	}{
		{"time", nanoseconds, map[float64]string{0: "0 ns", 0.25: "0.250 ns", 2.156: "2.16 ns", 12.34: "12.3 ns", 999.4: "999 ns", 999.7: "1.00 µs", 1000: "1 µs", 2.5e6: "2.50 ms", 7.2e12: "7200 s"}},
		{"rate", megabytes, map[float64]string{0.05: "50 kB/s", 1: "1 MB/s", 12000: "12 GB/s", 6.26e7: "62.6 TB/s"}},
		{"bytes", bytesOf, map[float64]string{1: "1 B", 256: "256 B", 4096: "4 KiB", 1048576: "1 MiB", 71000: "69.3 KiB"}},
		{"count", count, map[float64]string{1: "1", 100: "100", 10000: "10k", 1e6: "1M"}},
		{"grouped", grouped, map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"}},
		{"ratio", times, map[float64]string{1: "1×", 1.234: "1.23×", 0.5: "0.500×", 57.04: "57.0×", 125.2: "125×"}},
		{"tick", short(nanoseconds), map[float64]string{2500: "2.5 µs", 100: "100 ns", 0.5: "0.5 ns"}},
		{"ratio's tick", short(times), map[float64]string{0.1: "0.1×", 10: "10×"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for v, want := range c.want {
				require.Equal(t, want, c.format(v))
			}
		})
	}
}

func TestTicks(t *testing.T) {
	require.Equal(t, []float64{1, 2, 5, 10}, logTicks(1, 10))
	require.Equal(t, []float64{1, 10, 100}, logTicks(1, 100))
	require.Equal(t, []float64{1, 100, 1e4, 1e6, 1e8}, logTicks(1, 1e8))
	require.InDeltaSlice(t, []float64{0, 50, 100, 150, 200, 250}, linearTicks(257), 1e-9)
	for high := 1e-9; high < 1e19; high *= 1.7 {
		require.LessOrEqual(t, len(linearTicks(high)), 8)
		require.GreaterOrEqual(t, len(linearTicks(high)), 3)
	}
}
