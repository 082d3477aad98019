package modtools

import "path"

// Tool is one front end.
type Tool struct {
	Name  string
	Short string // what it does, for lists
	Run   func(env *Env, args []string) int
	Need  Need
	// Classic says that it is one of kmod 30's, which kmod lists.
	Classic bool
}

// Need is what a tool needs of a kernel.
type Need int

// The needs.
const (
	NeedsKernel    Need = iota // for all it does
	NeedsWithWords             // as soon as it has arguments; without any it says how it is called
	NeedsNone                  // it also works on files, and on module trees of other machines
)

// Tools lists the front ends by the names they are called by. One row is all that a new tool needs:
// commands, links, help, README and tests come from it.
func Tools() []Tool {
	return []Tool{
		{"lsmod", "List the modules that are loaded", Lsmod, NeedsKernel, true},
		{"rmmod", "Remove modules", Rmmod, NeedsWithWords, true},
		{"insmod", "Insert a module", Insmod, NeedsWithWords, true},
		{"modinfo", "Show what a module file says of itself", Modinfo, NeedsNone, true},
		{"modprobe", "Insert or remove a module with what it depends on", Modprobe, NeedsNone, true},
		{"depmod", "Work out which module needs which", Depmod, NeedsNone, true},
		{"kmod", "The module tools under one name", Kmod, NeedsNone, false},
		{"ksyms", "Show exported symbols", Ksyms, NeedsKernel, false},
		{"kerneld", "Load modules that the kernel asks for", Kerneld, NeedsKernel, false},
		{"kdstat", "Show and control kerneld", Kdstat, NeedsWithWords, false},
	}
}

// ByName finds a front end by the last part of a path.
func ByName(argv0 string) (Tool, bool) {
	for _, t := range Tools() {
		if t.Name == path.Base(argv0) {
			return t, true
		}
	}
	return Tool{}, false
}

// NeedsBench reports whether a call of the tool cannot do without a kernel.
func (t Tool) NeedsBench(args []string) bool {
	for _, a := range args {
		if a == "-h" || a == "--help" || a == "-V" || a == "--version" {
			return false
		}
	}
	return t.Need == NeedsKernel || t.Need == NeedsWithWords && len(args) > 0
}
