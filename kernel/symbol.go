package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// kernelSymbol finds an export of the base kernel.
func (k *Kernel) kernelSymbol(name string) *Symbol {
	k.modules.symOnce.Do(k.loadSymbols)
	return k.modules.syms[name]
}

func (k *Kernel) kernelSymbolLocked(name string) *Symbol { return k.kernelSymbol(name) }

// loadSymbols collects what the formats export, at the first need.
func (k *Kernel) loadSymbols() {
	k.modules.syms = make(map[string]*Symbol)
	for _, f := range k.formats {
		syms := f.Symbols()
		for i := range syms {
			k.modules.syms[syms[i].Name] = &syms[i]
		}
	}
}

// KernelSymbols are the exports of the base kernel, by name.
func (k *Kernel) KernelSymbols() []Symbol {
	k.modules.symOnce.Do(k.loadSymbols)
	all := make([]Symbol, 0, len(k.modules.syms))
	for _, s := range k.modules.syms {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Symbol) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// kallsymsText is /proc/kallsyms: the base kernel's exports, then each module's symbols. Who is not
// root sees no addresses.
func (k *Kernel) kallsymsText(t *Task) (string, error) {
	var b strings.Builder
	line := func(s Symbol, owner string) {
		addr := s.Addr
		if t != nil && !t.Capable() {
			addr = 0
		}
		c := s.Type
		if c == 0 {
			c = 'T'
		}
		fmt.Fprintf(&b, "%016x %c %s", addr, c, s.Name)
		if owner != "" {
			b.WriteString("\t[" + owner + "]")
		}
		b.WriteByte('\n')
	}
	exported := func(s Symbol, owner string) { // EXPORT_SYMBOL leaves an entry and its name behind
		line(Symbol{Name: "__kstrtab_" + s.Name, Type: 'r', Addr: s.Addr}, owner)
		line(Symbol{Name: "__ksymtab_" + s.Name, Type: 'r', Addr: s.Addr}, owner)
	}
	for _, s := range k.KernelSymbols() {
		line(s, "")
		exported(s, "")
	}
	for _, m := range k.Modules() {
		seen := make(map[string]bool)
		for _, s := range m.Symtab {
			seen[s.Name] = true
			if s.Type >= 'a' && slices.ContainsFunc(m.Exports, func(e Symbol) bool { return e.Name == s.Name && !e.GPL }) {
				// kernel/module/kallsyms.c module_get_kallsym looks at the symbols for all licences
				// only
				s.Type -= 'a' - 'A'
			}
			line(s, m.Name)
		}
		for _, s := range m.Exports {
			if !seen[s.Name] {
				line(s, m.Name)
			}
			exported(s, m.Name)
		}
	}
	return b.String(), nil
}

// ksymsText is /proc/ksyms of the 2.4 kernels, which ksyms(8) reads: exported symbols only.
func (k *Kernel) ksymsText(*Task) (string, error) {
	var b strings.Builder
	for _, m := range k.Modules() {
		for _, s := range m.Exports {
			fmt.Fprintf(&b, "%016x %s\t[%s]\n", s.Addr, s.Name, m.Name)
		}
	}
	for _, s := range k.KernelSymbols() {
		fmt.Fprintf(&b, "%016x %s\n", s.Addr, s.Name)
	}
	return b.String(), nil
}
