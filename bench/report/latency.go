package report

import "fmt"

// latency is how long it takes until somebody who waits goes on.
func latency(r *Run) (section, error) {
	s := section{
		ID: "latency", Title: "Latency",
		Lead: "From the cause to the moment the waiting task goes on: half of them are faster than p50, one in a hundred is slower than p99, one in a thousand slower than p99.9.",
	}
	marks := []series{
		{name: "p50", role: role1, mark: markDisc},
		{name: "p99", role: role2, mark: markSquare},
		{name: "p99.9", role: role4, mark: markTriangle},
	}
	t := table{Head: []cell{name("what"), num("p50"), num("p99"), num("p99.9")}}
	var spans []span
	for _, row := range []struct{ label, name string }{
		{"blocking wake-up", "Latency/wakeup"},
		{"tty round trip", "Latency/tty"},
		{"hot-plug chain", "Latency/hotplug"},
		{"host pipe", "Latency/host-pipe"},
	} {
		sp := span{label: row.label}
		cells := []cell{name(row.label)}
		for _, m := range marks {
			if v, ok := r.Lookup(row.name).Value(m.name + "-ns"); ok && plottable(v) {
				sp.at = append(sp.at, v)
				cells = append(cells, num(nanoseconds(v)))
			}
		}
		if len(sp.at) < len(marks) {
			s.missing(row.name)
			continue
		}
		spans = append(spans, sp)
		t.add(cells...)
	}
	if len(spans) == 0 {
		return s, nil
	}
	fig, err := spanChart("latency percentiles", scale{title: "time, log scale", log: true, format: nanoseconds}, marks, spans)
	if err != nil {
		return s, fmt.Errorf("latency: %w", err)
	}
	fig.Caption = "Percentiles of the time to go on; further left is better."
	s.Figures = append(s.Figures, fig)
	s.Tables = append(s.Tables, t)
	return s, nil
}
