package report

import "fmt"

// layers is what each layer adds to the read of one byte.
func layers(r *Run) (section, error) {
	s := section{
		ID: "layers", Title: "One byte, layer by layer",
		Lead: "What reading one byte costs when it is asked for at each layer: from a bare call of the driver's function to the host's own read(2).",
	}
	rungs := []struct {
		label, name string
		role        role
	}{
		{"indirect call", "Dispatch/indirect/read/1", roleBase},
		{"switch, 4 cases", "Dispatch/switch/4/read/1", role3},
		{"switch, 64 cases", "Dispatch/switch/64/read/1", role3},
		{"switch, 512 cases", "Dispatch/switch/512/read/1", role3},
		{"table by major", "Dispatch/table/read/1", role3},
		{"File.Read, Go", "Dispatch/go/file/read/1", role1},
		{"Task.Read, Go", "Dispatch/go/read/1", role1},
		{"File.Read, C", "Dispatch/c/file/read/1", role2},
		{"Task.Read, C", "Dispatch/c/read/1", role2},
		{"host read(2)", "Host/read/1", role4},
	}
	base, hasBase := r.time("Dispatch/indirect/read/1")
	t := table{Caption: "ratio: to the indirect call", Head: []cell{name("layer"), num("time"), num("ratio"), num("allocs")}}
	var bars []bar
	for _, g := range rungs {
		ns, ok := r.time(g.name)
		if !ok {
			s.missing(g.name)
			continue
		}
		ratio := "–"
		if hasBase {
			ratio = times(ns / base)
		}
		bars = append(bars, bar{g.label, ns, g.role})
		t.add(name(g.label), num(nanoseconds(ns)), num(ratio), num(r.metric(g.name, "allocs/op", digits)))
	}
	if len(bars) == 0 {
		return s, nil
	}
	svg, err := barChart("time to read one byte at each layer", scale{title: "time a read, log scale", log: true, format: nanoseconds}, 0, bars)
	if err != nil {
		return s, fmt.Errorf("layers: %w", err)
	}
	s.Figures = append(s.Figures, figure{SVG: svg, Caption: "Time of one read; shorter is better."})
	s.Tables = append(s.Tables, t)
	return s, nil
}
