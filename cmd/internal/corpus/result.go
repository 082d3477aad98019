package corpus

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Result is what happened with one module.
type Result struct {
	Path    string `json:"path"` // below the corpus, without .ko
	Name    string `json:"name"` // in the kernel
	Sources string `json:"sources"`
	Board   string `json:"board"`
	Program string `json:"program"` // a hash of the kobench that tried it

	Built    bool     `json:"built"`
	Loaded   bool     `json:"loaded"`
	Unloaded bool     `json:"unloaded"`
	Init     string   `json:"init,omitempty"`     // what modprobe said where it is not loaded
	Nodes    []string `json:"nodes,omitempty"`    // devices that appeared
	Files    []string `json:"files,omitempty"`    // files of /proc, /sys and debugfs that appeared
	Oops     []string `json:"oops,omitempty"`     // lines of the log
	Warnings []string `json:"warnings,omitempty"` // lines of the log
	Left     []string `json:"left,omitempty"`     // what unloading found left behind
	First    string   `json:"first,omitempty"`    // the first error of all
	// the area outside of kobench's scope that it wants
	Scope string `json:"scope,omitempty"`

	BuildTime time.Duration `json:"build_ns"`
	LoadTime  time.Duration `json:"load_ns,omitempty"` // modprobe, with what the module needs
}

// Clean reports whether all went well: built, loaded, unloaded, and nothing in the log against it.
func (x Result) Clean() bool {
	return x.Built && x.Loaded && x.Unloaded && len(x.Oops)+len(x.Warnings)+len(x.Left) == 0
}

// fail notes an error, where there is none before it.
func (x *Result) fail(format string, a ...any) {
	if x.First == "" {
		x.First = fmt.Sprintf(format, a...)
	}
}

// A book is the file of results, one JSON object a line. A nil one keeps nothing.
type book struct {
	f     *os.File
	known map[string]Result // by key
	wrong error
}

func (x Result) key() string { return x.Path + " " + x.Sources + " " + x.Board + " " + x.Program }

// openBook reads the results that a file has and appends to it. A last line that a killed run left
// half written is passed over.
//
// Errors: those of the file; a line that is no result.
func openBook(path string) (*book, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	b := &book{f: f, known: map[string]Result{}}
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 {
				_, b.wrong = f.Write([]byte{'\n'})
			}
			return b, b.wrong
		}
		var x Result
		if err := json.Unmarshal(line, &x); err != nil || x.Path == "" {
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) && len(line) > 1 {
				continue // half a line
			}
			f.Close()
			return nil, fmt.Errorf("%s:%d: not a result of kobench corpus", path, n)
		}
		b.known[x.key()] = x
	}
}

// has returns an earlier result of the same sources.
func (b *book) has(x Result) (Result, bool) {
	if b == nil {
		return Result{}, false
	}
	old, ok := b.known[x.key()]
	return old, ok
}

func (b *book) add(x Result) error {
	if b == nil {
		return nil
	}
	if _, ok := b.known[x.key()]; ok {
		return nil
	}
	line, err := json.Marshal(x)
	if err == nil {
		_, err = b.f.Write(append(line, '\n'))
	}
	if err != nil {
		b.wrong = fmt.Errorf("%s: %w", b.f.Name(), err)
	}
	return b.wrong
}

func (b *book) err() error {
	if b == nil {
		return nil
	}
	return b.wrong
}

func (b *book) close() {
	if b != nil {
		b.f.Close()
	}
}
