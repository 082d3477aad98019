package check

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Finding is one thing that is wrong with a driver.
type Finding struct {
	Class  string `json:"class"`           // as the package comment lists them
	What   string `json:"what"`            // what is wrong, in a sentence
	After  string `json:"after,omitempty"` // the call that had been made to fail
	Call   string `json:"call,omitempty"`  // the call of the scenario at which it was seen
	Line   int    `json:"line,omitempty"`  // of the scenario
	Log    string `json:"log,omitempty"`   // the kernel's log of the run that found it
	Replay string `json:"replay"`          // the token that gives the run again
	Times  int    `json:"times"`           // in how many places of the scenario it was seen
}

// String is one line: the class, and what is wrong.
func (f Finding) String() string {
	text := f.Class + ": " + f.What
	if f.After != "" {
		text += "; " + f.After + " had failed"
	}
	switch {
	case f.Call != "" && f.Line > 0:
		text += fmt.Sprintf(" (line %d: %s)", f.Line, f.Call)
	case f.Call != "":
		text += " (" + f.Call + ")"
	}
	return text
}

// findings keeps each thing once.
type findings struct{ list []Finding }

// address is where something lay: it says nothing to a reader, and differs from run to run.
var address = regexp.MustCompile(` at (0x)?[0-9a-f]{8,16}$`) //rules:allow compiled once, never changed

// add notes a finding; one of the same class that says the same is counted.
func (all *findings) add(f Finding) {
	for i, have := range all.list {
		if have.Class == f.Class && have.What == f.What {
			all.list[i].Times++
			return
		}
	}
	f.Times = 1
	all.list = append(all.list, f)
}

func (all *findings) has(class string) bool {
	return slices.ContainsFunc(all.list, func(f Finding) bool { return f.Class == class })
}

// sorted are the findings by class, each class in the order in which it was found.
func (all *findings) sorted() []Finding {
	list := slices.Clone(all.list)
	if all.has("positive-error") { // the same number, where less was asked for
		list = slices.DeleteFunc(list, func(f Finding) bool { return f.Class == "read-overrun" })
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(rank(a.Class), rank(b.Class)) })
	return list
}

// classes are all classes, what hurts most first.
func classes() []string {
	return strings.Fields(`oops warning stuck left second-load cannot-unload read-overrun positive-error ignored-copy double-fetch
ioctl-size poll-without-wait poll-stays-ready nonblock-blocks write-zero negative-seek`)
}

func rank(class string) int { return slices.Index(classes(), class) }
