package corpus

import (
	"path/filepath"

	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

func start(j Job, root string) (*sim.Sim, error) {
	if err := j.symlinkAll(filepath.Join(root, "lib", "modules", uapi.Release, "updates")); err != nil {
		return nil, err
	}
	return sim.Start(sim.Options{Board: j.Board, Root: root})
}

// unload removes the module, without a wait for what still uses it.
func unload(k *kernel.Kernel, name string) error {
	t := k.NewTask(kernel.WithComm("rmmod"))
	defer t.Exit()
	return t.DeleteModule(name, kernel.O_NONBLOCK)
}
