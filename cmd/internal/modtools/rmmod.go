package modtools

import (
	"os"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Rmmod takes modules out: rmmod [options] modulename ... It goes on after an error.
func Rmmod(env *Env, args []string) int {
	t := newTool(env, kmod.PrioWarning)
	g := t.options("fsvVwh", []longOption{
		{"force", false, 'f'}, {"syslog", false, 's'}, {"verbose", false, 'v'},
		{"version", false, 'V'}, {"help", false, 'h'},
	}, args)
	force, verbose := false, kmod.PrioErr
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		switch opt {
		case 'f':
			force = true
		case 's':
			t.syslog = true
		case 'v':
			verbose++
		case 'h':
			t.printf(`Usage:
	%s [options] modulename ...
Options:
	-f, --force       forces a module unload and may crash your
	                  machine. This requires Forced Module Removal
	                  option in your kernel. DANGEROUS
	-s, --syslog      print to syslog, not stderr
	-v, --verbose     enables more messages
	-V, --version     show version
	-h, --help        show this help
`, t.name)
			return success
		case 'V':
			t.printf(version)
			return success
		case optBad:
			return failure
		default:
			t.errorf("unexpected getopt_long() value '%c'.", opt)
			return failure
		}
	}
	if len(g.operands) == 0 {
		t.errorf("missing module name.")
		return failure
	}
	ctx := kmod.NewContext(t.moduleDir("", ""), nil, t.System, t.library)
	t.setupLog(verbose)
	failed := false
	for _, arg := range g.operands {
		mod, err := ctx.ByName(arg), error(nil)
		if _, serr := os.Stat(arg); serr == nil {
			mod, err = ctx.ByPath(arg)
		}
		if err != nil {
			t.errorf("could not use module %s: %s", arg, text(err))
			break
		}
		if !force && t.inUse(mod) {
			failed = true
			continue
		}
		if err := mod.Remove(force, false); err != nil {
			t.errorf("could not remove module %s: %s", arg, text(err))
			failed = true
		}
	}
	if failed {
		return failure
	}
	return success
}

// inUse says why a module cannot be removed, false if it can.
func (t *tool) inUse(mod *kmod.Module) bool {
	state, err := mod.State()
	if err != nil {
		t.errorf("Module %s is not currently loaded", mod.Name())
		return true
	}
	if state == kmod.StateBuiltin {
		t.errorf("Module %s is builtin.", mod.Name())
		return true
	}
	if holders := mod.Holders(); len(holders) > 0 {
		t.errorf("Module %s is in use by: %s", mod.Name(), strings.Join(names(holders), " "))
		return true
	}
	count, err := mod.RefCount()
	switch {
	case err != nil:
		if kernel.ErrnoOf(err) == kernel.ENOENT {
			t.errorf("Module unloading is not supported")
		}
		return true
	case count > 0:
		t.errorf("Module %s is in use", mod.Name())
		return true
	}
	return false
}

func names(list []*kmod.Module) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.Name()
	}
	return out
}
