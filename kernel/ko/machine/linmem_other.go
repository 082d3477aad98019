//go:build !unix

package machine

import "context"

// linearMemory is nothing here: wazero keeps kernel memory in Go's heap, and
// moves it when it grows.
type linearMemory struct{}

func (m *Machine) withMemory(ctx context.Context) (context.Context, error) { return ctx, nil }

func (l *linearMemory) unmap() error { return nil }
