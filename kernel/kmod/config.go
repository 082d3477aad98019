package kmod

import (
	"os"
	"strings"
)

// Rule is one configuration rule for a module name, or for a shell pattern of names.
type Rule struct{ Key, Value string }

// Softdep names the modules that are wanted before and after a module.
type Softdep struct {
	Name      string
	Pre, Post []string
}

// Config is what modprobe.d and the kernel's command line say, in the order in which it was read.
type Config struct {
	Aliases   []Rule // pattern, module
	Blacklist []string
	Options   []Rule
	Install   []Rule
	Remove    []Rule
	Softdeps  []Softdep
}

// ConfigDirs are the modprobe.d (or depmod.d) directories below root, the most important first.
func ConfigDirs(root, name string) []string {
	return []string{root + "/etc/" + name, root + "/run/" + name, root + "/usr/local/lib/" + name, root + "/lib/" + name}
}

// ReadConfig reads modprobe.d files. paths are directories or single files, the most important
// first; moduleDir is the module tree whose modules.softdep belongs to the configuration; cmdline
// is the kernel's command line, nil if it is not known. Bad lines are logged and skipped.
func ReadConfig(paths []string, moduleDir string, cmdline []byte, log Logger) *Config {
	c := &Config{}
	fail := func(format string, args ...any) {
		log.printf(PrioErr, originConfig(772, "conf_files_filter_out"), format, args...)
	}
	for _, path := range configFiles([]string{moduleDir + "/modules.softdep"}, paths, []string{".conf", ".alias"}, fail) {
		if data, err := os.ReadFile(path); err == nil {
			c.parse(data, path, log)
		}
	}
	for _, o := range kernelOptions(cmdline) {
		c.addKernelOption(o, log)
	}
	return c
}

// ParseConfig reads one modprobe.d file's text; name is for messages.
func ParseConfig(data []byte, name string, log Logger) *Config {
	c := &Config{}
	c.parse(data, name, log)
	return c
}

func (c *Config) parse(data []byte, file string, log Logger) {
	from := func(line int) Origin { return originConfig(line, "kmod_config_parse") }
	for _, line := range logicalLines(data) {
		if line.text == "" || line.text[0] == '#' {
			continue
		}
		w := words{line.text}
		cmd, ok := w.next()
		if !ok {
			continue
		}
		if cmd == "include" || cmd == "config" {
			log.printf(PrioErr, from(708), "%s: command %s is deprecated and not parsed anymore", file, cmd)
			continue
		}
		if !c.rule(cmd, &w) {
			log.printf(PrioErr, from(712), "%s line %d: ignoring bad line starting with '%s'", file, line.number, cmd)
		}
	}
}

// rule takes one line's command, false if the line is bad.
func (c *Config) rule(cmd string, w *words) bool {
	key, ok := w.next()
	if !ok {
		return false
	}
	key, ok = NormalizeAlias(key)
	if !ok {
		return false
	}
	if cmd == "blacklist" {
		c.Blacklist = append(c.Blacklist, key)
		return true
	}
	if cmd == "alias" {
		module, ok := w.next()
		if !ok {
			return false
		}
		if module, ok = NormalizeAlias(module); ok {
			c.Aliases = append(c.Aliases, Rule{key, module})
		}
		return ok
	}
	rest, ok := w.remainder()
	if !ok {
		return false
	}
	switch cmd {
	case "options":
		c.Options = append(c.Options, Rule{key, strings.ReplaceAll(rest, "\t", " ")})
	case "install":
		c.Install = append(c.Install, Rule{key, rest})
	case "remove":
		c.Remove = append(c.Remove, Rule{key, rest})
	case "softdep":
		c.Softdeps = append(c.Softdeps, parseSoftdep(key, rest))
	default:
		return false
	}
	return true
}

func parseSoftdep(name, text string) Softdep {
	s := Softdep{Name: name}
	var list *[]string
	for _, word := range strings.Fields(text) {
		switch {
		case word == "pre:":
			list = &s.Pre
		case word == "post:":
			list = &s.Post
		case list != nil:
			*list = append(*list, word)
		}
	}
	return s
}

// String is the rule as modprobe -c prints it: kmod 30 leaves no blank before "post:".
func (s Softdep) String() string {
	var b strings.Builder
	if len(s.Pre) > 0 {
		b.WriteString("pre: " + strings.Join(s.Pre, " "))
	}
	if len(s.Post) > 0 {
		b.WriteString("post: " + strings.Join(s.Post, " "))
	}
	return b.String()
}

func (c *Config) addKernelOption(o kernelOption, log Logger) {
	if list, ok := strings.CutPrefix(o.param, "blacklist="); ok && o.module == "modprobe" {
		c.Blacklist = append(c.Blacklist, strings.Split(list, ",")...)
		return
	}
	module, ok := NormalizeAlias(o.module)
	if !ok {
		log.printf(PrioErr, originConfig(489, "kcmdline_parse_result"),
			"Ignoring bad option on kernel command line while parsing module name: '%s'", o.module)
		return
	}
	c.Options = append(c.Options, Rule{module, o.param})
}

// blacklisted reports whether a blacklist line names the module itself.
func (c *Config) blacklisted(name string) bool {
	for _, b := range c.Blacklist {
		if b == name {
			return true
		}
	}
	return false
}

// firstMatch is the first rule whose pattern covers the name.
func firstMatch(rules []Rule, name string) (string, bool) {
	for _, r := range rules {
		if Match(r.Key, name) {
			return r.Value, true
		}
	}
	return "", false
}
