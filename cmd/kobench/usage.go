package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command that was called wrongly.
type usageError struct {
	cmd *cobra.Command
	err error
}

// Unwrap is what is wrong.
func (e *usageError) Unwrap() error { return e.err }

func (e *usageError) Error() string { return e.err.Error() }

// told is the error with the command's name before it and its help behind it. called is the name
// that the program was called by.
func (e *usageError) told(called string) string {
	name := e.cmd.CommandPath()
	if called == e.cmd.Name() {
		name = called
	}
	return fmt.Sprintf("%s: %v; %s --help tells more", name, e.err, name)
}

// polish makes what cobra says of a wrong call name the command, and its help say no more than
// there is.
func polish(root *cobra.Command) {
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd, err} })
	usage, help := root.UsageFunc(), root.HelpFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		return trimmed(cmd, func() error { return usage(cmd) })
	})
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		_ = trimmed(cmd, func() error { help(cmd, args); return nil })
	})
	var each func(*cobra.Command)
	each = func(cmd *cobra.Command) {
		if want := cmd.Args; want != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if want(cmd, args) == nil {
					return nil
				}
				return &usageError{cmd, fmt.Errorf("%s, want %s", counted(len(args)), cmd.Use)}
			}
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
}

func counted(n int) string {
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// trimmed takes out of a help text what says that --help could be told true or false.
func trimmed(cmd *cobra.Command, write func() error) error {
	const noise = "[=true|false]"
	out := cmd.OutOrStdout()
	var b bytes.Buffer
	cmd.Root().SetOut(&b)
	defer cmd.Root().SetOut(out)
	err := write()
	_, werr := fmt.Fprint(out, strings.ReplaceAll(b.String(), noise, strings.Repeat(" ", len(noise))))
	return errors.Join(err, werr)
}
