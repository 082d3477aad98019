package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// head is the top of the page: what ran where, and how long.
type head struct {
	Commit string
	Facts  []fact
}

type fact struct{ Name, Value string }

func (r *Run) head() head {
	h := head{Commit: r.Get("commit")}
	add := func(name, value string) {
		if value != "" {
			h.Facts = append(h.Facts, fact{name, value})
		}
	}
	named := func(name, key string) { add(name, cmp.Or(r.Get(key), "the text has no line "+key+":")) }
	named("processor", "cpu")
	add("processors used", r.procs())
	add("system", strings.Trim(r.Get("goos")+"/"+r.Get("goarch"), "/"))
	named("commit", "commit")
	named("date", "date")
	add("time each", r.Get("benchtime"))
	add("measured", r.measured())
	add("load before", r.loadBefore())
	shown := []string{"cpu", "goos", "goarch", "commit", "date", "benchtime", "load-before"}
	for _, c := range r.Config {
		if !slices.Contains(shown, c.Key) {
			add(c.Key, strings.Join(c.Values, ", "))
		}
	}
	return h
}

// loadBefore is what ran beside the benchmarks, with a word where that was much.
func (r *Run) loadBefore() string {
	text := r.Get("load-before")
	var load float64
	if _, err := fmt.Sscan(text, &load); err != nil || load < busyLoad {
		return text
	}
	return text + ": the machine was busy, trust ratios more than times"
}

// busyLoad is a load average at which other programs are seen in the figures.
const busyLoad = 0.5

// procs is GOMAXPROCS of the results, as their names say it.
func (r *Run) procs() string {
	var all []int
	for _, res := range r.Results {
		if !slices.Contains(all, res.Procs) {
			all = append(all, res.Procs)
		}
	}
	slices.Sort(all)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ", "), "[]")
}

// measured says how often each benchmark ran and how long they measured together.
func (r *Run) measured() string {
	var ns float64
	least, most := r.Results[0].Lines, 0
	for _, res := range r.Results {
		least, most = min(least, res.Lines), max(most, res.Lines)
		if v, ok := res.Value("ns/op"); ok {
			ns += v * float64(res.Iters)
		}
	}
	often := fmt.Sprint(least)
	if most != least {
		often += " to " + fmt.Sprint(most)
	}
	text := fmt.Sprintf("%d benchmarks, each %s×", len(r.Results), often)
	if ns >= 1e8 && ns < 1e18 {
		text += fmt.Sprintf(", %v in all", time.Duration(ns).Round(100*time.Millisecond))
	}
	return text
}
