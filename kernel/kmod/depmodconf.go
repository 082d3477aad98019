package kmod

import (
	"os"
	"regexp"
	"strings"

	"github.com/kobench/kobench/kernel/uapi"
)

// DepmodConfig is what depmod.d says.
type DepmodConfig struct {
	overrides []string // "subdir/modname", relative to the module tree; the last line comes first
	searches  []string // likewise
	externals []string
	excludes  []string
}

const (
	searchBuiltin  = "built-in"
	searchExternal = "external"
)

// ReadDepmodConfig reads depmod.d files for a kernel release. Without any search line, "updates"
// goes before everything else. Bad lines are logged and skipped.
func ReadDepmodConfig(paths []string, release string, log Logger) *DepmodConfig {
	c := &DepmodConfig{}
	fail := func(format string, args ...any) { log.printf(PrioErr, Origin{}, format, args...) }
	for _, path := range configFiles(nil, paths, []string{".conf"}, fail) {
		data, err := os.ReadFile(path)
		if err != nil {
			fail("file parse %s: %s", path, uapi.ErrnoOf(err).Error())
			continue
		}
		c.parse(data, path, release, log)
	}
	if len(c.searches) == 0 {
		c.searches = []string{"updates"}
	}
	return c
}

func (c *DepmodConfig) parse(data []byte, file, release string, log Logger) {
	for _, line := range logicalLines(data) {
		if line.text == "" || line.text[0] == '#' {
			continue
		}
		w := words{line.text}
		cmd, ok := w.next()
		if !ok {
			continue
		}
		switch cmd {
		case "search":
			for s, ok := w.next(); ok; s, ok = w.next() {
				c.searches = prepend(c.searches, s)
			}
		case "exclude":
			for s, ok := w.next(); ok; s, ok = w.next() {
				c.excludes = prepend(c.excludes, s)
			}
		case "override":
			name, _ := w.next()
			version, _ := w.next()
			subdir, ok := w.next()
			if !ok {
				log.printf(PrioErr, Origin{}, "%s:%d: ignoring bad line starting with '%s'", file, line.number, cmd)
			} else if kernelMatches(version, release) {
				c.overrides = prepend(c.overrides, subdir+"/"+name)
			} else {
				log.printf(PrioInfo, Origin{}, "%s:%d: override kernel did not match %s", file, line.number, version)
			}
		case "external":
			version, _ := w.next()
			dir, ok := w.next()
			if !ok {
				log.printf(PrioErr, Origin{}, "%s:%d: ignoring bad line starting with '%s'", file, line.number, cmd)
			} else if kernelMatches(version, release) {
				c.externals = prepend(c.externals, dir)
			} else {
				log.printf(PrioInfo, Origin{}, "%s:%d: external directory did not match %s", file, line.number, version)
			}
		case "include", "make_map_files":
			log.printf(PrioInfo, Origin{}, "%s:%d: command %s not implemented yet", file, line.number, cmd)
		default:
			log.printf(PrioErr, Origin{}, "%s:%d: ignoring bad line starting with '%s'", file, line.number, cmd)
		}
	}
}

func prepend(list []string, s string) []string { return append([]string{s}, list...) }

// kernelMatches matches a release against "*" or an extended regular expression, anywhere in it.
func kernelMatches(pattern, release string) bool {
	if pattern == "*" {
		return true
	}
	re, err := regexp.CompilePOSIX(pattern)
	return err == nil && re.MatchString(release)
}

func (c *DepmodConfig) excluded(name string) bool {
	if name == "build" || name == "source" {
		return true
	}
	for _, e := range c.excludes {
		if e == name {
			return true
		}
	}
	return false
}

// keepsOld decides between two files of one module: an override wins, else the later search
// entry does, and the one that was found first on a tie ([kmod] depmod_module_is_higher_priority).
// The paths are those of the files without their extensions; dir is the module tree.
func (c *DepmodConfig) keepsOld(dir, oldPath, newPath string) bool {
	relNew, inNew := strings.CutPrefix(newPath, dir+"/")
	relOld, inOld := strings.CutPrefix(oldPath, dir+"/")
	for _, o := range c.overrides {
		if inNew && relNew == o {
			return false
		}
		if inOld && relOld == o {
			return true
		}
	}
	builtin, oldPrio, newPrio := -1, -1, -1
	i := 0
	for _, s := range c.searches {
		switch {
		case s == searchBuiltin:
			builtin = i
		case s == searchExternal:
			for _, e := range c.externals {
				if strings.HasPrefix(newPath, e+"/") {
					newPrio = i
				}
				if strings.HasPrefix(oldPath, e+"/") {
					oldPrio = i
				}
				i++
			}
		case inNew && strings.HasPrefix(relNew, s+"/"):
			newPrio = i
		case inOld && strings.HasPrefix(relOld, s+"/"):
			oldPrio = i
		}
		i++
	}
	if newPrio < 0 {
		newPrio = builtin
	}
	if oldPrio < 0 {
		oldPrio = builtin
	}
	return newPrio <= oldPrio
}
