package modtools

import (
	"bufio"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Modprobe puts modules in with all they need, takes them out with all that is then unused, and
// shows what it would do. See modprobeHelp for the options.
//
// Two options are ours. -k (autoclean), as kerneld's modprobe of the 1990s had it: every module
// that the call puts in is reported to Env.Inserted, where kerneld marks it for removal once it has
// been idle; without kerneld it changes nothing. -l [PATTERN]..., of the tools before kmod, lists
// the tree's modules. Neither has a long name, which could make an abbreviation of another
// ambiguous.
func Modprobe(env *Env, args []string) int {
	m := &modprobe{tool: newTool(env, kmod.PrioWarning), limit: kmod.PrioWarning, level: kmod.PrioCrit}
	g := m.options("arw:RibfDcnC:d:S:sqvVhkl", []longOption{
		{"all", false, 'a'},
		{"remove", false, 'r'}, {"remove-dependencies", false, optRemoveHolders}, {"remove-holders", false, optRemoveHolders},
		{"wait", true, 'w'},
		{"resolve-alias", false, 'R'}, {"first-time", false, optFirstTime},
		{"ignore-install", false, 'i'}, {"ignore-remove", false, 'i'}, {"use-blacklist", false, 'b'},
		{"force", false, 'f'}, {"force-modversion", false, optForceModversion}, {"force-vermagic", false, optForceVermagic},
		{"show-depends", false, 'D'}, {"showconfig", false, 'c'}, {"show-config", false, 'c'},
		{"show-modversions", false, optShowModversions}, {"dump-modversions", false, optShowModversions},
		{"show-exports", false, optShowExports},
		{"dry-run", false, 'n'}, {"show", false, 'n'},
		{"config", true, 'C'}, {"dirname", true, 'd'}, {"set-version", true, 'S'},
		{"syslog", false, 's'}, {"quiet", false, 'q'}, {"verbose", false, 'v'},
		{"version", false, 'V'}, {"help", false, 'h'},
	}, append(m.optionsFromEnv(), args...))
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		if status, done := m.option(opt, g); done {
			return status
		}
	}
	return m.run(g.operands)
}

type modprobe struct {
	*tool
	limit kmod.Priority // of messages, once libkmod is set up
	level kmod.Priority // of the message that ends the run, or with -a does not

	all, remove, removeHolders, firstTime, ignoreCommands, blacklist bool
	force, forceModversion, forceVermagic                            bool
	showDepends, lookupOnly, dryRun, autoclean                       bool
	showConfig, showVersions, showExports, list                      bool
	wait                                                             time.Duration
	configs                                                          []string
	dir, release                                                     string

	ctx      *kmod.Context
	removing map[*kmod.Module]bool
}

// errFatal ends the run: its message has been printed.
var errFatal = errors.New("fatal")

// option takes one option; done says that the run ends with a status.
func (m *modprobe) option(opt rune, g *getopt) (status int, done bool) {
	switch opt {
	case 'a':
		m.level, m.all = kmod.PrioWarning, true
	case 'r':
		m.remove = true
	case optRemoveHolders:
		m.removeHolders = true
	case 'w':
		ms, err := strconv.ParseUint(g.arg, 0, 32)
		if err != nil {
			m.errorf("unexpected wait value '%s'.", g.arg)
			return failure, true
		}
		m.wait = time.Duration(ms) * time.Millisecond
	case optFirstTime:
		m.firstTime = true
	case 'i':
		m.ignoreCommands = true
	case 'b':
		m.blacklist = true
	case 'f':
		m.force = true
	case optForceModversion:
		m.forceModversion = true
	case optForceVermagic:
		m.forceVermagic = true
	case 'D':
		m.showDepends, m.dryRun = true, true
	case 'R':
		m.lookupOnly = true
	case 'c':
		m.showConfig = true
	case optShowModversions:
		m.showVersions = true
	case optShowExports:
		m.showExports = true
	case 'n':
		m.dryRun = true
	case 'k':
		m.autoclean = true
	case 'l':
		m.list = true
	case 'C':
		m.configs = append(m.configs, g.arg)
		m.appendToEnv("-C", g.arg)
	case 'd':
		m.dir = g.arg
	case 'S':
		m.release = g.arg
	case 's':
		m.syslog = true
		m.appendToEnv("-s")
	case 'q':
		m.limit = kmod.PrioEmerg
		m.appendToEnv("-q")
	case 'v':
		m.limit++
		m.appendToEnv("-v")
	case 'V':
		m.printf(version)
		return success, true
	case 'h':
		m.printf("%s", strings.ReplaceAll(modprobeHelp, "%s", m.name))
		return success, true
	default:
		return failure, true
	}
	return 0, false
}

func (m *modprobe) run(args []string) int {
	if m.list {
		return m.listTree(args)
	}
	if !m.showConfig && len(args) == 0 {
		m.errorf("missing parameters. See -h.")
		return failure
	}
	configs := m.configs
	if configs == nil {
		configs = kmod.ConfigDirs(m.Root, "modprobe.d")
	}
	cmdline, err := m.System.ReadFile("/proc/cmdline")
	if err != nil && m.HostCmdline != "" {
		cmdline, err = os.ReadFile(m.HostCmdline)
	}
	if err != nil {
		cmdline = nil
	}
	dir := m.moduleDir(m.dir, m.release)
	m.ctx = kmod.NewContext(dir, kmod.ReadConfig(configs, dir, cmdline, m.library), m.System, m.library)
	m.ctx.Run = m.shell
	m.setupLog(m.limit)

	switch {
	case m.showConfig:
		err = m.config()
	case m.showVersions:
		err = m.symbols(args[0], "modversions", (*kmod.Module).Versions)
	case m.showExports:
		err = m.symbols(args[0], "symbols", (*kmod.Module).Exports)
	case m.remove:
		err = m.each(args, m.removeAlias)
	case m.all:
		err = m.each(args, func(alias string) error { return m.insertAlias(alias, "") })
	default:
		err = m.insertAlias(args[0], joinOptions(args[1:]))
	}
	if err != nil {
		return failure
	}
	return success
}

// listTree prints the paths of the tree's modules, or of those that one of the patterns covers.
func (m *modprobe) listTree(patterns []string) int {
	dir := m.moduleDir(m.dir, m.release)
	data, err := os.ReadFile(dir + "/modules.dep")
	if err != nil {
		m.errorf("could not open %s/modules.dep: %s", dir, text(err))
		return failure
	}
	for line := range strings.Lines(string(data)) {
		path, _, _ := strings.Cut(line, ":")
		name := kmod.ModuleName(path)
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
			p, ok := kmod.NormalizeAlias(p)
			return ok && kmod.Match(p, name)
		}) {
			m.printf("%s\n", path)
		}
	}
	return success
}

// each goes on after errors, but not after a fatal one, and gives the last.
func (m *modprobe) each(args []string, f func(string) error) (err error) {
	for _, arg := range args {
		if e := f(arg); e != nil {
			err = e
		}
		if errors.Is(err, errFatal) {
			break
		}
	}
	return err
}

// say prints a message of the level that -a lowers. Printing a FATAL one ends the run.
func (m *modprobe) say(err error, format string, args ...any) error {
	m.logf(m.level, format, args...)
	if m.level <= kmod.PrioCrit && m.limit >= m.level {
		return errFatal
	}
	return err
}

// showing reports whether actions are printed.
func (m *modprobe) showing() bool { return m.showDepends || m.limit > kmod.PrioWarning }

func (m *modprobe) config() error {
	c, w := m.ctx.Config, bufio.NewWriter(m.Stdout)
	line := func(parts ...string) { w.WriteString(strings.Join(parts, " ") + "\n") }
	for _, b := range c.Blacklist {
		line("blacklist", b)
	}
	for _, list := range [...]struct {
		name  string
		rules []kmod.Rule
	}{{"install", c.Install}, {"remove", c.Remove}, {"alias", c.Aliases}, {"options", c.Options}} {
		for _, r := range list.rules {
			line(list.name, r.Key, r.Value)
		}
	}
	for _, s := range c.Softdeps {
		line("softdep", s.Name, s.String())
	}
	w.WriteString("\n# End of configuration files. Dumping indexes now:\n\n")
	return errors.Join(m.ctx.DumpAliases(w), m.ctx.DumpSymbols(w), w.Flush())
}

func (m *modprobe) symbols(path, what string, list func(*kmod.Module) ([]kmod.Symbol, error)) error {
	mod, err := m.ctx.ByPath(path)
	if err != nil {
		return m.say(err, "Module %s not found.", path)
	}
	syms, err := list(mod)
	if err != nil {
		return m.say(err, "could not get %s of %s: %s", what, path, text(err))
	}
	for _, s := range syms {
		m.printf("0x%08x\t%s\n", s.CRC, s.Name)
	}
	return nil
}

// insertAlias puts in every module that a name stands for; the last one's error counts.
func (m *modprobe) insertAlias(alias, extra string) error {
	list, err := m.ctx.Lookup(alias)
	if err != nil || len(list) == 0 {
		return m.say(kernel.ENOENT, "Module %s not found in directory %s", alias, m.ctx.Dir)
	}
	opt := kmod.ProbeOptions{
		IgnoreCommands: m.ignoreCommands, IgnoreLoaded: m.showDepends, FailOnLoaded: m.firstTime,
		UseBlacklist: m.blacklist, DryRun: m.dryRun,
		ForceModversion: m.force || m.forceModversion, ForceVermagic: m.force || m.forceVermagic,
		Extra: extra,
	}
	if m.showing() {
		opt.Show = m.showStep
	}
	if m.autoclean && m.Inserted != nil {
		opt.Inserted = func(mod *kmod.Module) { m.Inserted(mod.Name()) }
	}
	for _, mod := range list {
		if m.lookupOnly {
			m.printf("%s\n", mod.Name())
			continue
		}
		if err = mod.Probe(opt); err == nil {
			continue
		}
		why := text(err)
		switch kernel.ErrnoOf(err) {
		case kernel.EEXIST:
			why = "Module already in kernel"
		case kernel.ENOENT:
			why = "Unknown symbol in module, or unknown parameter (see dmesg)"
		}
		m.errorf("could not insert '%s': %s", mod.Name(), why)
	}
	return err
}

func (m *modprobe) showStep(s kmod.Step) {
	switch path := s.Module.Path(); {
	case s.Command != "":
		m.printf("install %s %s\n", s.Command, s.Options)
	case path != "":
		m.printf("insmod %s %s\n", path, s.Options)
	case s.Module.Builtin():
		m.printf("builtin %s\n", s.Module.Name())
	}
}

// joinOptions makes one line of module options; a value with a blank is quoted.
func joinOptions(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		key, value, ok := strings.Cut(a, "=")
		if ok && strings.Contains(value, " ") && value[0] != '"' && value[0] != '\'' {
			a = key + `="` + value + `"`
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}

// appendToEnv lets install commands that call modprobe inherit options.
func (m *modprobe) appendToEnv(words ...string) {
	old, _ := m.getenv("MODPROBE_OPTIONS")
	m.setenv("MODPROBE_OPTIONS", strings.TrimPrefix(old+" "+strings.Join(words, " "), " "))
}

// optionsFromEnv splits $MODPROBE_OPTIONS at blanks outside quotes.
func (t *tool) optionsFromEnv() []string {
	value, _ := t.getenv("MODPROBE_OPTIONS")
	var out []string
	var word strings.Builder
	quote, has := byte(0), false
	for i := range len(value) {
		switch c := value[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, has = c, true
		case quote == 0 && c == ' ':
			if has || word.Len() > 0 {
				out = append(out, word.String())
			}
			word.Reset()
			has = false
		default:
			word.WriteByte(c)
		}
	}
	if has || word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}
