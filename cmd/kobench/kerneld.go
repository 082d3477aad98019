package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// kerneld is the process that loads modules for a bench's kernel. It is started when the kernel
// asks for the first one.
type kerneld struct {
	socket string
	root   string

	mu sync.Mutex
	// nil: not started
	cmd *exec.Cmd // +checklocks:mu
	// closed when it has ended
	gone  chan struct{} // +checklocks:mu
	ended bool          // +checklocks:mu
}

// start starts it. What it gives is closed when the process has ended.
//
// Errors: those of starting a program; the bench is ending.
func (k *kerneld) start() (gone <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return nil, errors.New("kerneld: the bench is ending")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "kerneld")
	cmd.Env = append(os.Environ(), "KOBENCH_SOCKET="+k.socket, "KOBENCH_ROOT="+k.root)
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("kerneld: %w", err)
	}
	done := make(chan struct{})
	k.cmd, k.gone = cmd, done
	go func() { _ = cmd.Wait(); close(done) }()
	return done, nil
}

// end ends it, if it was started, and waits until it has gone.
func (k *kerneld) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	if k.cmd == nil {
		return
	}
	_ = k.cmd.Process.Signal(os.Interrupt)
	select {
	case <-k.gone:
	case <-time.After(2 * time.Second):
		_ = k.cmd.Process.Kill()
		<-k.gone
	}
}
