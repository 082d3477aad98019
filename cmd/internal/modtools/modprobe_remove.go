package modtools

import (
	"strings"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// removeAlias takes out every module that a name stands for, up to the first error.
func (m *modprobe) removeAlias(alias string) error {
	list, err := m.ctx.Lookup(alias)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return m.say(kernel.ENOENT, "Module %s not found.", alias)
	}
	for _, mod := range list {
		if err := m.removeModule(mod, m.removeHolders, false); err != nil {
			return err
		}
	}
	return nil
}

// removeList takes modules out, the last first.
func (m *modprobe) removeList(list []*kmod.Module, stop bool) error {
	for i := len(list) - 1; i >= 0; i-- {
		if err := m.removeModule(list[i], false, true); err != nil && (stop || err == errFatal) {
			return err
		}
	}
	return nil
}

// removeModule takes one module out: softdeps that came after it, with holders those that use it,
// the module itself, dependencies that are then unused, softdeps that came before it. Only the
// module's own failure and its holders' count. A module whose removal is under way is passed over,
// so that softdeps may form a loop (kmod 30 recurses without end there).
func (m *modprobe) removeModule(mod *kmod.Module, holders, passBuiltin bool) error {
	if m.removing[mod] {
		return nil
	}
	if m.removing == nil {
		m.removing = map[*kmod.Module]bool{}
	}
	m.removing[mod] = true
	defer delete(m.removing, mod)
	var pre, post []*kmod.Module
	command, hasCommand := "", false
	if !m.ignoreCommands {
		pre, post = mod.Softdeps()
		command, hasCommand = mod.RemoveCommand()
	}
	if !hasCommand && !m.showDepends {
		state, err := mod.State()
		if err != nil {
			if m.firstTime {
				return m.say(kernel.ENOENT, "Module %s is not in kernel.", mod.Name())
			}
			return nil
		}
		if state == kmod.StateBuiltin {
			if passBuiltin {
				return nil
			}
			return m.say(kernel.ENOENT, "Module %s is builtin.", mod.Name())
		}
	}
	if err := m.removeList(post, false); err != nil {
		return err
	}
	if holders {
		if err := m.removeList(mod.Holders(), true); err != nil {
			return err
		}
	}
	if !hasCommand && !m.showDepends && m.wait == 0 {
		if n, err := mod.RefCount(); err == nil && n > 0 {
			return m.say(kernel.EBUSY, "Module %s is in use.", mod.Name())
		}
	}
	if hasCommand {
		if err := m.removeCommand(mod, command); err != nil {
			return err
		}
	} else {
		if err := m.removeOne(mod); err != nil {
			return err
		}
		for _, dep := range mod.Dependencies() {
			if n, err := dep.RefCount(); err == nil && n == 0 {
				if m.removeOne(dep) == errFatal {
					return errFatal
				}
			}
		}
	}
	return m.removeList(pre, false)
}

// removeOne takes out the module alone, with -w waiting for it to become unused.
func (m *modprobe) removeOne(mod *kmod.Module) error {
	if m.showing() {
		m.printf("rmmod %s\n", mod.Name())
	}
	if m.dryRun {
		return nil
	}
	err := mod.Remove(m.force, m.wait > 0)
	end, pause := time.Now().Add(m.wait), time.Millisecond
	for kernel.ErrnoOf(err) == kernel.EAGAIN && m.wait > 0 {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		timer := time.NewTimer(min(pause, left))
		<-timer.C
		pause *= 2
		err = mod.Remove(m.force, true)
	}
	if kernel.ErrnoOf(err) == kernel.EEXIST {
		if !m.firstTime {
			return nil
		}
		return m.say(err, "Module %s is not in kernel.", mod.Name())
	}
	if err != nil && m.wait > 0 {
		m.errorf("could not remove '%s': %s", mod.Name(), text(err))
	}
	return err
}

// removeCommand runs the command that stands for the removal.
func (m *modprobe) removeCommand(mod *kmod.Module, command string) error {
	command = strings.ReplaceAll(command, "$CMDLINE_OPTS", "")
	if m.showing() {
		m.printf("remove %s\n", command)
	}
	if m.dryRun {
		return nil
	}
	status, err := m.shell(command, mod.Name())
	if err == nil && status == 0 {
		return nil
	}
	return m.say(kernel.EINVAL, "Error running remove command for %s", mod.Name())
}

const modprobeHelp = `Usage:
	%s [options] [-i] [-b] modulename
	%s [options] -a [-i] [-b] modulename [modulename...]
	%s [options] -r [-i] modulename
	%s [options] -r -a [-i] modulename [modulename...]
	%s [options] -c
	%s [options] --dump-modversions filename
Management Options:
	-a, --all                   Consider every non-argument to
	                            be a module name to be inserted
	                            or removed (-r)
	-r, --remove                Remove modules instead of inserting
	    --remove-dependencies   Deprecated: use --remove-holders
	    --remove-holders        Also remove module holders (use together with -r)
	-w, --wait <MSEC>           When removing a module, wait up to MSEC for
	                            module's refcount to become 0 so it can be
	                            removed (use together with -r)
	    --first-time            Fail if module already inserted or removed
	-i, --ignore-install        Ignore install commands
	-i, --ignore-remove         Ignore remove commands
	-b, --use-blacklist         Apply blacklist to resolved alias.
	-f, --force                 Force module insertion or removal.
	                            implies --force-modversions and
	                            --force-vermagic
	    --force-modversion      Ignore module's version
	    --force-vermagic        Ignore module's version magic

Query Options:
	-R, --resolve-alias         Only lookup and print alias and exit
	-D, --show-depends          Only print module dependencies and exit
	-c, --showconfig            Print out known configuration and exit
	-c, --show-config           Same as --showconfig
	    --show-modversions      Dump module symbol version and exit
	    --dump-modversions      Same as --show-modversions
	    --show-exports          Only print module exported symbol versions and exit

General Options:
	-n, --dry-run               Do not execute operations, just print out
	-n, --show                  Same as --dry-run
	-C, --config=FILE           Use FILE instead of default search paths
	-d, --dirname=DIR           Use DIR as filesystem root for /lib/modules
	-S, --set-version=VERSION   Use VERSION instead of ` + "`uname -r`" + `
	-s, --syslog                print to syslog, not stderr
	-q, --quiet                 disable messages
	-v, --verbose               enables more messages
	-V, --version               show version
	-h, --help                  show this help
`
