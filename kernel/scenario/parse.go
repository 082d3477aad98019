package scenario

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel"
)

// ErrSyntax is wrapped by every error of Parse.
var ErrSyntax = errors.New("not a scenario")

// A Script is a scenario that has been read. Several runs may use it at once.
type Script struct{ steps []step }

// step is one line. Those of threads come before the go that runs them.
type step struct {
	line    int
	text    string // as written, without the thread and the number of times
	thread  int    // 0: the main one
	times   int
	barrier bool // go
	op      operation
}

// operation is what one call does: it returns what the transcript shows behind the equals sign.
type operation func(r *runner, t *thread) answer

// maxThreads and maxTimes bound what a line can ask for.
const (
	maxThreads = 16
	maxTimes   = 1_000_000
	maxBytes   = 16 << 20
)

// Parse reads a scenario.
//
// Errors: ErrSyntax, with the line, what was found and what is possible.
func Parse(text string) (*Script, error) {
	s := new(Script)
	waiting := false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		st, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: %w", i+1, ErrSyntax, err)
		}
		st.line = i + 1
		waiting = (waiting || st.thread > 0) && !st.barrier
		s.steps = append(s.steps, st)
	}
	if waiting {
		return nil, fmt.Errorf("%w: the last threads are never run: a line go is missing", ErrSyntax)
	}
	return s, nil
}

func parseLine(line string) (step, error) {
	st := step{times: 1}
	if head, rest, ok := strings.Cut(line, ":"); ok {
		if n, err := strconv.Atoi(head); err == nil {
			if n < 1 || n > maxThreads {
				return st, fmt.Errorf("thread %d: 1 to %d are possible", n, maxThreads)
			}
			st.thread, line = n, strings.TrimSpace(rest)
		}
	}
	if line == "go" && st.thread == 0 {
		st.barrier, st.text = true, line
		return st, nil
	}
	if word, rest, _ := strings.Cut(line, " "); len(word) > 1 && word[0] == 'x' {
		if n, err := strconv.Atoi(word[1:]); err == nil {
			if n < 1 || n > maxTimes {
				return st, fmt.Errorf("%s: x1 to x%d are possible", word, maxTimes)
			}
			st.times, line = n, strings.TrimSpace(rest)
		}
	}
	words, err := fields(line)
	if err != nil {
		return st, err
	}
	if len(words) == 0 {
		return st, errors.New("a call is missing")
	}
	st.text = line
	form, ok := forms()[words[0]]
	if !ok {
		return st, fmt.Errorf("%q is no call; possible: %s", words[0], names())
	}
	if n := len(words) - 1; n < form.least || n > form.most {
		return st, fmt.Errorf("%s has %d words behind it; it is %s", words[0], n, form.usage)
	}
	st.op, err = form.parse(words[1:])
	if err != nil {
		return st, fmt.Errorf("%s: %w", words[0], err)
	}
	return st, nil
}

// fields splits a line at spaces, but not within quotes and brackets.
func fields(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s: the quoted string does not end", line)
			}
			words, line = append(words, quoted), line[len(quoted):]
			continue
		}
		end, depth := 0, 0
		for end < len(line) && (depth > 0 || line[end] != ' ' && line[end] != '\t') {
			switch line[end] {
			case '(':
				depth++
			case ')':
				depth--
			}
			end++
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words, nil
}

// data reads DATA.
func data(word string) ([]byte, error) {
	switch {
	case strings.HasPrefix(word, `"`):
		s, err := strconv.Unquote(word)
		return []byte(s), err
	case strings.HasPrefix(word, "hex:"):
		b, err := hex.DecodeString(word[4:])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		return b, nil
	}
	return []byte(word), nil
}

func size(word string) (int, error) {
	n, err := strconv.ParseUint(word, 0, 32)
	if err != nil || n > maxBytes {
		return 0, fmt.Errorf("%q is no number of bytes from 0 to %d", word, maxBytes)
	}
	return int(n), nil
}

func duration(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration (60ms, 2s)", word)
	}
	return d, nil
}

// command reads the number of an ioctl [ioctl].
func command(word string) (uint32, error) {
	name, inside, ok := strings.Cut(word, "(")
	if !ok {
		n, err := strconv.ParseUint(word, 0, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is neither a number nor _IO('k',1)", word)
		}
		return uint32(n), nil
	}
	direction, known := map[string]uint32{"_IO": 0, "_IOW": 1, "_IOR": 2, "_IOWR": 3}[name]
	args := strings.Split(strings.TrimSuffix(inside, ")"), ",")
	want := 3
	if direction == 0 {
		want = 2
	}
	if !known || len(args) != want || !strings.HasSuffix(inside, ")") {
		return 0, fmt.Errorf("%q is neither _IO('k',1) nor _IOR('k',1,SIZE), _IOW or _IOWR", word)
	}
	var parts [3]uint64
	for i, arg := range args {
		arg = strings.TrimSpace(arg)
		if i == 0 && len(arg) == 3 && arg[0] == '\'' && arg[2] == '\'' {
			parts[0] = uint64(arg[1])
			continue
		}
		n, err := strconv.ParseUint(arg, 0, 32)
		if err != nil || n > []uint64{255, 255, 1<<14 - 1}[i] {
			return 0, fmt.Errorf("%q in %s is no number that fits", arg, word)
		}
		parts[i] = n
	}
	return direction<<30 | uint32(parts[2])<<16 | uint32(parts[0])<<8 | uint32(parts[1]), nil
}

func openFlags(words []string) (uint32, error) {
	modes := map[string]uint32{"r": kernel.O_RDONLY, "w": kernel.O_WRONLY, "rw": kernel.O_RDWR}
	flags, ok := modes[words[0]]
	if !ok {
		return 0, fmt.Errorf("%q: r, w or rw is possible", words[0])
	}
	more := map[string]uint32{"nonblock": kernel.O_NONBLOCK, "append": kernel.O_APPEND, "trunc": kernel.O_TRUNC}
	for _, w := range words[1:] {
		bit, ok := more[w]
		if !ok {
			return 0, fmt.Errorf("%q: nonblock, append or trunc is possible", w)
		}
		flags |= bit
	}
	return flags, nil
}
