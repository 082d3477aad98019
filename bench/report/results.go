package report

import (
	"slices"
	"strconv"
)

// results is the whole text as a table.
func results(r *Run) (section, error) {
	s := section{ID: "results", Title: "All results", Folded: true, Lead: "Every benchmark of the text; the median where it ran more than once. Spread: how far its times lie apart, as a part of their median."}
	usual := []string{"ns/op", "MB/s", "B/op", "allocs/op"}
	t := table{Head: []cell{name("benchmark"), num("runs")}}
	for _, u := range usual {
		t.Head = append(t.Head, num(u))
	}
	t.Head = append(t.Head, num("spread"), name("more"))
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
		t.add(append(row, num(spread(res)), name(more))...)
	}
	s.Tables = []table{t}
	return s, nil
}

// spread says how far the times of a benchmark lie apart; nothing where it ran once.
func spread(res *Result) string {
	i := slices.IndexFunc(res.Values, func(v Value) bool { return v.Unit == "ns/op" })
	if i < 0 || res.Lines < 2 {
		return ""
	}
	return digits(100*res.Values[i].Spread()) + " %"
}
