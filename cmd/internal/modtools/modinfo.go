package modtools

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Modinfo prints what module files say of themselves: modinfo [options] <modulename|filename>
// [args]
func Modinfo(env *Env, args []string) int {
	m := &modinfo{tool: newTool(env, kmod.PrioWarning), end: "\n"}
	g := m.options("adlpn0mF:k:b:Vh", []longOption{
		{"author", false, 'a'}, {"description", false, 'd'}, {"license", false, 'l'},
		{"parameters", false, 'p'}, {"filename", false, 'n'}, {"null", false, '0'},
		{"modname", false, 'm'}, {"field", true, 'F'}, {"set-version", true, 'k'},
		{"basedir", true, 'b'}, {"version", false, 'V'}, {"help", false, 'h'},
	}, args)
	release, root, byName := "", m.Root, false
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		switch opt {
		case 'a':
			m.setField("author")
		case 'd':
			m.setField("description")
		case 'l':
			m.setField("license")
		case 'p':
			m.setField("parm")
		case 'n':
			m.setField("filename")
		case '0':
			m.end = "\x00"
		case 'm':
			byName = true
		case 'F':
			m.setField(g.arg)
		case 'k':
			release = g.arg
		case 'b':
			root = g.arg
		case 'h':
			m.printf(modinfoHelp, m.name)
			return success
		case 'V':
			m.printf(version)
			return success
		default:
			return failure
		}
	}
	if len(g.operands) == 0 {
		m.errorf("missing module or filename.")
		return failure
	}
	m.ctx = kmod.NewContext(m.moduleDir(root, release), nil, m.System, m.library)
	m.out = bufio.NewWriter(m.Stdout)
	defer m.out.Flush()
	status := success
	for _, arg := range g.operands {
		ok := false
		switch {
		case byName:
			ok = m.byName(arg)
		case isModuleFile(arg):
			ok = m.byPath(arg)
		default:
			ok = m.byAlias(arg)
		}
		if !ok {
			status = failure
		}
	}
	return status
}

const modinfoHelp = `Usage:
	%s [options] <modulename|filename> [args]
Options:
	-a, --author                Print only 'author'
	-d, --description           Print only 'description'
	-l, --license               Print only 'license'
	-p, --parameters            Print only 'parm'
	-n, --filename              Print only 'filename'
	-0, --null                  Use \0 instead of \n
	-m, --modname               Handle argument as module name instead of alias or filename
	-F, --field=FIELD           Print only provided FIELD
	-k, --set-version=VERSION   Use VERSION instead of ` + "`uname -r`" + `
	-b, --basedir=DIR           Use DIR as filesystem root for /lib/modules
	-V, --version               Show version
	-h, --help                  Show this help
`

type modinfo struct {
	*tool
	ctx      *kmod.Context
	out      *bufio.Writer
	end      string // after each line
	field    string
	hasField bool
}

func (m *modinfo) setField(name string) { m.field, m.hasField = name, true }

// fail flushes what was printed, so that messages stand where they belong.
func (m *modinfo) fail(format string, args ...any) bool {
	m.out.Flush()
	m.errorf(format, args...)
	return false
}

func isModuleFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular() && kmod.IsModuleFile(name)
}

func (m *modinfo) byPath(path string) bool {
	mod, err := m.ctx.ByPath(path)
	if err != nil {
		return m.fail("Module file %s not found.", path)
	}
	return m.show(mod)
}

func (m *modinfo) byName(name string) bool {
	mod := m.ctx.LookupName(name)
	if mod == nil {
		return m.fail("Module name %s not found.", name)
	}
	return m.show(mod)
}

func (m *modinfo) byAlias(alias string) bool {
	list, err := m.ctx.Lookup(alias)
	if err != nil {
		return m.fail("Module alias %s not found.", alias)
	}
	if len(list) == 0 {
		return m.fail("Module %s not found.", alias)
	}
	ok := true
	for _, mod := range list {
		ok = m.show(mod) && ok
	}
	return ok
}

func (m *modinfo) show(mod *kmod.Module) bool {
	filename := mod.Path()
	builtin := filename == ""
	if builtin {
		filename = "(builtin)"
		if !m.hasField {
			fmt.Fprintf(m.out, "%-16s%s%s", "name:", mod.Name(), m.end)
		} else if m.field == "name" {
			m.out.WriteString(mod.Name() + m.end)
		}
	}
	if m.hasField && m.field == "filename" {
		m.out.WriteString(filename + m.end)
		return true
	}
	if !m.hasField {
		fmt.Fprintf(m.out, "%-16s%s%s", "filename:", filename, m.end)
	}
	fields, err := mod.Info()
	if err != nil {
		if builtin && kernel.ErrnoOf(err) == kernel.ENOENT {
			return true // an old kernel, without modules.builtin.modinfo
		}
		return m.fail("could not get modinfo from '%s': %s", mod.Name(), text(err))
	}
	if m.hasField && m.field != "parm" {
		for _, f := range fields {
			if f.Key == m.field {
				m.out.WriteString(f.Value + m.end)
			}
		}
		return true
	}
	m.showAll(fields)
	return true
}

// showAll prints every field, parameters last; only those with -p.
func (m *modinfo) showAll(fields []kmod.Field) {
	var params params
	for _, f := range fields {
		switch {
		case f.Key == "parm" || f.Key == "parmtype":
			if !params.add(f) {
				m.fail("Found invalid \"%s=%s\": missing ':'", f.Key, f.Value)
			}
		case m.hasField:
		case m.end == "\x00":
			m.out.WriteString(f.Key + "=" + f.Value + m.end)
		default:
			pad := 15 - len(f.Key)
			m.out.WriteString(f.Key + ":" + strings.Repeat(" ", max(pad, -pad)) + f.Value + m.end)
		}
	}
	for i := len(params.list) - 1; i >= 0; i-- {
		p := params.list[i]
		if !m.hasField {
			fmt.Fprintf(m.out, "%-16s", "parm:")
		}
		m.out.WriteString(p.name + ":")
		switch {
		case !p.hasText && m.hasField:
			fmt.Fprintf(m.out, " (%s)", p.kind)
		case !p.hasText:
			m.out.WriteString(p.kind)
		case p.hasKind:
			fmt.Fprintf(m.out, "%s (%s)", p.text, p.kind)
		default:
			m.out.WriteString(p.text)
		}
		m.out.WriteString(m.end)
	}
}

// param is one module parameter: its description from "parm", its type from "parmtype".
type param struct {
	name, text, kind string
	hasText, hasKind bool
}

// params are a module's parameters in the order of first sight.
type params struct{ list []*param }

func (ps *params) add(f kmod.Field) bool {
	name, rest, ok := strings.Cut(f.Value, ":")
	if !ok {
		return false
	}
	var p *param
	for _, have := range ps.list {
		if have.name == name {
			p = have
		}
	}
	if p == nil {
		p = &param{name: name}
		ps.list = append(ps.list, p)
	}
	if f.Key == "parm" {
		p.text, p.hasText = rest, true
	} else {
		p.kind, p.hasKind = rest, true
	}
	return true
}
