package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

// sudoCommand is what `sudo` is inside of `kobench run`: whoever runs a bench is its root already,
// and so the command is run as it is. It exists so that a handout's lines work as printed.
func (s streams) sudoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sudo COMMAND…", Short: "Run a command as the bench's root, who you are", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			env, words := sudoArgs(args)
			if len(words) == 0 {
				return fmt.Errorf("which command? (in a bench, sudo runs it as it is: you are its root)")
			}
			path, err := exec.LookPath(words[0])
			if err != nil {
				fmt.Fprintf(s.err, "sudo: %s: command not found\n", words[0])
				return exitStatus(1)
			}
			return replaceBy(path, words, append(os.Environ(), env...))
		},
	}
}

// sudoArgs takes sudo's own options and settings of variables off; -i and -s ask for a shell.
func sudoArgs(args []string) (env, words []string) {
	for len(args) > 0 {
		a := args[0]
		name, _, set := strings.Cut(a, "=")
		switch {
		case a == "--":
			return env, args[1:]
		case a == "-i" || a == "-s":
			shell := os.Getenv("SHELL")
			if shell == "" {
				shell = "/bin/sh"
			}
			if len(args) == 1 {
				return env, []string{shell}
			}
		case a == "-u" || a == "-g" || a == "-p" || a == "-C" || a == "-h": // with a word
			args = args[1:]
		case strings.HasPrefix(a, "-"):
		case set && name != "" && !strings.Contains(name, "/"):
			env = append(env, a)
		default:
			return env, args
		}
		if len(args) > 0 {
			args = args[1:]
		}
	}
	return env, nil
}
