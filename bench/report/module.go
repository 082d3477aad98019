package report

import "fmt"

// module is the life of modules and of kernels.
func module(r *Run) (section, error) {
	s := section{
		ID: "module", Title: "Modules and kernels",
		Lead: "Loading and unloading: the first time in a process, and again when the same bytes were loaded before. Then whole kernels.",
	}
	t := table{Head: []cell{name("what"), num("time"), num("memory"), num("allocs")}}
	var bars []bar
	for _, row := range []struct {
		label, name, unit string
		role              role
	}{
		{"hello, first", "Module/insmod+rmmod/hello/first", "ns/op", role1},
		{"hello, again", "Module/insmod+rmmod/hello/again", "ns/op", role3},
		{"1 MB, first", "Module/insmod+rmmod/large/first", "ns/op", role1},
		{"1 MB, again", "Module/insmod+rmmod/large/again", "ns/op", role3},
		{"chain of 32, first", "Module/chain/32/first", "ns/op", role1},
		{"chain of 32, again", "Module/chain/32/again", "ns/op", role3},
		{"boot + shutdown", "Module/boot+shutdown", "ns/op", role5},
		{"one of 10,000 kernels", "Module/kernels/10000", "ns/kernel", role5},
	} {
		ns, ok := r.Lookup(row.name).Value(row.unit)
		if !ok || !plottable(ns) {
			s.missing(row.name)
			continue
		}
		memory, allocs := r.metric(row.name, "B/op", bytesOf), r.metric(row.name, "allocs/op", grouped)
		if row.unit == "ns/kernel" {
			memory, allocs = r.metric(row.name, "B/kernel", bytesOf), "–"
		}
		bars = append(bars, bar{row.label, ns, row.role})
		t.add(name(row.label), num(nanoseconds(ns)), num(memory), num(allocs))
	}
	if len(bars) == 0 {
		return s, nil
	}
	svg, err := barChart("time of a module's life and of a kernel's", scale{title: "time, log scale", log: true, format: nanoseconds}, 0, bars)
	if err != nil {
		return s, fmt.Errorf("modules: %w", err)
	}
	s.Figures = append(s.Figures, figure{SVG: svg, Caption: "insmod and rmmod, boot and shutdown; shorter is better."})
	s.Tables = append(s.Tables, t)
	return s, nil
}
