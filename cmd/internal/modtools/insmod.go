package modtools

import (
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Insmod puts one module file in: insmod [options] filename [args]. It resolves no dependencies.
func Insmod(env *Env, args []string) int {
	t := newTool(env, kmod.PrioWarning)
	g := t.options("psfVh", []longOption{{"version", false, 'V'}, {"help", false, 'h'}}, args)
	flags := 0
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		switch opt {
		case 'p', 's': // ignored, for compatibility
		case 'f':
			flags |= kmod.InitIgnoreModversions | kmod.InitIgnoreVermagic
		case 'h':
			t.printf(`Usage:
	%s [options] filename [args]
Options:
	-V, --version     show version
	-h, --help        show this help
`, t.name)
			return success
		case 'V':
			t.printf(version)
			return success
		default:
			return failure
		}
	}
	if len(g.operands) == 0 {
		t.errorf("missing filename.")
		return failure
	}
	filename := g.operands[0]
	if filename == "-" {
		t.errorf("this tool does not support loading from stdin!")
		return failure
	}
	ctx := kmod.NewContext(t.moduleDir("", ""), nil, t.System, t.library)
	mod, err := ctx.ByPath(filename)
	if err != nil {
		t.errorf("could not load module %s: %s", filename, text(err))
		return failure
	}
	if err := mod.Insert(strings.Join(g.operands[1:], " "), flags); err != nil {
		t.errorf("could not insert module %s: %s", filename, insmodText(err))
		return failure
	}
	return success
}

// insmodText is an error in the words of insmod.
func insmodText(err error) string {
	switch kernel.ErrnoOf(err) {
	case kernel.ENOEXEC:
		return "Invalid module format"
	case kernel.ENOENT:
		return "Unknown symbol in module"
	case kernel.ESRCH:
		return "Module has wrong symbol version"
	case kernel.EINVAL:
		return "Invalid parameters"
	}
	return text(err)
}
