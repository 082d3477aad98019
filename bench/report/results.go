package report

import (
	"slices"
	"strconv"
)

// results is the whole text as a table.
func results(r *Run) (section, error) {
	s := section{ID: "results", Title: "All results", Folded: true, Lead: "Every benchmark of the text; the median where it ran more than once."}
	usual := []string{"ns/op", "MB/s", "B/op", "allocs/op"}
	t := table{Head: []cell{name("benchmark"), num("runs")}}
	for _, u := range usual {
		t.Head = append(t.Head, num(u))
	}
	t.Head = append(t.Head, name("more"))
	for _, res := range r.Results {
		label := res.Name
		if r.Lookup(res.Name) != res {
			label += "-" + strconv.Itoa(res.Procs)
		}
		row := []cell{name(label), num(strconv.Itoa(res.Lines))}
		for _, u := range usual {
			text := ""
			if v, ok := res.Value(u); ok {
				text = digits(v)
			}
			row = append(row, num(text))
		}
		more := ""
		for _, v := range res.Values {
			if !slices.Contains(usual, v.Unit) {
				if more != "" {
					more += ", "
				}
				more += digits(v.Value) + " " + v.Unit
			}
		}
		t.add(append(row, name(more))...)
	}
	s.Tables = []table{t}
	return s, nil
}
