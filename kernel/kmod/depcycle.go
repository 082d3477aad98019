package kmod

import (
	"slices"
	"strings"
)

// vertex is a module on a path through the dependencies.
type vertex struct {
	module *depModule
	parent *vertex
}

// reportCycles logs one line for each cycle, and how many modules are in one. users counts, by
// module, the users that the topological sort could not take away.
func (d *Depmod) reportCycles(users []int) {
	var roots []*depModule
	for i, m := range d.modules {
		if users[i] > 0 {
			roots = append(roots, m)
		}
	}
	inLoop := map[string]bool{}
	for len(roots) > 0 {
		roots = d.cyclesFrom(roots[0], roots[1:], inLoop)
	}
	d.logf(PrioErr, "Found %d modules in dependency cycles!", len(inLoop))
}

// cyclesFrom looks for paths from root back to it and gives the roots that are left.
func (d *Depmod) cyclesFrom(root *depModule, roots []*depModule, inLoop map[string]bool) []*depModule {
	drop := func(m *depModule) {
		if i := slices.Index(roots, m); i >= 0 {
			roots = slices.Delete(roots, i, i+1)
		}
	}
	expanded := map[*depModule]bool{}
	stack := []*vertex{{module: root}}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		m := v.module
		if m.visited && m == root {
			names := []string{m.name}
			for p := v.parent; p != nil; p = p.parent {
				names = append(names, p.module.name)
				inLoop[p.module.name] = true
				drop(p.module)
			}
			slices.Reverse(names)
			d.logf(PrioErr, "Cycle detected: %s", strings.Join(names, " -> "))
			continue
		}
		m.visited = true
		if len(m.deps) == 0 {
			drop(m)
			continue
		}
		if expanded[m] { // another path to it leads no further
			continue
		}
		expanded[m] = true
		for _, dep := range m.deps {
			stack = append(stack, &vertex{dep, v})
		}
	}
	return roots
}
