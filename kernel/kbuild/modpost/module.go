package modpost

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel/ko/object"
)

// module is one module that is built now.
type module struct {
	path      string // without .o or .ko
	exports   []*export
	undefined []undefined
	info      map[string][]string
	init      bool
	exit      bool
}

type undefined struct {
	name string
	weak bool
}

// gplCompatible are the licences that may use GPL-only symbols, from include/linux/license.h.
var gplCompatible = []string{
	"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL",
}

func (p *post) readModule(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("modpost: %w", err)
	}
	o, err := object.Parse(b)
	if err != nil {
		return fmt.Errorf("modpost: %s: %w; is CC clang and LD wasm-ld?", path, err)
	}
	m := &module{path: strings.TrimSuffix(path, ".o"), info: map[string][]string{}}
	for _, kv := range object.Modinfo(o) {
		m.info[kv.Key] = append(m.info[kv.Key], kv.Value)
	}
	if len(m.info["license"]) == 0 {
		p.log(!p.strict, "missing MODULE_LICENSE() in %s", path)
	}
	for i := range o.Symbols {
		s := &o.Symbols[i]
		if s.Kind != object.SymFunc && s.Kind != object.SymData {
			continue
		}
		switch {
		case s.Defined() && s.Name == "init_module":
			m.init = true
		case s.Defined() && s.Name == "cleanup_module":
			m.exit = true
		}
	}
	for _, s := range o.Undefined() {
		if s.Name != "__this_module" && (s.Kind == object.SymFunc || s.Kind == object.SymData) {
			m.undefined = append(m.undefined, undefined{s.Name, s.Weak()})
		}
	}
	for i, seg := range o.Segments {
		name, gpl, ok := exportSegment(seg.Name)
		if !ok {
			continue
		}
		e := &export{name: name, module: m.path, gpl: gpl, local: true, namespace: exportNamespace(o, i)}
		p.addExport(m, e)
	}
	p.modules = append(p.modules, m)
	return nil
}

// exportSegment takes the symbol's name out of "___ksymtab+NAME" or "___ksymtab_gpl+NAME".
func exportSegment(segment string) (name string, gpl, ok bool) {
	if name, ok = strings.CutPrefix(segment, "___ksymtab+"); ok {
		return name, false, true
	}
	name, ok = strings.CutPrefix(segment, "___ksymtab_gpl+")
	return name, true, ok
}

// exportNamespace reads __kstrtabns_NAME.
func exportNamespace(o *object.Object, segment int) string {
	for _, s := range o.Symbols {
		if s.Kind != object.SymData || !s.Defined() || !strings.HasPrefix(s.Name, "__kstrtabns_") {
			continue
		}
		if name, _, _ := exportSegment(o.Segments[segment].Name); s.Name == "__kstrtabns_"+name {
			data := o.Segments[s.Segment].Data
			if int(s.Offset) <= len(data) {
				text, _, _ := bytes.Cut(data[s.Offset:], []byte{0})
				return string(text)
			}
		}
	}
	return ""
}

func (p *post) addExport(m *module, e *export) {
	if old := p.symbols[e.name]; old != nil && (!p.external || old.module == "vmlinux" || old.module == m.path) {
		suffix := ".ko"
		if old.module == "vmlinux" {
			suffix = ""
		}
		p.log(false, "%s: '%s' exported twice. Previous export was in %s%s", m.path, e.name, old.module, suffix)
		return
	}
	m.exports = append(m.exports, e)
	p.symbols[e.name] = e
}

// check reports what m needs and cannot have.
func (p *post) check(m *module) {
	gplOK := len(m.info["license"]) > 0
	for _, l := range m.info["license"] {
		gplOK = gplOK && slices.Contains(gplCompatible, l)
	}
	for _, u := range m.undefined {
		e := p.symbols[u.name]
		if e == nil {
			if u.weak {
				continue
			}
			if p.unresolved++; p.unresolved <= maxReports {
				p.log(p.warn, "\"%s\" [%s.ko] undefined!", u.name, m.path)
			} else if !p.warn {
				p.failed = true
			}
			continue
		}
		if e.namespace != "" && !slices.Contains(m.info["import_ns"], e.namespace) {
			p.log(p.namespaces, "module %s uses symbol %s from namespace %s, but does not import it.", base(m.path), e.name, e.namespace)
		}
		if e.gpl && !gplOK {
			p.log(false, "GPL-incompatible module %s.ko uses GPL-only symbol '%s'", base(m.path), e.name)
		}
	}
}

// depends lists the modules whose symbols m uses, each once, in the order of first use.
func (p *post) depends(m *module) []string {
	var deps []string
	for _, u := range m.undefined {
		e := p.symbols[u.name]
		if e == nil || e.module == "vmlinux" || e.module == m.path {
			continue
		}
		if name := base(e.module); !slices.Contains(deps, name) {
			deps = append(deps, name)
		}
	}
	return deps
}

// writeModC writes NAME.mod.c: what the loader wants to know of the whole module. The order of the
// strings is the one in which modinfo shows those of a module that gcc built.
func (p *post) writeModC(m *module) error {
	var b bytes.Buffer
	b.WriteString("#include <linux/module.h>\n#include <linux/vermagic.h>\n#include <linux/export.h>\n\n")
	if len(m.info["version"]) > 0 {
		sum, err := sourceVersion(m.path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "MODULE_INFO(srcversion, \"%s\");\n", sum)
	}
	fmt.Fprintf(&b, "MODULE_INFO(depends, \"%s\");\n", strings.Join(p.depends(m), ","))
	b.WriteString("MODULE_INFO(name, KBUILD_MODNAME);\nMODULE_INFO(vermagic, VERMAGIC_STRING);\n\n")
	b.WriteString("__visible struct module __this_module\n__section(\".gnu.linkonce.this_module\") = {\n\t.name = KBUILD_MODNAME,\n")
	if m.init {
		b.WriteString("\t.init = init_module,\n")
	}
	if m.exit {
		b.WriteString("\t.exit = cleanup_module,\n")
	}
	b.WriteString("};\n")
	return writeIfChanged(m.path+".mod.c", b.Bytes(), false)
}

// sourceVersion is the checksum of the module's own sources: those that its objects' .d files name
// in the same folder as the object. 23 hexadecimal digits, as in Linux; the sum itself is SHA-256
// of the files' contents.
func sourceVersion(path string) (string, error) {
	objects := []string{path + ".o"}
	if text, err := os.ReadFile(path + ".mod"); err == nil {
		objects = strings.Fields(string(text))
	}
	sum := sha256.New()
	for _, o := range objects {
		for _, src := range sources(o) {
			data, err := os.ReadFile(src)
			if err != nil {
				return "", fmt.Errorf("modpost: srcversion of %s: %w", path, err)
			}
			fmt.Fprintf(sum, "%s %d\n", filepath.Base(src), len(data))
			sum.Write(data)
		}
	}
	return fmt.Sprintf("%X", sum.Sum(nil))[:23], nil
}

// sources lists the files that o was compiled from and that lie in its own folder.
func sources(o string) []string {
	dir, file := filepath.Split(o)
	text, err := os.ReadFile(filepath.Join(dir, "."+file+".d"))
	if err != nil {
		return nil
	}
	rule, _, _ := strings.Cut(strings.ReplaceAll(string(text), "\\\n", " "), "\n")
	_, prerequisites, _ := strings.Cut(rule, ":")
	var list []string
	for _, f := range strings.Fields(prerequisites) {
		if filepath.Clean(filepath.Dir(f)) == filepath.Clean(dir) && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}
