// Package local gives the module tools a kernel of the same program, without a socket between them.
package local

import (
	"bytes"
	"errors"
	"io"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// System is a kernel of this program as the module tools see one. Each call is made by a task of
// its own, in the name of Task's user.
type System struct{ Task *kernel.Task }

var _ kmod.System = System{}

func (l System) task() *kernel.Task {
	return l.Task.Kernel().NewTask(kernel.WithCred(l.Task.Cred()), kernel.WithComm(l.Task.Comm()))
}

// FinitModule loads a module from its bytes.
func (l System) FinitModule(image []byte, params string, flags int) error {
	t := l.task()
	defer t.Exit()
	return t.InitModule(image, params, flags)
}

// DeleteModule removes one.
func (l System) DeleteModule(name string, flags int) error {
	t := l.task()
	defer t.Exit()
	return t.DeleteModule(name, flags)
}

// ReadFile reads a file of the kernel's name space to its end.
func (l System) ReadFile(path string) ([]byte, error) {
	t := l.task()
	defer t.Exit()
	return ReadFile(t, path)
}

// ReadDir lists a directory: modules in the kernel's order, everything else by name.
func (l System) ReadDir(path string) ([]string, error) {
	t := l.task()
	defer t.Exit()
	list, err := t.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names, nil
}

// ReadFile reads a file to its end in the name of t.
func ReadFile(t *kernel.Task, path string) ([]byte, error) {
	h, err := t.OpenFile(path, kernel.O_RDONLY)
	if err != nil {
		return nil, kernel.ErrnoOf(err)
	}
	defer h.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, struct{ io.Reader }{h}); err != nil {
		var e kernel.Errno
		if errors.As(err, &e) {
			return nil, e
		}
		return nil, err
	}
	return b.Bytes(), nil
}
