package kernel

import (
	"fmt"
	"strings"
)

// DevEntry is one row of the dispatch tables: where an operation on a range of device numbers
// leads.
type DevEntry struct {
	Major    uint32 `json:"major"`
	First    uint32 `json:"first"` // minor
	Count    uint32 `json:"count"`
	Name     string `json:"name"` // as registered
	Op       string `json:"op"`
	Module   string `json:"module"`   // "" is the base kernel
	Function string `json:"function"` // or the default in parentheses
	Default  bool   `json:"default"`
}

// DevTable is the table of one operation, by major: the dev_func_i_table of the handout.
type DevTable struct {
	Op      string     `json:"op"`
	Entries []DevEntry `json:"entries"`
}

// DevTables are the dispatch tables, one for each operation, as register_chrdev and cdev_add have
// filled them.
func (k *Kernel) DevTables() []DevTable {
	cd := &k.chrdevs
	cd.mu.RLock()
	defer cd.mu.RUnlock()
	tables := make([]DevTable, len(dispatchOps))
	for i, op := range dispatchOps {
		tables[i].Op = op
		for major, t := range cd.majors {
			if t == nil {
				continue
			}
			for _, c := range t.cdevs {
				e := DevEntry{Major: uint32(major), First: c.dev.Minor(), Count: c.count, Name: t.nameOf(c), Op: op}
				if c.Ops.Owner != nil {
					e.Module = c.Ops.Owner.Name
				}
				if e.Function = c.Ops.symbolOf(op); e.Function == "" {
					e.Function, e.Default = defaultOf(op), true
				}
				tables[i].Entries = append(tables[i].Entries, e)
			}
		}
	}
	return tables
}

// nameOf is the name of the region that a cdev lies in.
func (t *majorTable) nameOf(c *Cdev) string {
	for _, r := range t.regions {
		if c.dev.Minor() >= r.first && c.dev.Minor()-r.first < r.count {
			return r.name
		}
	}
	return "?"
}

// devtabText is /proc/devtab.
func (k *Kernel) devtabText(*Task) (string, error) {
	var b strings.Builder
	for i, t := range k.DevTables() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "dev_%s_table\n", t.Op)
		fmt.Fprintf(&b, "  %5s  %-9s %-12s %-16s %s\n", "major", "minors", "device", "module", "function")
		for _, e := range t.Entries {
			module := e.Module
			if module == "" {
				module = "-"
			}
			fmt.Fprintf(&b, "  %5d  %-9s %-12s %-16s %s\n", e.Major, minors(e.First, e.Count), e.Name, module, e.Function)
		}
	}
	return b.String(), nil
}

func minors(first, count uint32) string {
	if count == 1 {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d-%d", first, first+count-1)
}
