package report

import "fmt"

// host is how our calls compare with the same calls of the kernel below.
func host(r *Run) (section, error) {
	s := section{
		ID: "host", Title: "Beside the host's kernel",
		Lead: "The host's time for a call divided by ours, both by descriptor: 10× means that ours takes a tenth of the host's time. The C driver runs as a module, the host's calls are real system calls.",
	}
	t := table{Caption: "Go and C: the drivers; ratio: the host's time to theirs", Head: []cell{name("call"), num("host"), num("Go"), num("ratio"), num("C"), num("ratio")}}
	var bars []bar
	for _, op := range []struct{ label, name string }{
		{"read", "read/1"}, {"write", "write/1"}, {"ioctl", "ioctl"}, {"poll", "poll"}, {"lseek", "lseek"}, {"open + close", "open+close"},
	} {
		below, ok := r.time("Host/" + op.name)
		if !ok {
			s.missing("Host/" + op.name)
			continue
		}
		row := []cell{name(op.label), num(nanoseconds(below))}
		for _, kind := range []struct {
			key, label string
			role       role
		}{{"go", "Go", role1}, {"c", "C", role2}} {
			ns, ok := r.time("Dispatch/" + kind.key + "/" + op.name)
			if !ok || !plottable(below/ns) {
				s.missing("Dispatch/" + kind.key + "/" + op.name)
				row = append(row, num("–"), num("–"))
				continue
			}
			row = append(row, num(nanoseconds(ns)), num(times(below/ns)))
			bars = append(bars, bar{op.label + ", " + kind.label, below / ns, kind.role})
		}
		t.add(row...)
	}
	if len(bars) == 0 {
		return s, nil
	}
	svg, err := barChart("ratio to the host", scale{title: "host's time over ours, log scale", log: true, format: times}, 1, bars)
	if err != nil {
		return s, fmt.Errorf("host: %w", err)
	}
	s.Figures = append(s.Figures, figure{SVG: svg, Caption: "Right of the dashed line ours is faster than the host, left of it slower."})
	s.Tables = append(s.Tables, t)
	return s, nil
}
