package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kobench/kobench/cmd/internal/client"
	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// killable is the bench as the module tools see it. A tool whose task an oops has killed ends as a
// process does that a signal kills: the shell would say so, here the tool itself does, with the
// shell's status.
type killable struct {
	kmod.System
	errw io.Writer
}

func (k *killable) FinitModule(image []byte, params string, flags int) error {
	return k.survive(k.System.FinitModule(image, params, flags))
}

func (k *killable) DeleteModule(name string, flags int) error {
	return k.survive(k.System.DeleteModule(name, flags))
}

func (k *killable) survive(err error) error {
	if errors.Is(err, kernel.ErrKilled) {
		fmt.Fprintln(k.errw, "Killed")
		os.Exit(128 + int(kernel.SIGKILL))
	}
	return err
}

// requests are what the bench's kernel asks kerneld for.
type requests struct{ c *client.Client }

func (r *requests) Requests(ctx context.Context) (<-chan modtools.Request, error) {
	ch := make(chan modtools.Request)
	listening := make(chan error, 1)
	go func() {
		defer close(ch)
		answer := r.c.Another()
		defer answer.Close()
		err := r.c.Requests(ctx, func() { listening <- nil }, func(q daemon.Request) error {
			kind := modtools.RequestModule
			if q.Control {
				kind = modtools.ControlRequest
			}
			request := modtools.Request{Type: kind, Name: q.Name, Done: func(text string, err error) {
				e := kernel.Errno(0)
				if err != nil {
					e = kernel.ErrnoOf(err)
				}
				_ = answer.Answer(q.ID, e, text)
			}}
			select {
			case ch <- request:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		select {
		case listening <- err:
		default:
		}
	}()
	if err := <-listening; err != nil {
		return nil, err
	}
	return ch, nil
}
