package kmod

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// LoadSymvers takes the kernel's own symbols and checksums from a Module.symvers file:
// "0xb352177e<TAB>find_first_bit<TAB>vmlinux<TAB>EXPORT_SYMBOL".
func (d *Depmod) LoadSymvers(data []byte, name string) {
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		w := words{line}
		version, _ := w.next()
		symbol, _ := w.next()
		where, ok := w.next()
		if !ok || where != "vmlinux" {
			continue
		}
		crc, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(version), "0x"), 16, 64)
		if err != nil {
			d.logf(PrioErr, "%s:%d Invalid symbol version %s", name, number, version)
			continue
		}
		d.addSymbol(symbol, crc, nil)
	}
	d.addFakeSymbols()
}

// LoadSystemMap takes the kernel's own symbols from a System.map or /proc/kallsyms:
// "c0294200 R __ksymtab_devfs_alloc_devnum".
func (d *Depmod) LoadSystemMap(data []byte, name string) {
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		_, rest, ok1 := strings.Cut(line, " ")
		_, symbol, ok2 := strings.Cut(rest, " ")
		if !ok1 || !ok2 {
			d.logf(PrioErr, "%s:%d: invalid line: %s", name, number, line)
			continue
		}
		if d.opt.SymbolPrefix != 0 && symbol != "" && symbol[0] == d.opt.SymbolPrefix {
			symbol = symbol[1:]
		}
		if symbol, ok := strings.CutPrefix(strings.TrimSuffix(symbol, "\n"), "__ksymtab_"); ok {
			d.symbols[symbol] = &depSymbol{name: symbol}
		}
	}
	d.addFakeSymbols()
}

// addFakeSymbols adds what the kernel's loader makes up itself.
func (d *Depmod) addFakeSymbols() {
	for _, name := range [...]string{"__this_module", "_GLOBAL_OFFSET_TABLE_"} {
		d.symbols[name] = &depSymbol{name: name}
	}
	if d.symbol("TOC.") == nil { // PowerPC64 ABIv2
		d.symbols["TOC."] = &depSymbol{name: "TOC."}
	}
}

// UpToDate reports whether modules.dep is at least as new as every module of the tree, to the
// second.
//
// Errors: those of opening the tree or modules.dep.
func UpToDate(dir string) (bool, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return false, err
	}
	st, err := os.Stat(dir + "/modules.dep")
	if err != nil {
		return false, err
	}
	return upToDateDir(dir, st.ModTime().Truncate(time.Second)), nil
}

func upToDateDir(dir string, mtime time.Time) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return true // errors are passed over
	}
	for _, e := range entries {
		if e.Name() == "build" || e.Name() == "source" {
			continue
		}
		path := dir + "/" + e.Name()
		st, err := os.Stat(path)
		switch {
		case err != nil:
		case st.IsDir():
			if !upToDateDir(path, mtime) {
				return false
			}
		case st.Mode().IsRegular() && IsModuleFile(e.Name()):
			if st.ModTime().Truncate(time.Second).After(mtime) {
				return false
			}
		}
	}
	return true
}
