package kmod

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel/uapi"
)

// depFile is one file that depmod writes.
type depFile struct {
	name  string
	text  bool // also shown by -n
	write func(w *bufio.Writer) error
}

func (d *Depmod) files() []depFile {
	return []depFile{
		{"modules.dep", true, d.writeDeps},
		{"modules.dep.bin", false, d.writeDepsBin},
		{"modules.alias", true, d.writeAliases},
		{"modules.alias.bin", false, d.writeAliasesBin},
		{"modules.softdep", true, d.writeSoftdeps},
		{"modules.symbols", true, d.writeSymbols},
		{"modules.symbols.bin", false, d.writeSymbolsBin},
		{"modules.builtin.bin", false, d.writeBuiltinBin},
		{"modules.builtin.alias.bin", false, d.writeBuiltinAliasBin},
		{"modules.devname", true, d.writeDevname},
	}
}

// Show writes the text files to w, one after the other, and changes nothing.
func (d *Depmod) Show(w io.Writer) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	for _, f := range d.files() {
		if f.text {
			if err := f.write(bw); err != nil {
				return err
			}
		}
	}
	return bw.Flush()
}

// Write writes the files into the tree. All are written under temporary names first; only when
// every byte is on the disk do they take the places of the old ones, so that a full disk leaves
// the tree as it was.
//
// Errors: those of the files, ENOSPC among them; the temporary files are gone then.
func (d *Depmod) Write() (err error) {
	now := time.Now()
	suffix := fmt.Sprintf(".%d.%d.%d", os.Getpid(), now.Nanosecond()/1000, now.Unix())
	files := d.files()
	written := 0
	defer func() {
		for _, f := range files[:written] {
			if rerr := os.Remove(d.dir + "/" + f.name + suffix); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
	}()
	for _, f := range files {
		written++
		if err := d.writeFile(d.dir+"/"+f.name+suffix, f.write); err != nil {
			d.logf(PrioErr, "Could not create index '%s': %s", f.name, uapi.ErrnoOf(err).Error())
			return err
		}
	}
	for _, f := range files {
		if err := os.Rename(d.dir+"/"+f.name+suffix, d.dir+"/"+f.name); err != nil {
			d.logf(PrioCrit, "could not rename %s%s to %s in %s: %s", f.name, suffix, f.name, d.dir, uapi.ErrnoOf(err).Error())
			return err
		}
	}
	return nil
}

func (d *Depmod) writeFile(path string, write func(*bufio.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	return errors.Join(err, f.Close())
}

// depLine is a module's line of modules.dep.
func (d *Depmod) depLine(line []byte, m *depModule, seen []int, deps []*depModule) ([]byte, []*depModule) {
	line = append(append(line[:0], m.rel...), ':')
	deps = d.allDeps(m, seen, m.index+1, deps[:0])
	for _, dep := range deps {
		line = append(append(line, ' '), dep.rel...)
	}
	return line, deps
}

func (d *Depmod) writeDeps(w *bufio.Writer) error {
	seen := make([]int, len(d.modules))
	var line []byte
	var deps []*depModule
	for _, m := range d.modules {
		line, deps = d.depLine(line, m, seen, deps)
		w.Write(line)
		w.WriteByte('\n')
	}
	return nil // a bufio.Writer keeps its error for Flush
}

func (d *Depmod) writeDepsBin(w *bufio.Writer) error {
	var x IndexBuilder
	seen := make([]int, len(d.modules))
	var line []byte
	var deps []*depModule
	for _, m := range d.modules {
		line, deps = d.depLine(line, m, seen, deps)
		if err := d.insert(&x, m.name, string(line), m.index, "deps", string(line)); err != nil {
			return err
		}
	}
	_, err := x.WriteTo(w)
	return err
}

// insert adds to an index and warns of a duplicate where that is wanted.
func (d *Depmod) insert(x *IndexBuilder, key, value string, priority int, what, shown string) error {
	dup, err := x.Insert(key, value, uint32(priority))
	if err != nil {
		d.logf(PrioCrit, "%v", err)
		return err
	}
	if dup && d.opt.WarnDups {
		d.logf(PrioWarning, "duplicate module %s:\n%s", what, shown)
	}
	return nil
}

func (d *Depmod) eachField(key string, f func(m *depModule, value string) error) error {
	for _, m := range d.modules {
		for _, kv := range m.info {
			if kv.Key == key {
				if err := f(m, kv.Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *Depmod) writeAliases(w *bufio.Writer) error {
	w.WriteString("# Aliases extracted from modules themselves.\n")
	return d.eachField("alias", func(m *depModule, value string) error {
		w.WriteString("alias ")
		w.WriteString(value)
		w.WriteByte(' ')
		w.WriteString(m.name)
		return w.WriteByte('\n')
	})
}

func (d *Depmod) writeAliasesBin(w *bufio.Writer) error {
	var x IndexBuilder
	err := d.eachField("alias", func(m *depModule, value string) error {
		alias, ok := NormalizeAlias(value)
		if !ok {
			d.logf(PrioWarning, "Unmatched bracket in %s", value)
			return nil
		}
		return d.insert(&x, alias, m.name, m.index, "alias", alias+" "+m.name)
	})
	if err == nil {
		_, err = x.WriteTo(w)
	}
	return err
}

func (d *Depmod) writeSoftdeps(w *bufio.Writer) error {
	w.WriteString("# Soft dependencies extracted from modules themselves.\n")
	return d.eachField("softdep", func(m *depModule, value string) error {
		_, err := fmt.Fprintf(w, "softdep %s %s\n", m.name, value)
		return err
	})
}

// exported lists the modules' symbols in the order of kmod's table.
func (d *Depmod) exported() []*depSymbol {
	if d.sorted == nil {
		d.sorted = make([]*depSymbol, 0, len(d.symbols))
		for _, s := range d.symbols {
			if s.owner != nil {
				d.sorted = append(d.sorted, s)
			}
		}
		sortByBucket(d.sorted, 2048, func(s *depSymbol) string { return s.name })
	}
	return d.sorted
}

func (d *Depmod) writeSymbols(w *bufio.Writer) error {
	w.WriteString("# Aliases for symbols, used by symbol_request().\n")
	for _, s := range d.exported() {
		w.WriteString("alias symbol:")
		w.WriteString(s.name)
		w.WriteByte(' ')
		w.WriteString(s.owner.name)
		w.WriteByte('\n')
	}
	return nil
}

func (d *Depmod) writeSymbolsBin(w *bufio.Writer) error {
	var x IndexBuilder
	for _, s := range d.exported() {
		if err := d.insert(&x, "symbol:"+s.name, s.owner.name, s.owner.index, "syms", "symbol:"+s.name+" "+s.owner.name); err != nil {
			return err
		}
	}
	_, err := x.WriteTo(w)
	return err
}

// writeBuiltinBin indexes modules.builtin; without that list the file is empty.
func (d *Depmod) writeBuiltinBin(w *bufio.Writer) error {
	data, ok := d.treeFile("modules.builtin")
	if !ok {
		return nil
	}
	var x IndexBuilder
	for line := range strings.Lines(string(data)) {
		if c := line[0] | 0x20; c < 'a' || c > 'z' {
			d.logf(PrioErr, "Invalid modules.builtin line: %s", line)
			continue
		}
		if _, err := x.Insert(ModuleName(line), "", 0); err != nil {
			d.logf(PrioCrit, "%v", err)
			return err
		}
	}
	_, err := x.WriteTo(w)
	return err
}

// writeBuiltinAliasBin indexes the aliases in modules.builtin.modinfo, "module.key=value" each.
func (d *Depmod) writeBuiltinAliasBin(w *bufio.Writer) error {
	data, ok := d.treeFile("modules.builtin.modinfo")
	if !ok {
		return nil
	}
	var x IndexBuilder
	data = data[:bytes.LastIndexByte(data, 0)+1]
	for entry := range strings.SplitSeq(string(data), "\x00") {
		module, rest, _ := strings.Cut(entry, ".")
		value, ok := strings.CutPrefix(rest, "alias=")
		if !ok || module == "" || value == "" {
			continue
		}
		alias, ok := NormalizeAlias(value)
		if !ok {
			d.logf(PrioWarning, "Unmatched bracket in %s", value)
			continue
		}
		if _, err := x.Insert(alias, module, 0); err != nil {
			d.logf(PrioCrit, "%v", err)
			return err
		}
	}
	_, err := x.WriteTo(w)
	return err
}

// writeDevname lists the modules that want a static device node; empty if there is none.
func (d *Depmod) writeDevname(w *bufio.Writer) error {
	empty := true
	for _, m := range d.modules {
		devname, node := "", ""
		for _, kv := range m.info {
			if kv.Key != "alias" {
				continue
			}
			if name, ok := strings.CutPrefix(kv.Value, "devname:"); ok {
				devname = name
			} else if n, ok := deviceNumber(kv.Value); ok {
				node = n
			}
			if devname != "" && node != "" {
				break
			}
		}
		switch {
		case devname == "":
		case node == "":
			d.logf(PrioErr, "Module '%s' has devname (%s) but lacks major and minor information. Ignoring.", m.name, devname)
		default:
			if empty {
				w.WriteString("# Device nodes to trigger on-demand module loading.\n")
				empty = false
			}
			fmt.Fprintf(w, "%s %s %s\n", m.name, devname, node)
		}
	}
	return nil
}

// deviceNumber turns "char-major-10-200" into "c10:200"; a pattern for all minors is none.
func deviceNumber(alias string) (string, bool) {
	kind := "c"
	rest, ok := strings.CutPrefix(alias, "char-major-")
	if !ok {
		kind = "b"
		if rest, ok = strings.CutPrefix(alias, "block-major-"); !ok {
			return "", false
		}
	}
	major, rest, ok := scanNumber(rest)
	if !ok || !strings.HasPrefix(rest, "-") {
		return "", false
	}
	minor, _, ok := scanNumber(rest[1:])
	return kind + major + ":" + minor, ok
}

// scanNumber reads the unsigned number that s begins with.
func scanNumber(s string) (number, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseUint(s[:i], 10, 32)
	return strconv.FormatUint(n, 10), s[i:], err == nil
}
