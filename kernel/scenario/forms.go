package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kobench/kobench/kernel"
)

// A form is one call: how many words it takes, and what they mean.
type form struct {
	least, most int
	usage       string
	parse       func(words []string) (operation, error)
}

func names() string { return strings.Join(slices.Sorted(maps.Keys(forms())), " ") + " go" }

// forms are the calls by name.
func forms() map[string]form {
	return map[string]form{
		"open": {3, 6, "open NAME PATH r|w|rw [nonblock append trunc]", func(w []string) (operation, error) {
			flags, err := openFlags(w[2:])
			return func(r *runner, t *thread) answer { return t.open(w[0], r.expand(w[1]), flags) }, err
		}},
		"close": {1, 1, "close NAME", func(w []string) (operation, error) {
			return func(r *runner, t *thread) answer { return t.close(w[0]) }, nil
		}},
		"dup": {2, 2, "dup NAME NEW", func(w []string) (operation, error) {
			return func(r *runner, t *thread) answer { return t.dup(w[0], w[1]) }, nil
		}},
		"read": {2, 2, "read NAME BYTES", func(w []string) (operation, error) {
			n, err := size(w[1])
			return func(r *runner, t *thread) answer { return t.read(w[0], n) }, err
		}},
		"write": {2, 2, "write NAME DATA", func(w []string) (operation, error) {
			p, err := data(w[1])
			return func(r *runner, t *thread) answer { return t.write(w[0], p) }, err
		}},
		"fill": {2, 2, "fill NAME BYTES", func(w []string) (operation, error) {
			n, err := size(w[1])
			return func(r *runner, t *thread) answer { return t.write(w[0], []byte(strings.Repeat("A", n))) }, err
		}},
		"lseek": {3, 3, "lseek NAME OFFSET set|cur|end", parseSeek},
		"ioctl": {2, 3, "ioctl NAME COMMAND [NUMBER|DATA]", parseIoctl},
		"poll":  {3, 3, "poll NAME in|out|inout DURATION", parsePoll},
		"cat": {1, 1, "cat PATH", func(w []string) (operation, error) {
			return func(r *runner, t *thread) answer { return t.cat(r.expand(w[0])) }, nil
		}},
		"echo": {2, 2, "echo DATA PATH", func(w []string) (operation, error) {
			p, err := data(w[0])
			return func(r *runner, t *thread) answer { return t.echo(p, r.expand(w[1])) }, err
		}},
		"mknod": {3, 3, "mknod PATH MAJOR MINOR", parseMknod},
		"insmod": {0, 64, "insmod [PARAMETERS]", func(w []string) (operation, error) {
			params := strings.Join(w, " ")
			return func(r *runner, t *thread) answer { return failure(r.insmod(t.task, params)) }, nil
		}},
		"rmmod": {0, 0, "rmmod", func([]string) (operation, error) {
			return func(r *runner, t *thread) answer { return failure(t.task.DeleteModule(r.Module, kernel.O_NONBLOCK)) }, nil
		}},
		"sleep": {1, 1, "sleep DURATION", func(w []string) (operation, error) {
			d, err := duration(w[0])
			return func(r *runner, t *thread) answer { t.task.Sleep(d); return answer{quiet: true} }, err
		}},
		"kill": {2, 2, "kill THREAD SIGNAL", parseKill},
	}
}

func parseSeek(w []string) (operation, error) {
	off, err := strconv.ParseInt(w[1], 0, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no offset", w[1])
	}
	whence, ok := map[string]int{"set": kernel.SEEK_SET, "cur": kernel.SEEK_CUR, "end": kernel.SEEK_END}[w[2]]
	if !ok {
		if whence, err = strconv.Atoi(w[2]); err != nil {
			return nil, fmt.Errorf("%q: set, cur, end or a number is possible", w[2])
		}
	}
	return func(r *runner, t *thread) answer { return t.lseek(w[0], off, whence) }, nil
}

func parseIoctl(w []string) (operation, error) {
	cmd, err := command(w[1])
	if err != nil {
		return nil, err
	}
	if len(w) == 2 {
		return func(r *runner, t *thread) answer { return t.ioctl(w[0], cmd, 0) }, nil
	}
	if v, err := strconv.ParseInt(w[2], 0, 64); err == nil {
		return func(r *runner, t *thread) answer { return t.ioctl(w[0], cmd, uint64(v)) }, nil
	}
	p, err := data(w[2])
	return func(r *runner, t *thread) answer { return t.ioctlPointer(w[0], cmd, p) }, err
}

func parsePoll(w []string) (operation, error) {
	events, ok := map[string]kernel.Events{"in": kernel.PollIn, "out": kernel.PollOut, "inout": kernel.PollIn | kernel.PollOut}[w[1]]
	if !ok {
		return nil, fmt.Errorf("%q: in, out or inout is possible", w[1])
	}
	d, err := duration(w[2])
	return func(r *runner, t *thread) answer { return t.poll(w[0], events, d) }, err
}

func parseMknod(w []string) (operation, error) {
	major, err1 := strconv.ParseUint(w[1], 0, 12)
	minor, err2 := strconv.ParseUint(w[2], 0, 20)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%s %s are no major and minor", w[1], w[2])
	}
	dev := kernel.MkDev(uint32(major), uint32(minor))
	return func(r *runner, t *thread) answer {
		return failure(t.task.Mknod(r.expand(w[0]), kernel.S_IFCHR|0o666, dev))
	}, nil
}

func parseKill(w []string) (operation, error) {
	n, err := strconv.Atoi(w[0])
	if err != nil || n < 0 || n > maxThreads {
		return nil, fmt.Errorf("%q is no thread from 0 to %d", w[0], maxThreads)
	}
	signals := map[string]kernel.Signal{"INT": kernel.SIGINT, "KILL": kernel.SIGKILL, "TERM": kernel.SIGTERM, "USR1": kernel.SIGUSR1}
	sig, ok := signals[strings.TrimPrefix(w[1], "SIG")]
	if !ok {
		return nil, fmt.Errorf("%q: %s are possible", w[1], strings.Join(slices.Sorted(maps.Keys(signals)), ", "))
	}
	return func(r *runner, t *thread) answer { return failure(r.kill(n, sig)) }, nil
}
