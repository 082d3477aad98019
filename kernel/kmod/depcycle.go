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

// maxVertices bounds how many paths are looked at from one root: there can be exponentially many.
const maxVertices = 10000

// cyclesFrom looks for paths from root back to it and gives the roots that are left, in the order
// in which kmod 30 goes on: its list begins behind what was taken out last ([kmod]
// kmod_list_remove_data). Where kmod would never end, since a path leads into a cycle without the
// root, the path ends here.
func (d *Depmod) cyclesFrom(root *depModule, roots []*depModule, inLoop map[string]bool) []*depModule {
	drop := func(m *depModule) {
		if i := slices.Index(roots, m); i >= 0 {
			roots = slices.Concat(roots[i+1:], roots[:i])
		}
	}
	stack := []*vertex{{module: root}}
	for looked := 0; len(stack) > 0 && looked < maxVertices; looked++ {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		m := v.module
		if m.visited && m == root {
			var path []*depModule
			for p := v.parent; p != nil; p = p.parent {
				path = append(path, p.module)
			}
			slices.Reverse(path)
			var line strings.Builder
			for _, p := range path {
				line.WriteString(p.name + " -> ")
				inLoop[p.name] = true
				drop(p)
			}
			d.logf(PrioErr, "Cycle detected: %s%s", line.String(), m.name)
			continue
		}
		m.visited = true
		if len(m.deps) == 0 {
			drop(m)
			continue
		}
		for _, dep := range m.deps {
			if dep == root || !v.leadsFrom(dep) {
				stack = append(stack, &vertex{dep, v})
			}
		}
	}
	return roots
}

// leadsFrom reports whether the path to v goes through m.
func (v *vertex) leadsFrom(m *depModule) bool {
	for p := v; p != nil; p = p.parent {
		if p.module == m {
			return true
		}
	}
	return false
}
