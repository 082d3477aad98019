package main

import (
	"fmt"
	"strings"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/spf13/cobra"
)

// The groups of commands, in the order in which help lists them.
const (
	benchGroup = "bench"
	filesGroup = "files"
	usbGroup   = "usb"
	buildGroup = "build"
	toolGroup  = "tools"
)

func groups() []*cobra.Group {
	return []*cobra.Group{
		{ID: benchGroup, Title: "The bench:"},
		{ID: filesGroup, Title: "The kernel's log and files:"},
		{ID: usbGroup, Title: "Devices and lines:"},
		{ID: buildGroup, Title: "Modules and the program itself:"},
		{ID: toolGroup, Title: "The module tools:"},
	}
}

// row is one command. linked: the program is that command when it is called by its name, as with
// the module tools.
type row struct {
	group  string
	cmd    *cobra.Command
	linked bool
}

// rows are the commands but for the module tools, which have a table of their own. One row is all
// that a new one needs: help, links, README and tests come from it.
func (s streams) rows() []row {
	return []row{
		{benchGroup, s.upCommand(), false},
		{benchGroup, s.downCommand(), false},
		{benchGroup, s.runCommand(), false},
		{benchGroup, s.execCommand(), false},
		{benchGroup, s.demoCommand(), false},
		{benchGroup, s.smokeCommand(), false},
		{benchGroup, s.benchCommand(), false},
		{filesGroup, s.dmesgCommand(), true},
		{filesGroup, s.devtabCommand(), true},
		{filesGroup, s.dispatchCommand(), false},
		{filesGroup, s.catCommand(), false},
		{filesGroup, s.lsCommand(), false},
		{filesGroup, s.writeCommand(), false},
		{filesGroup, s.mknodCommand(), true},
		{filesGroup, s.mkdirCommand(), false},
		{filesGroup, s.rmCommand(), false},
		{filesGroup, s.mountCommand(), false},
		{usbGroup, s.lsusbCommand(), false},
		{usbGroup, s.plugCommand(), false},
		{usbGroup, s.unplugCommand(), false},
		{usbGroup, s.learnCommand(), false},
		{usbGroup, s.usbipCommand(), false},
		{usbGroup, s.faultsCommand(), false},
		{usbGroup, linesTopic(), false},
		{buildGroup, s.kdirCommand(), false},
		{buildGroup, s.corpusCommand(), false},
		{buildGroup, s.checkCommand(), false},
		{buildGroup, s.linksCommand(), false},
		{buildGroup, s.versionCommand(), false},
		{"", s.modpostCommand(), false},
		{"", s.manCommand(), false},
		{"", s.sudoCommand(), false},
	}
}

// linkNames are the names by which the program can be called, its own first.
func linkNames() []string {
	names := []string{"kobench"}
	for _, r := range (streams{}).rows() {
		if r.linked {
			names = append(names, r.cmd.Name())
		}
	}
	for _, t := range modtools.Tools() {
		names = append(names, t.Name)
	}
	return names
}

// commandHelp lists all commands by group, for README.
func commandHelp() string {
	var b strings.Builder
	for _, g := range groups() {
		for _, c := range commands(streams{}).Commands() {
			if c.GroupID == g.ID && !c.Hidden && (c.Runnable() || c.HasSubCommands()) {
				fmt.Fprintf(&b, "    %-10s %s\n", c.Name(), c.Short)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
