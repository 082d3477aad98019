package modtools

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kobench/kobench/kernel/kmod"
)

// Kmod is the tool of tools: kmod [options] command [command_options]. Called by another tool's
// name it is that tool.
func Kmod(env *Env, args []string) int {
	if other, ok := ByName(env.Argv0); ok && other.Name != "kmod" {
		return other.Run(env, args)
	}
	t := newTool(env, kmod.PrioWarning)
	g := t.options("+hV", []longOption{{"help", false, 'h'}, {"version", false, 'V'}}, args)
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		switch opt {
		case 'h':
			t.kmodHelp()
			return success
		case 'V':
			t.printf(version)
			return success
		default:
			return failure
		}
	}
	if len(g.operands) == 0 {
		fmt.Fprintln(t.Stderr, "missing command")
		t.kmodHelp()
		return failure
	}
	sub := *t.Env
	switch cmd := g.operands[0]; cmd {
	case "help":
		t.kmodHelp()
		return success
	case "list":
		sub.Argv0 = cmd
		return Lsmod(&sub, g.operands[1:])
	case "static-nodes":
		return t.staticNodes(g.operands[1:])
	default:
		fmt.Fprintf(t.Stderr, "invalid command '%s'\n", cmd)
		t.kmodHelp()
		return failure
	}
}

func (t *tool) kmodHelp() {
	t.printf(`kmod - Manage kernel modules: list, load, unload, etc
Usage:
	%s [options] command [command_options]

Options:
	-V, --version     show version
	-h, --help        show this help

Commands:
  help         Show help message
  list         list currently loaded modules
  static-nodes outputs the static-node information installed with the currently running kernel

kmod also handles gracefully if called from following symlinks:
`, t.name)
	for _, other := range Tools() {
		if other.Classic {
			t.printf("  %-12s compat %s command\n", other.Name, other.Name)
		}
	}
}

const staticNodesHelp = `Usage:
	%s static-nodes [options]

kmod static-nodes outputs the static-node information of the currently running kernel.

Options:
	-f, --format=FORMAT  choose format to use: see "Formats"
	-o, --output=FILE    write output to file
	-h, --help           show this help

Formats:
	human        (default) a human readable format. Do not parse.
	tmpfiles     the tmpfiles.d(5) format used by systemd-tmpfiles.
	devname      the modules.devname format.
`

// staticNodes prints the device nodes of modules.devname in another format.
func (t *tool) staticNodes(args []string) int {
	g := t.options("o:f:h", []longOption{{"output", true, 'o'}, {"format", true, 'f'}, {"help", false, 'h'}}, args)
	g.t = &tool{Env: &Env{Argv0: "static-nodes", Stderr: t.Stderr}}
	format, output := "human", ""
	for {
		opt, ok := g.next()
		if !ok {
			break
		}
		switch opt {
		case 'o':
			output = g.arg
		case 'f':
			switch format = g.arg; format {
			case "human", "tmpfiles", "devname":
			default:
				fmt.Fprintf(t.Stderr, "Unknown format: '%s'.\n", format)
				t.printf(staticNodesHelp, t.name)
				return failure
			}
		case 'h':
			t.printf(staticNodesHelp, t.name)
			return success
		default:
			return failure
		}
	}
	list := t.moduleDir("", "") + "/modules.devname"
	data, err := os.ReadFile(list)
	switch {
	case os.IsNotExist(err):
		fmt.Fprintf(t.Stderr, "Warning: %s not found - ignoring\n", list)
		return success
	case err != nil:
		fmt.Fprintf(t.Stderr, "Error: could not open %s - %s\n", list, text(err))
		return failure
	}
	if output == "" || output == "/dev/stdout" {
		w := bufio.NewWriter(t.Stdout)
		defer w.Flush()
		return t.writeNodes(w, string(data), format)
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		fmt.Fprintf(t.Stderr, "Error: could not create parent directory for %s - %s.\n", output, text(err))
		return failure
	}
	f, err := os.Create(output)
	if err != nil {
		fmt.Fprintf(t.Stderr, "Error: could not create %s - %s\n", output, text(err))
		return failure
	}
	w := bufio.NewWriter(f)
	status := t.writeNodes(w, string(data), format)
	if err := w.Flush(); err != nil {
		status = failure
	}
	if err := f.Close(); err != nil {
		status = failure
	}
	return status
}

func (t *tool) writeNodes(w *bufio.Writer, data, format string) int {
	status := success
	for line := range strings.Lines(data) {
		if line[0] == '#' {
			continue
		}
		var module, dev string
		var kind rune
		var major, minor uint32
		if n, _ := fmt.Sscanf(line, "%s %s %c%d:%d", &module, &dev, &kind, &major, &minor); n != 5 || kind != 'c' && kind != 'b' {
			fmt.Fprintf(t.Stderr, "Error: invalid devname entry: %s", line)
			status = failure
			continue
		}
		switch format {
		case "human":
			what := "block"
			if kind == 'c' {
				what = "character"
			}
			fmt.Fprintf(w, "Module: %s\n\tDevice node: /dev/%s\n\t\tType: %s device\n\t\tMajor: %d\n\t\tMinor: %d\n",
				module, dev, what, major, minor)
		case "tmpfiles":
			if i := strings.LastIndexByte(dev, '/'); i >= 0 {
				fmt.Fprintf(w, "d /dev/%s 0755 - - -\n", dev[:i])
			}
			fmt.Fprintf(w, "%c! /dev/%s 0600 - - - %d:%d\n", kind, dev, major, minor)
		case "devname":
			fmt.Fprintf(w, "%s %s %c%d:%d\n", module, dev, kind, major, minor)
		}
	}
	return status
}
