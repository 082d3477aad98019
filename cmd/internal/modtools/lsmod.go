package modtools

import (
	"fmt"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Lsmod lists the loaded modules. It takes no arguments.
func Lsmod(env *Env, args []string) int {
	t := newTool(env, kmod.PrioWarning)
	if len(args) > 0 {
		fmt.Fprintf(t.Stderr, "Usage: %s\n", t.Argv0)
		return failure
	}
	ctx := kmod.NewContext(t.moduleDir("", ""), nil, t.System, t.library)
	list, err := ctx.Loaded()
	if err != nil {
		fmt.Fprintf(t.Stderr, "Error: could not get list of modules: %s\n", text(err))
		return failure
	}
	t.printf("Module                  Size  Used by\n")
	for _, m := range list {
		t.printf("%-19s %8d  %d", m.Name(), orErrno(m.Size()), orErrno(m.RefCount()))
		if holders := m.Holders(); len(holders) > 0 {
			t.printf(" %s", strings.Join(names(holders), ","))
		}
		t.printf("\n")
	}
	return success
}

// orErrno is the number, or what kmod prints where there is none: the negative error number.
func orErrno(n int, err error) int {
	if err != nil {
		return -int(kernel.ErrnoOf(err))
	}
	return n
}
