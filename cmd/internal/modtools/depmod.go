package modtools

import (
	"errors"
	"fmt"
	"os"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Depmod writes the index files of a module tree: depmod -[aA] [options] [forced_version]
func Depmod(env *Env, args []string) int {
	d := &depmod{tool: newTool(env, kmod.PrioWarning), verbose: kmod.PrioWarning}
	g := d.options("aAb:C:E:F:euqrvnP:wmVh", []longOption{
		{"all", false, 'a'}, {"quick", false, 'A'}, {"basedir", true, 'b'}, {"config", true, 'C'},
		{"symvers", true, 'E'}, {"filesyms", true, 'F'}, {"errsyms", false, 'e'},
		{"unresolved-error", false, 'u'}, {"quiet", false, 'q'}, {"root", false, 'r'},
		{"verbose", false, 'v'}, {"show", false, 'n'}, {"dry-run", false, 'n'},
		{"symbol-prefix", true, 'P'}, {"warn", false, 'w'}, {"map", false, 'm'},
		{"version", false, 'V'}, {"help", false, 'h'},
	}, args)
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		if status, done := d.option(opt, g); done {
			return status
		}
	}
	return d.run(g.operands)
}

type depmod struct {
	*tool
	verbose          kmod.Priority
	all, quick, show bool
	base             string
	configs          []string
	symvers, symsMap string
	opt              kmod.DepmodOptions
}

func (d *depmod) option(opt rune, g *getopt) (status int, done bool) {
	switch opt {
	case 'a':
		d.all = true
	case 'A':
		d.quick = true
	case 'b':
		d.base = g.arg
	case 'C':
		d.configs = append(d.configs, g.arg)
	case 'E':
		d.symvers, d.opt.CheckSymvers = g.arg, true
	case 'F':
		d.symsMap = g.arg
	case 'e':
		d.opt.PrintUnknown = true
	case 'v':
		d.verbose++
	case 'n':
		d.show = true
	case 'P':
		if len(g.arg) > 1 {
			d.logf(kmod.PrioCrit, "-P only takes a single char")
			return failure, true
		}
		if g.arg != "" {
			d.opt.SymbolPrefix = g.arg[0]
		}
	case 'w':
		d.opt.WarnDups = true
	case 'u', 'q', 'r', 'm':
		if g.name != "" {
			d.logf(kmod.PrioWarning, "Ignored deprecated option --%s", g.name)
		} else {
			d.logf(kmod.PrioWarning, "Ignored deprecated option -%c", opt)
		}
	case 'h':
		d.printf(depmodHelp, d.name)
		return success, true
	case 'V':
		d.printf(version)
		return success, true
	default:
		return failure, true
	}
	return 0, false
}

func (d *depmod) run(args []string) int {
	release := d.Release
	if len(args) > 0 {
		var a, b uint
		if n, _ := fmt.Sscanf(args[0], "%d.%d", &a, &b); n != 2 {
			d.errorf("Bad version passed %s", args[0])
			return failure
		}
		release, args = args[0], args[1:]
	}
	dir := d.moduleDir(d.base, release)
	if len(args) == 0 {
		d.all = true
	}
	if d.quick {
		if d.show {
			return success
		}
		current, err := kmod.UpToDate(dir)
		switch {
		case err != nil && !errors.Is(err, os.ErrNotExist):
			d.errorf("could not look at %s: %s", dir, text(err))
		case err != nil:
			if _, derr := os.Stat(dir); derr != nil {
				d.errorf("could not open directory %s: %s", dir, text(derr))
			} else {
				d.errorf("could not fstatat(%s, modules.dep): %s", dir, text(err))
			}
		case current:
			return success
		}
		d.all = true
	}
	d.setupLog(d.verbose)
	d.opt.Log = d.library
	if d.verbose > kmod.PrioWarning {
		d.opt.Show = d.printf
	}
	if d.symvers == "" && d.symsMap == "" && d.opt.PrintUnknown {
		d.logf(kmod.PrioWarning, "-e needs -E or -F")
		d.opt.PrintUnknown = false
	}
	if d.all {
		configs := d.configs
		if configs == nil {
			configs = kmod.ConfigDirs(d.Root, "depmod.d")
		}
		d.opt.Config = kmod.ReadDepmodConfig(configs, release, d.library)
	}
	dm := kmod.NewDepmod(dir, d.opt)
	if !d.kernelSymbols(dm) || !d.modules(dm, args) {
		return failure
	}
	err := dm.Load()
	switch {
	case err != nil:
	case d.show:
		err = dm.Show(d.Stdout)
	default:
		err = dm.Write()
	}
	if err != nil {
		return failure
	}
	return success
}

// kernelSymbols reads the kernel's own symbols from the file of -E or -F.
func (d *depmod) kernelSymbols(dm *kmod.Depmod) bool {
	file, load := d.symvers, dm.LoadSymvers
	if file == "" {
		file, load = d.symsMap, dm.LoadSystemMap
	}
	if file == "" {
		return true
	}
	data, err := d.readFile(file)
	if err != nil {
		d.logf(kmod.PrioCrit, "could not load %s: %s", file, text(err))
		return false
	}
	load(data, file)
	return true
}

func (d *depmod) modules(dm *kmod.Depmod, files []string) bool {
	if d.all {
		if err := dm.Search(); err != nil {
			d.logf(kmod.PrioCrit, "could not search modules: %s", text(err))
			return false
		}
		return true
	}
	for _, f := range files {
		if f[:min(1, len(f))] != "/" {
			d.logf(kmod.PrioCrit, "%s: not absolute path.", f)
			return false
		}
		if err := dm.AddFile(f); err != nil {
			what := "create"
			if kernel.ErrnoOf(err) == kernel.EEXIST {
				what = "add"
			}
			d.logf(kmod.PrioCrit, "could not %s module %s: %s", what, f, text(err))
			return false
		}
	}
	return true
}

const depmodHelp = `Usage:
	%s -[aA] [options] [forced_version]

If no arguments (except options) are given, "depmod -a" is assumed

depmod will output a dependency list suitable for the modprobe utility.

Options:
	-a, --all            Probe all modules
	-A, --quick          Only does the work if there's a new module
	-e, --errsyms        Report not supplied symbols
	-n, --show           Write the dependency file on stdout only
	-P, --symbol-prefix  Architecture symbol prefix
	-C, --config=PATH    Read configuration from PATH
	-v, --verbose        Enable verbose mode
	-w, --warn           Warn on duplicates
	-V, --version        show version
	-h, --help           show this help

The following options are useful for people managing distributions:
	-b, --basedir=DIR    Use an image of a module tree.
	-F, --filesyms=FILE  Use the file instead of the
	                     current kernel symbols.
	-E, --symvers=FILE   Use Module.symvers file to check
	                     symbol versions.
`
