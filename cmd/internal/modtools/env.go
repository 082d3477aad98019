package modtools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Env is the world that a tool runs in.
type Env struct {
	Argv0          string // as typed; its last part names the tool in messages
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	System kmod.System // the live kernel; nil: none, nothing can be loaded
	// Root is the host directory that stands for "/": /lib/modules, /etc/modprobe.d and
	// /etc/depmod.d are looked for below it. "" is the host's own.
	Root    string
	Release string // the kernel's release, what uname -r prints
	// HostCmdline is the host's file that has its kernel's command line, for a System without one;
	// "" is none.
	HostCmdline string
	// "KEY=value"; of it MODPROBE_OPTIONS is read, all goes to install commands
	Environ []string

	// Syslog takes the messages of a tool run with -s. nil: they go to Stderr.
	Syslog func(p kmod.Priority, text string)
	// Inserted is told of every module that a modprobe -k put in; kerneld marks it autoclean.
	Inserted func(name string)

	Requests Requests // kerneld's source of work
	// Control hands a word to the running kerneld and gives its answer, for kdstat.
	Control func(word string) (string, error)
}

const (
	success = 0
	failure = 1
)

// version is what -V prints, that of Debian's build.
const version = "kmod version 30\n+ZSTD +XZ -ZLIB +LIBCRYPTO -EXPERIMENTAL\n"

// tool is one run of one tool.
type tool struct {
	*Env
	name    string        // for messages
	limit   kmod.Priority // less urgent messages are dropped
	set     bool          // limit was set up; until then libkmod speaks in its own name
	syslog  bool
	environ []string
}

func newTool(env *Env, limit kmod.Priority) *tool {
	t := &tool{Env: env, name: path.Base(env.Argv0), limit: limit, environ: slices.Clone(env.Environ)}
	if t.System == nil {
		e := *env
		e.System = kmod.NoSystem{}
		t.Env = &e
	}
	return t
}

// logf prints "tool: LEVEL: text".
func (t *tool) logf(p kmod.Priority, format string, args ...any) {
	if p > t.limit {
		return
	}
	text := fmt.Sprintf(format, args...)
	if t.syslog && t.Syslog != nil {
		t.Syslog(p, fmt.Sprintf("%s: %s", p, text))
		return
	}
	fmt.Fprintf(t.Stderr, "%s: %s: %s\n", t.name, p, text)
}

func (t *tool) errorf(format string, args ...any) { t.logf(kmod.PrioErr, format, args...) }

// library is the kmod.Logger of this run.
func (t *tool) library(p kmod.Priority, from kmod.Origin, text string) {
	where := fmt.Sprintf("%s:%d %s", from.File, from.Line, from.Func)
	switch {
	case from.File == "":
		t.logf(p, "%s", text)
	case t.set:
		t.logf(p, "%s() %s", where, text)
	case p <= kmod.PrioErr:
		fmt.Fprintf(t.Stderr, "libkmod: %s %s: %s\n", p, where, text)
	}
}

// setupLog is kmod's log_setup_kmod_log: from here on libkmod's messages are the tool's.
func (t *tool) setupLog(limit kmod.Priority) { t.limit, t.set = limit, true }

func (t *tool) printf(format string, args ...any) { fmt.Fprintf(t.Stdout, format, args...) }

// moduleDir is the module tree: below dir if that is given, else below the root. A relative dir
// becomes absolute, but is not cleaned: it is printed.
func (t *tool) moduleDir(dir, release string) string {
	if dir == "" {
		dir = t.Root
	} else if wd, err := os.Getwd(); err == nil && !path.IsAbs(dir) {
		dir = wd + "/" + dir
	}
	if release == "" {
		release = t.Release
	}
	return dir + "/lib/modules/" + release
}

// readFile reads a file of the kernel's /proc or /sys, or of the host.
func (t *tool) readFile(name string) ([]byte, error) {
	if strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/sys/") {
		if data, err := t.System.ReadFile(name); err == nil {
			return data, nil
		}
	}
	return os.ReadFile(name)
}

func (t *tool) getenv(key string) (string, bool) {
	for i := len(t.environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(t.environ[i], "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

func (t *tool) setenv(key, value string) {
	t.environ = append(slices.DeleteFunc(t.environ, func(kv string) bool {
		return strings.HasPrefix(kv, key+"=")
	}), key+"="+value)
}

// shell runs an install or remove command as system(3) does.
func (t *tool) shell(command, module string) (int, error) {
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.Stdin, t.Stdout, t.Stderr
	cmd.Env = append(slices.Clone(t.environ), "MODPROBE_MODULE="+module)
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 0), nil // killed by a signal counts as 0, as in kmod
	}
	return 0, err
}

// text is the C library's text for an error.
func text(err error) string { return kernel.ErrnoOf(err).Error() }
