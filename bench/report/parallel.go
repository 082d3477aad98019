package report

import (
	"fmt"
	"math"
	"slices"
)

// parallel is how reads add up when several tasks read at once.
func parallel(r *Run) (section, error) {
	s := section{
		ID: "parallel", Title: "Parallel readers",
		Lead: "Reads a second by all readers together: on one open file, on one file each of one device, and on one device each.",
	}
	kinds := []series{
		{name: "a device each", role: role1, mark: markDisc},
		{name: "a file each", role: role3, mark: markTriangle},
		{name: "one file", role: role2, mark: markSquare},
	}
	t := table{Caption: "ratio: to one reader", Head: []cell{name("readers on"), num("readers"), num("reads"), num("ratio")}}
	procs, one := 0, 0.0
	for i, key := range []string{"devices", "files", "file"} {
		prefix := "Parallel/" + key + "/readers="
		line := &kinds[i]
		for _, p := range positive(r.sweep(prefix)) {
			line.points = append(line.points, point{p.x, 1e9 / p.y})
		}
		if len(line.points) == 0 {
			s.missing(prefix + "…")
			continue
		}
		first := line.points[0]
		for _, p := range line.points {
			ratio := "–"
			if first.x == 1 {
				ratio = times(p.y / first.y)
			}
			t.add(name(line.name), num(grouped(p.x)), num(perSecond(p.y)), num(ratio))
		}
		if one == 0 && first.x == 1 {
			one, procs = first.y, r.Lookup(prefix+"1").Procs
		}
	}
	if len(t.Rows) == 0 {
		return s, nil
	}
	readers := ticksOf(kinds)
	caption := "Reads a second; higher is better."
	if one > 0 {
		ideal := series{name: "ideal", role: roleInk, dashed: true, mark: markNone}
		knees := append([]float64{float64(procs)}, readers...)
		slices.Sort(knees)
		for _, n := range slices.Compact(knees) {
			if n <= readers[len(readers)-1] {
				ideal.points = append(ideal.points, point{n, one * math.Min(n, float64(procs))})
			}
		}
		kinds = append(kinds, ideal)
		caption += fmt.Sprintf(" Ideal is one reader's rate times the readers, up to the %d processors there are.", procs)
		if procs == 1 {
			caption = "Reads a second; higher is better. Ideal is one reader's rate: there is one processor."
		}
	}
	x := scale{title: "readers", log: true, format: count, ticks: readers}
	fig, err := lineChart("reads a second against readers", x, scale{format: perSecond, log: wide(kinds)}, kinds)
	if err != nil {
		return s, fmt.Errorf("parallel: %w", err)
	}
	fig.Caption = caption
	s.Figures = append(s.Figures, fig)
	s.Tables = append(s.Tables, t)
	return s, nil
}
