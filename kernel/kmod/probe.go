package kmod

import (
	"strings"

	"github.com/kobench/kobench/kernel/uapi"
)

// ProbeOptions say how modules are put in.
type ProbeOptions struct {
	IgnoreCommands  bool // do not run install commands, take no softdeps of the module itself
	IgnoreLoaded    bool // act as if nothing was loaded
	FailOnLoaded    bool // EEXIST for a module that is there already
	UseBlacklist    bool // a blacklisted name is skipped even if it is not an alias
	DryRun          bool
	ForceModversion bool
	ForceVermagic   bool
	Extra           string          // options for the module itself, after the configured ones
	Show            func(s Step)    // called before each step
	Inserted        func(m *Module) // called after each module that was really put in
}

// Step is one thing that a probe does: run an install command or insert a module.
type Step struct {
	Module  *Module
	Command string // the install command, "" for an insertion
	Options string
}

// Insert puts one module file in, without its dependencies.
//
// Errors: those of reading and unpacking the file, and the kernel's.
func (m *Module) Insert(params string, flags int) error {
	path := m.Path()
	if path == "" {
		m.ctx.Log.printf(PrioErr, originModule(895, "kmod_module_insert_module"), "could not find module by name='%s'", m.name)
		return uapi.ENOENT
	}
	image, err := ReadModule(path)
	if err != nil {
		return err
	}
	if err := m.ctx.System.FinitModule(image, params, flags); err != nil {
		m.ctx.Log.printf(PrioInfo, originModule(949, "kmod_module_insert_module"), "Failed to insert module '%s': %s", path, uapi.ErrnoOf(err).Error())
		return err
	}
	return nil
}

// Probe puts a module in, after its dependencies and softdeps. A module found by an alias that is
// blacklisted by name is left out silently.
//
// Errors: EEXIST with FailOnLoaded; else the first error of the module or of one it needs. The
// errors of mere softdeps are passed over.
func (m *Module) Probe(o ProbeOptions) error {
	if !o.IgnoreLoaded && m.inKernel() {
		if o.FailOnLoaded {
			return uapi.EEXIST
		}
		return nil
	}
	if (m.alias != "" || o.UseBlacklist) && m.ctx.Config.blacklisted(m.name) {
		return nil
	}
	for _, known := range m.ctx.pool {
		known.visited, known.required = false, false
	}
	var list []*Module
	m.plan(true, o.IgnoreCommands, &list)
	for _, each := range list {
		err := each.probeOne(m, o)
		switch {
		case err == nil:
		case uapi.ErrnoOf(err) == uapi.EEXIST:
			if each == m && o.FailOnLoaded {
				return err
			}
		case each.required:
			return err
		}
	}
	return nil
}

// plan appends the module and what it needs to list, in the order of loading. A module is visited
// once, so a loop of softdeps ends.
func (m *Module) plan(required, ignoreCmds bool, list *[]*Module) {
	if m.visited {
		return
	}
	m.visited = true
	deps := m.Dependencies()
	if required {
		m.required = true
		for _, d := range deps {
			d.required = true
		}
	}
	for _, d := range deps {
		d.planSoftdeps(list)
	}
	if ignoreCmds {
		*list = append(*list, m)
		m.ignoreCmds = true
		return
	}
	m.planSoftdeps(list)
}

func (m *Module) planSoftdeps(list *[]*Module) {
	pre, post := m.Softdeps()
	for _, s := range pre {
		s.plan(false, false, list)
	}
	*list = append(*list, m)
	m.ignoreCmds = len(pre)+len(post) > 0
	for _, s := range post {
		s.plan(false, false, list)
	}
}

// probeOne does one step of the plan for target.
func (m *Module) probeOne(target *Module, o ProbeOptions) error {
	if !o.IgnoreLoaded && m.inKernel() {
		return uapi.EEXIST
	}
	step := Step{Module: m, Options: m.Options()}
	if step.Options != "" {
		step.Options += " " // as kmod joins them, also before nothing
	}
	if m == target {
		step.Options += o.Extra
	}
	cmd, hasCmd := m.InstallCommand()
	if hasCmd && !m.ignoreCmds {
		step.Command = cmd
	}
	if o.Show != nil {
		o.Show(step)
	}
	if o.DryRun {
		return nil
	}
	if step.Command != "" {
		return m.runInstall(step)
	}
	flags := 0
	if o.ForceVermagic {
		flags |= InitIgnoreVermagic
	}
	if o.ForceModversion {
		flags |= InitIgnoreModversions
	}
	if err := m.Insert(step.Options, flags); err != nil {
		return err
	}
	if o.Inserted != nil {
		o.Inserted(m)
	}
	return nil
}

func (m *Module) runInstall(s Step) error {
	cmd := strings.ReplaceAll(s.Command, "$CMDLINE_OPTS", s.Options)
	status, err := m.ctx.run(cmd, m.name)
	switch from := func(line int) Origin { return originModule(line, "command_do") }; {
	case err != nil:
		m.ctx.Log.printf(PrioErr, from(1041), "Could not run install command '%s' for module %s: %s", cmd, m.name, uapi.ErrnoOf(err).Error())
		return uapi.EINVAL
	case status != 0:
		m.ctx.Log.printf(PrioErr, from(1047), "Error running install command '%s' for module %s: retcode %d", cmd, m.name, status)
		return uapi.EINVAL
	}
	return nil
}

func (c *Context) run(cmd, module string) (int, error) {
	if c.Run == nil {
		return 0, uapi.ENOSYS
	}
	return c.Run(cmd, module)
}

// Remove unloads the module.
//
// Errors: the kernel's: ENOENT not loaded, EWOULDBLOCK in use, EBUSY without an exit function.
func (m *Module) Remove(force, quiet bool) error {
	flags := DeleteNonblock
	if force {
		flags |= DeleteForce
	}
	err := m.ctx.System.DeleteModule(m.name, flags)
	if err != nil && !quiet {
		m.ctx.Log.printf(PrioErr, originModule(856, "kmod_module_remove_module"), "could not remove '%s': %s", m.name, uapi.ErrnoOf(err).Error())
	}
	return err
}
