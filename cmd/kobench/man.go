package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes what "make install" installs.
func (s streams) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIRECTORY", Short: "Write the manual's pages", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error { return writeManual(args[0]) },
	}
}

// writeManual writes a page for the program, for each command and for each module tool: man(7).
func writeManual(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := commands(streams{})
	pages := map[string]string{"kobench.1": page(root)}
	for _, c := range root.Commands() {
		if !c.Hidden && !c.DisableFlagParsing && c.Name() != "help" && c.Name() != "completion" {
			pages["kobench-"+c.Name()+".1"] = page(c)
		}
	}
	for _, t := range modtools.Tools() {
		pages["kobench-"+t.Name+".1"] = toolPage(t)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func page(c *cobra.Command) string {
	var b strings.Builder
	heading(&b, strings.ReplaceAll(c.CommandPath(), " ", "-"), c.Short)
	fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(c.UseLine()))
	if c.Long != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(c.Long))
	}
	if c.Flags().HasAvailableFlags() {
		b.WriteString(".SH OPTIONS\n")
		c.Flags().VisitAll(func(f *pflag.Flag) {
			name := "--" + f.Name
			if f.Shorthand != "" {
				name = "-" + f.Shorthand + ", " + name
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(name), roff(f.Usage))
		})
	}
	if c.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(c.Example))
	}
	var subs []string
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			subs = append(subs, fmt.Sprintf(".TP\n.B %s\n%s\n", roff(sub.UseLine()), roff(sub.Short)))
		}
	}
	if subs != nil {
		fmt.Fprintf(&b, ".SH COMMANDS\n%s", strings.Join(subs, ""))
	}
	return b.String()
}

// toolPage is a module tool's help.
func toolPage(t modtools.Tool) string {
	var b strings.Builder
	var help bytes.Buffer
	t.Run(&modtools.Env{Argv0: t.Name, Stdin: strings.NewReader(""), Stdout: &help, Stderr: &help}, []string{"--help"})
	heading(&b, "kobench-"+t.Name, t.Short)
	fmt.Fprintf(&b, ".SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(help.String()))
	return b.String()
}

func heading(b *strings.Builder, name, short string) {
	fmt.Fprintf(b, ".TH %s 1 \"\" kobench\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), roff(name), roff(short))
}

// roff escapes what man(7) would take for its own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
