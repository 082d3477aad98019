package kmod

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel/uapi"
)

// logicalLine is one line of a configuration file, continuation lines joined.
type logicalLine struct {
	text   string
	number int // of its last physical line, from 1
}

// logicalLines splits a configuration file: a backslash before a newline joins lines, before any
// other character it vanishes.
func logicalLines(data []byte) []logicalLine {
	var out []logicalLine
	var line []byte
	number := 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\n':
			number++
			out = append(out, logicalLine{string(line), number})
			line = line[:0]
		case c == '\\' && i+1 < len(data):
			i++
			if data[i] == '\n' {
				number++
			} else {
				line = append(line, data[i])
			}
		default:
			line = append(line, c)
		}
	}
	if len(line) > 0 {
		out = append(out, logicalLine{string(line), number + 1})
	}
	for i := range out { // C strings end at a NUL
		out[i].text, _, _ = strings.Cut(out[i].text, "\x00")
	}
	return out
}

// words takes a line apart as strtok(3) does with blanks and tabs.
type words struct{ rest string }

func (w *words) next() (string, bool) {
	w.rest = strings.TrimLeft(w.rest, " \t")
	if w.rest == "" {
		return "", false
	}
	i := strings.IndexAny(w.rest, " \t")
	if i < 0 {
		i = len(w.rest)
	}
	word := w.rest[:i]
	w.rest = w.rest[min(i+1, len(w.rest)):]
	return word, true
}

// remainder is the rest of the line, blanks and all.
func (w *words) remainder() (string, bool) {
	r := w.rest
	w.rest = ""
	return r, r != ""
}

// configFiles lists the configuration files below some paths in the order of their names.
// An earlier path's file masks a later one of the same name; a path may also be a single file.
// first lists files that are there whatever the paths are.
func configFiles(first, paths, suffixes []string, onError func(format string, args ...any)) []string {
	type file struct{ name, path string }
	var files []file
	add := func(path string) {
		name := path[strings.LastIndexByte(path, '/')+1:]
		i, found := slices.BinarySearchFunc(files, name, func(f file, n string) int { return strings.Compare(f.name, n) })
		if !found {
			files = slices.Insert(files, i, file{name, path})
		}
	}
	for _, p := range first {
		add(p)
	}
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			continue
		}
		if !st.IsDir() {
			add(path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			onError("opendir(%s): %v", path, uapi.ErrnoOf(err))
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if name[0] == '.' || len(name) < 6 || !slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
				continue
			}
			full := path + "/" + name
			if st, err := os.Stat(full); err == nil && st.IsDir() {
				onError("Directories inside directories are not supported: %s", full)
				continue
			}
			add(full)
		}
	}
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = f.path
	}
	return out
}

// kernelOption is "module.param[=value]" of the kernel's command line.
type kernelOption struct{ module, param string }

// kernelOptions finds the module options in a kernel command line. A value may be quoted; a quote
// before the module name, as boot loaders write it, moves to the value. Words that are no module
// options are skipped.
func kernelOptions(cmdline []byte) []kernelOption {
	if i := bytes.IndexByte(cmdline, 0); i >= 0 {
		cmdline = cmdline[:i]
	}
	var out []kernelOption
	for p := 0; p < len(cmdline); {
		// A word ends at white space outside quotes; quotes count only in a value or at the start.
		quoted, inValue, bad := false, false, false
		dot, equals := -1, -1
		start, i := p, p
		for ; i < len(cmdline); i++ {
			c := cmdline[i]
			if c == ' ' || c >= '\t' && c <= '\r' {
				if !quoted {
					break
				}
				bad = bad || !inValue
				continue
			}
			switch {
			case c == '"':
				quoted = !quoted
				bad = bad || !inValue && i != start
			case c == '.' && !inValue:
				bad = bad || dot >= 0
				dot = i
			case c == '=' && !inValue:
				if dot < 0 {
					bad = true
				}
				inValue, equals = true, i
			}
		}
		p = i + 1
		if bad || dot < 0 || quoted && !inValue {
			continue
		}
		word, opt := string(cmdline[start:i]), kernelOption{}
		if word[0] == '"' {
			if equals < 0 {
				continue
			}
			opt = kernelOption{word[1 : dot-start], word[dot-start+1:equals-start+1] + `"` + word[equals-start+1:]}
		} else {
			opt = kernelOption{word[:dot-start], word[dot-start+1:]}
		}
		out = append(out, opt)
	}
	return out
}
