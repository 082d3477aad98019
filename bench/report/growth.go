package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// sweep is the time of one call against the number behind prefix in the name, smallest first.
func (r *Run) sweep(prefix string) []point {
	var points []point
	for _, res := range r.Results {
		rest, ok := strings.CutPrefix(res.Name, prefix)
		if !ok || r.Lookup(res.Name) != res {
			continue
		}
		n, err := strconv.ParseUint(rest, 10, 48)
		ns, timed := r.time(res.Name)
		if err != nil || !timed || strconv.FormatUint(n, 10) != rest {
			continue
		}
		points = append(points, point{float64(n), ns})
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return points
}

// positive drops what a logarithmic axis cannot show.
func positive(points []point) []point {
	return slices.DeleteFunc(points, func(p point) bool { return p.x <= 0 })
}

// ticksOf is every x of the series, once.
func ticksOf(all []series) []float64 {
	var at []float64
	for _, s := range all {
		for _, p := range s.points {
			at = append(at, p.x)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// growth is how the cost of a registration and of an open grows with what is there already.
func growth(r *Run) (section, error) {
	s := section{
		ID: "growth", Title: "Growth",
		Lead: "Whether a call costs more when there is more: minors in a region, majors that are taken. Flat is best.",
	}
	plots := []struct {
		label, caption string
		x              scale
		series         []series
		prefixes       []string
	}{
		{
			"time against the number of minors", "Time of opening and closing the last minor of a region, and of adding and deleting the region.",
			scale{title: "minors in the region, log scale", log: true, format: count},
			[]series{{name: "open + close", role: role1, mark: markDisc}, {name: "cdev add + delete", role: role2, mark: markSquare}},
			[]string{"Registration/open/minors=", "Registration/region/minors="},
		},
		{
			"time against the number of majors taken", "Time of register_chrdev(0) and unregister_chrdev with other majors taken.",
			scale{title: "majors taken", format: count},
			[]series{{name: "register + unregister", role: role3, mark: markTriangle}},
			[]string{"Registration/pair/taken="},
		},
	}
	t := table{Caption: "ratio: to the smallest number there", Head: []cell{name("call"), num("there"), num("time"), num("ratio")}}
	for _, p := range plots {
		for i := range p.series {
			line := &p.series[i]
			line.points = r.sweep(p.prefixes[i])
			if p.x.log {
				line.points = positive(line.points)
			}
			if len(line.points) == 0 {
				s.missing(p.prefixes[i] + "…")
			}
			for _, at := range line.points {
				t.add(name(line.name), num(grouped(at.x)), num(nanoseconds(at.y)), num(times(at.y/line.points[0].y)))
			}
		}
		p.x.ticks = ticksOf(p.series)
		y := scale{format: nanoseconds, log: wide(p.series)}
		fig, err := lineChart(p.label, p.x, y, p.series)
		if err != nil {
			return s, err
		}
		if fig.SVG != "" {
			fig.Caption = p.caption
			s.Figures = append(s.Figures, fig)
		}
	}
	if len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	return s, nil
}
