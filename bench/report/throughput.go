package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A path is a way that bytes take. The host's have the colour of ours that they stand beside.
type path struct {
	key, name string
	role      role
	mark      mark
	host      bool
}

// paths are the ones of a direction, in the order of the page.
func paths(direction string) []path {
	sink := "zero"
	if direction == "write" {
		sink = "null"
	}
	return []path{
		{"copy", "Go's copy", roleInk, markGem, false},
		{sink, "/dev/" + sink, role1, markDisc, false},
		{"loopback", "loop-back", role3, markTriangle, false},
		{"c", "C driver", role2, markSquare, false},
		{"c-pipe", "pipe in C", role2, markTriangle, false},
		{"uart", "tty + UART", role4, markDiamond, false},
		{"usb", "USB bulk", role5, markPyramid, false},
		{"usbip", "USB/IP", role6, markGem, false},
		{"pty", "pty door", role7, markBox, false},
		{"host-" + sink, "host /dev/" + sink, role1, markRing, true},
		{"host-pipe", "host pipe", role3, markRing, true},
		{"host-pty", "host pty", role7, markRing, true},
	}
}

// carried are the points of each path of one direction: MB/s against bytes a call. Paths that we do
// not know come last. Those of ours that the text does not have are absent.
func (r *Run) carried(direction string) (all []series, absent []string) {
	found := map[string][]point{}
	var order []string
	for _, res := range r.Results {
		parts := strings.Split(res.Name, "/")
		if len(parts) != 4 || parts[0] != "Throughput" || parts[1] != direction || r.Lookup(res.Name) != res {
			continue
		}
		size, err := strconv.ParseUint(parts[3], 10, 48)
		if err != nil || size == 0 || strconv.FormatUint(size, 10) != parts[3] {
			continue
		}
		rate, ok := res.Value("MB/s")
		if !ok {
			if ns, timed := r.time(res.Name); timed {
				rate = float64(size) * 1000 / ns
			}
		}
		if !plottable(rate) {
			continue
		}
		if found[parts[2]] == nil {
			order = append(order, parts[2])
		}
		found[parts[2]] = append(found[parts[2]], point{float64(size), rate})
	}
	add := func(p path) {
		points := found[p.key]
		slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
		all = append(all, series{name: p.name, points: points, role: p.role, mark: p.mark, dashed: p.host})
		delete(found, p.key)
	}
	for _, p := range paths(direction) {
		if found[p.key] != nil {
			add(p)
		} else if len(order) > 0 {
			absent = append(absent, "Throughput/"+direction+"/"+p.key)
		}
	}
	for i, key := range order {
		if found[key] != nil {
			add(path{key: key, name: key, role: roleBase, mark: markDisc + mark(i)%(markCount-markDisc)})
		}
	}
	return all, absent
}

// throughput is what each path carries, for each size of a call.
func throughput(r *Run) (section, error) {
	s := section{
		ID: "throughput", Title: "Throughput over size",
		Lead: "Bytes a second through each path against the bytes of one call, both on log scales. Dashed lines are the host's own devices, in the colour of ours that they stand beside. What discards a write, as /dev/null does, touches no byte: its rate is only that of the call.",
	}
	for _, direction := range []string{"read", "write"} {
		all, absent := r.carried(direction)
		s.Missing = append(s.Missing, absent...)
		if len(all) == 0 {
			s.missing("Throughput/" + direction + "/…")
			continue
		}
		sizes := ticksOf(all)
		x := scale{title: "bytes a call", log: true, format: bytesOf, ticks: sizes}
		fig, err := lineChart(direction+": bytes a second against bytes a call", x, scale{log: true, format: megabytes}, all)
		if err != nil {
			return s, fmt.Errorf("throughput: %w", err)
		}
		fig.Caption = "Throughput of " + direction + "; higher is better."
		s.Figures = append(s.Figures, fig)
		s.Tables = append(s.Tables, rates(direction, sizes, all))
	}
	return s, nil
}

func rates(direction string, sizes []float64, all []series) table {
	t := table{Caption: direction + ", bytes a call", Head: []cell{name("path")}}
	for _, size := range sizes {
		t.Head = append(t.Head, num(bytesOf(size)))
	}
	for _, line := range all {
		row := []cell{name(line.name)}
		for _, size := range sizes {
			text := "–"
			if i := slices.IndexFunc(line.points, func(p point) bool { return p.x == size }); i >= 0 {
				text = megabytes(line.points[i].y)
			}
			row = append(row, num(text))
		}
		t.add(row...)
	}
	return t
}
