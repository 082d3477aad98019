package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/kobench/kobench/cmd/internal/client"
	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/cmd/internal/private"
)

// upInBackground starts the program again, on its own, and waits until its bench answers.
func (s streams) upInBackground(o upOptions) error {
	if o.socket == "" {
		o.socket = daemon.DefaultSocket()
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := client.New(o.socket, "kobench")
	defer c.Close()
	if info, err := c.Info(); err == nil {
		return fmt.Errorf("socket %s: %w: board %s, pid %d (kobench down ends it)", o.socket, daemon.ErrRunning, info.Board, info.PID)
	}
	args := []string{"up", "--socket", o.socket}
	for _, f := range []struct{ flag, value string }{{"--board", o.Board}, {"--root", o.Root}, {"--mount", o.mount}, {"--doors", o.doors}} {
		if f.value != "" {
			args = append(args, f.flag, f.value)
		}
	}
	for _, f := range []struct {
		flag string
		on   bool
	}{{"--no-kerneld", !o.kerneld}, {"--no-doors", o.noDoors}, {"--no-host-files", o.noHostFiles}} {
		if f.on {
			args = append(args, f.flag)
		}
	}
	if err := daemon.Place(o.socket); err != nil {
		return err
	}
	log, err := private.Create(o.socket + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, ownSession()
	if err := cmd.Start(); err != nil {
		return err
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	for range 3000 {
		select {
		case <-died:
			text, _ := os.ReadFile(log.Name())
			return errors.New(strings.TrimPrefix(strings.TrimSpace(string(text)), "kobench: "))
		case <-time.After(10 * time.Millisecond):
		}
		if info, err := c.Info(); err == nil && info.Ready {
			fmt.Fprintf(s.out, "kobench: board %s is up, pid %d, socket %s\n", info.Board, info.PID, o.socket)
			s.problems(info.Problems)
			return nil
		}
	}
	return fmt.Errorf("the bench does not answer after 30 s; its log is %s", log.Name())
}
