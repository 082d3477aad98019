package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/kernel"
	"github.com/spf13/cobra"
)

func (s streams) dmesgCommand() *cobra.Command {
	var follow, followNew, clearOnly, readClear, decode, noTime, human bool
	var levels string
	cmd := &cobra.Command{
		Use: "dmesg [-w] [-c|-C] [-l LEVELS]", Short: "Print the simulated kernel's log", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			want, err := parseLevels(levels)
			if err != nil {
				return err
			}
			c := s.bench("dmesg")
			defer c.Close()
			ctx, stop := interruptible()
			defer stop()
			if !clearOnly {
				boot := time.Now()
				if human {
					info, err := c.Info()
					if err != nil {
						return err
					}
					boot = boot.Add(-time.Duration(info.Uptime * float64(time.Second)))
				}
				err := c.Log(ctx, follow || followNew, followNew, func(r daemon.Record) error {
					if r.Lost {
						fmt.Fprintln(s.err, "dmesg: records were overwritten before they were read")
					}
					if want != nil && !slices.Contains(want, kernel.Level(r.Level)) {
						return nil
					}
					_, err := fmt.Fprint(s.out, logLine(r, decode, noTime, human, boot))
					return err
				})
				if err != nil {
					return err
				}
			}
			if clearOnly || readClear {
				return c.ClearLog()
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "w", false, "go on as records come")
	f.BoolVarP(&followNew, "follow-new", "W", false, "only records that come from now on")
	f.BoolVarP(&clearOnly, "clear", "C", false, "hide the records so far")
	f.BoolVarP(&readClear, "read-clear", "c", false, "print, then hide the records so far")
	f.BoolVarP(&decode, "decode", "x", false, "with facility and level")
	f.BoolVarP(&noTime, "notime", "t", false, "without time stamps")
	f.BoolVarP(&human, "ctime", "T", false, "with the time of day")
	f.StringVarP(&levels, "level", "l", "", "only these levels, with commas: emerg,alert,crit,err,warn,notice,info,debug")
	return cmd
}

func parseLevels(list string) ([]kernel.Level, error) {
	if list == "" {
		return nil, nil
	}
	var want []kernel.Level
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for l := kernel.LevelEmerg; l <= kernel.LevelDebug; l++ {
			if l.String() == name {
				want, found = append(want, l), true
			}
		}
		if !found {
			return nil, fmt.Errorf("unknown level '%s': want emerg, alert, crit, err, warn, notice, info or debug", name)
		}
	}
	return want, nil
}

// logLine is a record as dmesg(1) prints it: embedded newlines begin lines of their own, with the
// stamp again.
func logLine(r daemon.Record, decode, noTime, human bool, boot time.Time) string {
	prefix := ""
	if decode {
		facility := "kern"
		if r.Facility != 0 {
			facility = "user"
		}
		prefix = fmt.Sprintf("%-6s:%-6s: ", facility, kernel.Level(r.Level))
	}
	switch {
	case human:
		prefix += boot.Add(time.Duration(r.Usec) * time.Microsecond).Format("[Mon Jan _2 15:04:05 2006] ")
	case !noTime:
		prefix += fmt.Sprintf("[%5d.%06d] ", r.Usec/1e6, r.Usec%1e6)
	}
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(r.Text, "\n"), "\n") {
		b.WriteString(prefix + line + "\n")
	}
	return b.String()
}

func (s streams) devtabCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "devtab", Short: "Print the dispatch tables: for each operation, which major leads to which driver's function", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c := s.bench("devtab")
			defer c.Close()
			if !asJSON {
				table, err := c.ReadFile("/proc/devtab")
				if err == nil {
					_, err = s.out.Write(table)
				}
				return err
			}
			tables, err := c.DevTables()
			if err != nil {
				return err
			}
			enc := json.NewEncoder(s.out)
			enc.SetIndent("", "  ")
			return enc.Encode(tables)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
