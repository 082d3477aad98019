package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kobench/kobench/cmd/internal/corpus"
	"github.com/kobench/kobench/kernel/kbuild"
	"github.com/spf13/cobra"
)

func (s streams) corpusCommand() *cobra.Command {
	var o corpus.Options
	var one, asJSON bool
	cmd := &cobra.Command{
		Use: "corpus DIR", Short: "Try every C module below a folder: build, load, exercise, unload", Args: cobra.MaximumNArgs(1),
		Long: `corpus finds the modules that the Kbuild files and Makefiles below DIR name (obj-m, and obj-$(CONFIG_X) too), builds each in a copy,
loads each into a fresh kernel with the modules that it needs, opens, reads, writes and polls every device that appeared, reads every file
of /proc, /sys and debugfs that did, unloads, and prints what happened. DIR is not written to.

With --results FILE each result is kept as a line of JSON, and a second run of the same sources and the same kobench builds all of them,
but loads only those that the first one had not come to. Exit status 0: every module was built, loaded and unloaded with nothing in the log against it; 1: some were not.`,
		Example: `  kobench corpus ~/src/lkmpg/examples
  kobench corpus ldd3 --results ldd3.jsonl -b default
  kobench corpus ldd3 --json | jq -r 'select(.oops) | .path'`,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if one {
				return corpus.One(s.in, s.out)
			}
			if len(args) == 0 {
				return errors.New("corpus: which folder?")
			}
			o.Dir = args[0]
			if o.KDir, err = (kbuild.Config{Exports: exports}).Extract(); err != nil {
				return err
			}
			if o.Self, err = os.Executable(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			bar := newBenchBar(s.err)
			o.Progress = func(done, total int, r corpus.Result) { bar.at(done, total, r.Path) }
			all, err := corpus.Run(ctx, o)
			bar.end()
			stopped := errors.Is(err, context.Canceled)
			if err != nil && !stopped {
				return fmt.Errorf("corpus: %w", err)
			}
			if err := s.corpusResults(all, asJSON); err != nil {
				return err
			}
			if stopped {
				fmt.Fprintln(s.err, "corpus: stopped; what was tried is above")
				return exitStatus(130)
			}
			for _, r := range all {
				if !r.Clean() {
					return exitStatus(1)
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Board, "board", "b", "bare", "the machine to load into: a board's name, or a .yaml file")
	f.IntVarP(&o.Jobs, "jobs", "j", 0, "how many modules at once (default one for each processor)")
	f.DurationVar(&o.Timeout, "timeout", time.Minute, "for the build, and again for the rest, of one module")
	f.StringVar(&o.Results, "results", "", "keep results in this file, and go on from it")
	f.BoolVar(&asJSON, "json", false, "write a line of JSON for each module instead of the table")
	f.BoolVar(&one, "one", false, "exercise the one module that the job on standard input names")
	_ = f.MarkHidden("one")
	return cmd
}

func (s streams) corpusResults(all []corpus.Result, asJSON bool) error {
	if !asJSON {
		return corpus.Table(s.out, all)
	}
	enc := json.NewEncoder(s.out)
	for _, r := range all {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
