//go:build !linux

package main

import (
	"os/exec"

	"github.com/kobench/kobench/cmd/internal/client"
)

// programs runs programs in the host's world: showing them another kernel's takes Linux.
func (s streams) programs(*bench) (run func(*exec.Cmd) error) { return (*exec.Cmd).Run }

func runIn(_ *client.Client, cmd *exec.Cmd) error { return cmd.Run() }
