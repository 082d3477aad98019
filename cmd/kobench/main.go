// Command kobench is an emulated test bench for character devices: a simulated kernel, the tools
// that load modules into it, and the hardware behind its drivers. Called by the name of one of its
// tools (insmod, rmmod, …) it is that tool.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kobench/kobench/cmd/internal/client"
	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/kernel"
	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: its arguments with its own name first, its streams, its exit status.
func run(args []string, in io.Reader, out, errw io.Writer) int {
	io := streams{in, out, errw}
	name := filepath.Base(args[0])
	if tool, ok := modtools.ByName(name); ok {
		return io.module(tool, args[0], args[1:])
	}
	root := commands(io)
	if sub, _, err := root.Find([]string{name}); err == nil && sub != root {
		root.SetArgs(args)
		root.SetArgs(append([]string{name}, args[1:]...))
	} else {
		if len(args) > 1 {
			if tool, ok := modtools.ByName(args[1]); ok {
				return io.module(tool, args[1], args[2:])
			}
		}
		root.SetArgs(args[1:])
	}
	err := root.Execute()
	var status exitStatus
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(errw, usage.told(name))
		return 1
	case errors.As(err, &status):
		return int(status)
	}
	if strings.HasPrefix(err.Error(), "unknown command ") { // cobra has no type for it
		err = fmt.Errorf("%w; kobench --help lists them", err)
	}
	fmt.Fprintf(errw, "%s: %v\n", name, err)
	return 1
}

// exitStatus is an error that has been told already.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// bench is the connection to the running bench.
func (s streams) bench(comm string) *client.Client { return client.New(daemon.DefaultSocket(), comm) }

// module runs one of the module tools against the running bench.
func (s streams) module(tool modtools.Tool, argv0 string, args []string) int {
	c := s.bench(tool.Name)
	defer c.Close()
	env := &modtools.Env{
		Argv0: argv0, Stdin: s.in, Stdout: s.out, Stderr: s.err, System: &killable{System: c, errw: s.err},
		Release: kernel.Release, Environ: os.Environ(),
	}
	if root, set := os.LookupEnv("KOBENCH_ROOT"); set {
		// "/" is the host's own, and paths begin with one slash
		env.Root = strings.TrimRight(root, "/")
	} else if info, err := c.Info(); err == nil {
		env.Root = info.Root
	} else if tool.NeedsBench(args) {
		fmt.Fprintf(s.err, "%s: %v\n", tool.Name, err)
		return 1
	} else if release := hostRelease(); release != "" { // no bench: about the host's modules
		env.Release, env.HostCmdline = release, "/proc/cmdline"
	}
	env.Control = c.Control
	requests := &requests{c: c.Another()}
	defer requests.c.Close()
	env.Requests = requests
	return tool.Run(env, args)
}

func commands(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kobench",
		Short: "An emulated test bench for character devices",
		Long: `kobench runs a simulated kernel that loads drivers (.ko files built from C, or drivers written in Go) and connects them to
emulated hardware. No root, no virtual machine.

  kobench demo                    boot, load drivers, loop back every device, show what happened
  kobench up -d                   a bench in the background; insmod, rmmod, lsmod, dmesg, cat … talk to it
  kobench run -- make test        a fresh bench for the length of one command

The module tools are sub-commands too, with the options of kmod 30; "kobench insmod --help" shows them. Called by the name of a tool,
the program is that tool ("kobench links DIRECTORY" makes the names).`,
		SilenceUsage: true, SilenceErrors: true,
		Version: version(),
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddGroup(groups()...)
	root.SetHelpCommandGroupID(buildGroup)
	root.SetCompletionCommandGroupID(buildGroup)
	for _, r := range s.rows() {
		r.cmd.GroupID = r.group
		root.AddCommand(r.cmd)
	}
	for _, t := range modtools.Tools() { // for the list of commands; run() takes them before
		root.AddCommand(&cobra.Command{Use: t.Name, Short: t.Short, GroupID: toolGroup, DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error { return nil }})
	}
	polish(root)
	return root
}
