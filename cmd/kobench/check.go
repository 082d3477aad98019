package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kobench/kobench/kernel/ko/check"
	"github.com/kobench/kobench/kernel/scenario"
	"github.com/spf13/cobra"
)

func (s streams) checkCommand() *cobra.Command {
	var o struct {
		scenario string
		needs    []string
		replay   string
		json     bool
		patience time.Duration
	}
	cmd := &cobra.Command{
		Use: "check MODULE.ko", Short: "Search a driver for bugs", Args: cobra.ExactArgs(1),
		Long: `check loads the module into a fresh kernel and runs a scenario against it: a text of system calls (go doc ./kernel/scenario),
or, without --scenario, the calls that any program could make of any device, on every device and file that the module brings. It judges each
answer, and what is in the log and in the kernel when the module has gone. Then each call of the module that may fail (an allocation, a
registration) fails once, in a run of its own. "go doc ./kernel/ko/check" lists what is found.

Exit status 0: nothing was found; 1: something was; 2: the module could not be checked.`,
		Example: `  kobench check scull.ko
  kobench check scull.ko --scenario twowriters.txt --json`,
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			cfg, err := checkConfig(args[0], o.scenario, o.needs)
			if err != nil {
				return s.cannotCheck(err)
			}
			cfg.Patience, cfg.Replay = o.patience, o.replay
			bar := newBenchBar(s.err)
			defer bar.end()
			cfg.Progress = func(done, total int) { bar.at(done, total, cfg.Module) }
			report, err := check.Run(ctx, cfg)
			if err != nil {
				return s.cannotCheck(err)
			}
			return s.checkResults(report, o.json, o.replay != "")
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.scenario, "scenario", "", "a file of system calls to run instead of the built-in ones")
	f.StringSliceVar(&o.needs, "needs", nil, "modules that it depends on, in the order of loading")
	f.DurationVar(&o.patience, "patience", 200*time.Millisecond, "how long a call may sleep before a signal ends it")
	f.StringVar(&o.replay, "replay", "", "make only the run that a finding's replay token names, and show its log")
	f.BoolVar(&o.json, "json", false, "write the report as JSON")
	return cmd
}

func checkConfig(module, script string, needs []string) (cfg check.Config, err error) {
	cfg.Module = strings.ReplaceAll(strings.TrimSuffix(filepath.Base(module), ".ko"), "-", "_")
	if cfg.Image, err = os.ReadFile(module); err != nil {
		return cfg, err
	}
	for _, name := range needs {
		image, err := os.ReadFile(name)
		if err != nil {
			return cfg, err
		}
		cfg.Needs = append(cfg.Needs, image)
	}
	if script == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(script)
	if err != nil {
		return cfg, err
	}
	if cfg.Scenario, err = scenario.Parse(string(text)); err != nil {
		return cfg, fmt.Errorf("%s: %w", script, err)
	}
	return cfg, nil
}

// cannotCheck is status 2, which tells "could not" from "found something".
func (s streams) cannotCheck(err error) error {
	if errors.Is(err, context.Canceled) {
		return exitStatus(130)
	}
	fmt.Fprintln(s.err, "check:", err)
	return exitStatus(2)
}

func (s streams) checkResults(r *check.Report, asJSON, withLog bool) error {
	if asJSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		for _, f := range r.Findings {
			times := ""
			if f.Times > 1 {
				times = fmt.Sprintf(", %d times", f.Times)
			}
			fmt.Fprintf(s.out, "%s [--replay=%s%s]\n", f, f.Replay, times)
			if withLog && f.Log != "" {
				fmt.Fprint(s.out, f.Log)
			}
		}
		fmt.Fprintf(s.out, "%s: %d findings; %d calls in %d runs, %v\n", r.Module, len(r.Findings), r.Calls, r.Runs, r.Took.Round(time.Millisecond))
	}
	if len(r.Findings) > 0 {
		return exitStatus(1)
	}
	return nil
}
