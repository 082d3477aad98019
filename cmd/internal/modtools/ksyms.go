package modtools

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/kobench/kobench/kernel/kmod"
)

// Ksyms prints the symbols that loaded modules export, as modules-2.0.0 did. -a adds the kernel's
// own, -m each module's address and size, -h leaves the header out. The status of bad usage is 2.
func Ksyms(env *Env, args []string) int {
	t := newTool(env, kmod.PrioWarning)
	g := t.options("ahm", nil, args)
	all, header, memory := false, true, false
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		switch opt {
		case 'a':
			all = true
		case 'h':
			header = false
		case 'm':
			memory = true
		default:
			return t.ksymsUsage()
		}
	}
	if len(g.operands) > 0 {
		return t.ksymsUsage()
	}
	data, err := t.System.ReadFile("/proc/kallsyms")
	if err != nil {
		t.errorf("could not open /proc/kallsyms: %s", text(err))
		return failure
	}
	loaded, err := t.System.ReadFile("/proc/modules")
	if err != nil {
		t.errorf("could not open /proc/modules: %s", text(err))
		return failure
	}
	w := bufio.NewWriter(t.Stdout)
	defer w.Flush()
	if header {
		w.WriteString("Address          Symbol    \tDefined by\n")
	}
	exports := exportedSymbols(string(data))
	for line := range strings.Lines(string(loaded)) {
		fields := strings.Fields(line) // name size refcount users state address
		if len(fields) < 6 {
			continue
		}
		name := fields[0]
		if memory {
			size, _ := strconv.ParseUint(fields[1], 10, 64)
			addr, _ := strconv.ParseUint(strings.TrimPrefix(fields[5], "0x"), 16, 64)
			fmt.Fprintf(w, "%016x --- (%dk) ---\t[%s]\n", addr, (size+1023)/1024, name)
		}
		for _, s := range exports[name] {
			fmt.Fprintf(w, "%016x %s\t[%s]\n", s.addr, s.name, name)
		}
	}
	if all {
		for _, s := range exports[""] {
			fmt.Fprintf(w, "%016x %s\n", s.addr, s.name)
		}
	}
	return success
}

func (t *tool) ksymsUsage() int {
	fmt.Fprintf(t.Stderr, "Usage: %s [-a] [-h]\n", t.name)
	return 2
}

type kallsym struct {
	addr uint64
	kind byte
	name string
}

// exportedSymbols sorts the lines of /proc/kallsyms by module ("" is the kernel) and keeps those
// that are exported: there is a __ksymtab_ symbol of the same module for them. A module without
// any such symbol exports nothing.
func exportedSymbols(kallsyms string) map[string][]kallsym {
	defined := map[string][]kallsym{}
	exported := map[string]map[string]bool{}
	for line := range strings.Lines(kallsyms) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		module := ""
		if len(f) > 3 {
			module = strings.Trim(f[3], "[]")
		}
		if name, ok := strings.CutPrefix(f[2], "__ksymtab_"); ok {
			if exported[module] == nil {
				exported[module] = map[string]bool{}
			}
			exported[module][name] = true
			continue
		}
		addr, err := strconv.ParseUint(f[0], 16, 64)
		if err == nil && len(f[1]) == 1 {
			defined[module] = append(defined[module], kallsym{addr, f[1][0], f[2]})
		}
	}
	out := map[string][]kallsym{}
	for module, syms := range defined {
		for _, s := range syms {
			if exported[module][s.name] {
				out[module] = append(out[module], s)
			}
		}
	}
	return out
}
