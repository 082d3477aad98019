// Package modpost is the second stage of a module build: it reads the objects, checks what they
// need against what the kernel and other modules export, and writes NAME.mod.c and Module.symvers.
//
// Texts and file formats are those of Linux 6.1, with one exception: a missing MODULE_LICENSE() is
// a warning, as it was until Linux 5.9, unless -L asks for today's error.
//
// References:
//   - [modpost] Linux 6.1, scripts/mod/modpost.c (check_exports, write_dump, add_header,
//     add_depends)
//   - [sumversion] Linux 6.1, scripts/mod/sumversion.c
package modpost

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrFailed says that the modules were refused; the reasons have been written to stderr.
var ErrFailed = errors.New("modpost failed")

// maxReports is how many undefined symbols are named before the rest is only counted.
const maxReports = 10

// options are modpost's command line.
type options struct {
	output     string   // -o: Module.symvers to write
	dumps      []string // -i: Module.symvers files to read
	order      string   // -T: file that lists the modules
	warn       bool     // -w: an undefined symbol is only a warning
	strict     bool     // -L: a missing licence is an error
	external   bool     // -e: out-of-tree modules
	namespaces bool     // -N: a missing namespace import is only a warning
	objects    []string
}

func parseArgs(args []string) (options, error) {
	var o options
	for i := 0; i < len(args); i++ {
		arg := args[i]
		value := func() (string, error) {
			if i+1 >= len(args) {
				return "", fmt.Errorf("modpost: %s needs a file name", arg)
			}
			i++
			return args[i], nil
		}
		var err error
		switch arg {
		case "-o":
			o.output, err = value()
		case "-T":
			o.order, err = value()
		case "-i":
			var f string
			f, err = value()
			o.dumps = append(o.dumps, f)
		case "-w":
			o.warn = true
		case "-L":
			o.strict = true
		case "-e":
			o.external = true
		case "-N":
			o.namespaces = true
		case "-m", "-a", "-E", "-n":
			// accepted: nothing to do here
		default:
			if strings.HasPrefix(arg, "-") {
				return o, fmt.Errorf("modpost: unknown option %s", arg)
			}
			o.objects = append(o.objects, arg)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// Run is `kobench modpost ARGS`: -e, -w, -L, -i DUMP, -T ORDER, -o SYMVERS and objects. Warnings
// and errors go to stderr.
//
// Errors:
//   - ErrFailed: a module was refused; why is on stderr already;
//   - a file that cannot be read, parsed or written, an unknown option.
func Run(args []string, _, stderr io.Writer) error {
	o, err := parseArgs(args)
	if err != nil {
		return err
	}
	p := &post{options: o, err: stderr, symbols: map[string]*export{}}
	for _, f := range o.dumps {
		if err := p.readDump(f); err != nil {
			return err
		}
	}
	if err := p.readOrder(); err != nil {
		return err
	}
	for _, path := range p.objects {
		if err := p.readModule(path); err != nil {
			return err
		}
	}
	for _, m := range p.modules {
		p.check(m)
		if err := p.writeModC(m); err != nil {
			return err
		}
	}
	if hidden := p.unresolved - maxReports; hidden > 0 {
		p.log(p.warn, "suppressed %d unresolved symbol warnings because there were too many)", hidden)
	}
	if o.output != "" {
		if err := p.writeDump(); err != nil {
			return err
		}
	}
	if p.failed {
		return ErrFailed
	}
	return nil
}

// post is one run.
type post struct {
	options
	err        io.Writer
	symbols    map[string]*export
	modules    []*module
	unresolved int
	failed     bool
}

// export is one exported symbol.
type export struct {
	name, namespace string
	module          string // path without .ko; "vmlinux"
	gpl             bool
	local           bool // of a module that is built now
}

// log writes a warning, or an error that fails the run.
func (p *post) log(warning bool, format string, args ...any) {
	kind := "WARNING"
	if !warning {
		kind, p.failed = "ERROR", true
	}
	fmt.Fprintf(p.err, "%s: modpost: %s\n", kind, fmt.Sprintf(format, args...))
}

// readOrder adds the modules that the -T file lists: one path of a .ko or .o in each line.
func (p *post) readOrder() error {
	if p.order == "" {
		return nil
	}
	text, err := os.ReadFile(p.order)
	if err != nil {
		return fmt.Errorf("modpost: %w", err)
	}
	for _, line := range strings.Fields(string(text)) {
		p.objects = append(p.objects, strings.TrimSuffix(strings.TrimSuffix(line, ".ko"), ".o")+".o")
	}
	return nil
}

// readDump reads a Module.symvers.
func (p *post) readDump(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("modpost: %w", err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimRight(in.Text(), "\r")
		if line == "" {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) < 4 {
			return fmt.Errorf("modpost: %s:%d: not a symbol version dump: want CRC, symbol, module, export type: %q", path, n, line)
		}
		s := &export{name: f[1], module: f[2], gpl: f[3] == "EXPORT_SYMBOL_GPL"}
		if len(f) > 4 {
			s.namespace = f[4]
		}
		p.symbols[s.name] = s
	}
	return in.Err()
}

// writeDump writes the symbols of the modules built now.
func (p *post) writeDump() error {
	var b strings.Builder
	for _, m := range p.modules {
		for _, s := range m.exports {
			if p.symbols[s.name] != s {
				continue
			}
			kind := "EXPORT_SYMBOL"
			if s.gpl {
				kind = "EXPORT_SYMBOL_GPL"
			}
			fmt.Fprintf(&b, "0x%08x\t%s\t%s\t%s\t%s\n", 0, s.name, s.module, kind, s.namespace)
		}
	}
	return writeIfChanged(p.output, []byte(b.String()), true)
}

// writeIfChanged leaves a file alone that already says the same, so that make does not rebuild what
// follows from it. touch updates its time all the same.
func writeIfChanged(path string, data []byte, touch bool) error {
	have, err := os.ReadFile(path)
	if err == nil && string(have) == string(data) && !touch {
		return nil
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("modpost: %w", err)
	}
	return nil
}

// base is the module's name as the kernel knows it.
func base(path string) string {
	return strings.ReplaceAll(filepath.Base(path), "-", "_")
}
