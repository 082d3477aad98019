package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/fixtures"
)

// The patience with a program that shall end: after the end of its input, and after SIGTERM.
const (
	askTime  = 300 * time.Millisecond
	termTime = 2 * time.Second
)

// process is one run of a program.
type process struct {
	cmd     *exec.Cmd
	in      *os.File // its standard input; nil with the protocol
	out     *os.File // its standard output
	control *os.File // descriptor 3 of the protocol, or nil
	exited  chan struct{}
	err     error // of its end; read after exited
	logs    sync.WaitGroup
	dir     string // of our Python module, removed at the end
}

// start begins a run. With the protocol descriptor 3 carries it, standard input is empty, and both
// outputs go to the log.
//
// Errors: *startError.
func (c *Command) start(protocol bool) (*process, error) {
	p := &process{exited: make(chan struct{})}
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, append(os.Environ(), c.Env...)
	ownGroup(cmd)
	var theirs []*os.File
	pipe := func(theyRead bool) (ours *os.File, other *os.File, err error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, nil, err
		}
		if theyRead {
			r, w = w, r
		}
		theirs = append(theirs, w)
		return r, w, nil
	}
	open := func() error {
		errors, other, err := pipe(false)
		if err != nil {
			return err
		}
		cmd.Stderr = other
		p.logs.Go(func() { c.logLines(errors) })
		if p.out, other, err = pipe(false); err != nil {
			return err
		}
		cmd.Stdout = other
		if !protocol {
			if p.in, other, err = pipe(true); err == nil {
				cmd.Stdin = other
			}
			return err
		}
		if p.control, other, err = controlPair(); err != nil {
			return err
		}
		theirs = append(theirs, other)
		cmd.ExtraFiles = []*os.File{other}
		if p.dir, err = pythonModule(); err != nil {
			return err
		}
		path := p.dir
		if old := os.Getenv("PYTHONPATH"); old != "" {
			path += string(filepath.ListSeparator) + old
		}
		cmd.Env = append(cmd.Env, "KOBENCH_DEVICE_FD=3", "PYTHONPATH="+path)
		return nil
	}
	err := open()
	if err == nil {
		err = cmd.Start()
	}
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		p.closeAll()
		p.logs.Wait()
		return nil, &startError{fmt.Errorf("%s: %w", strings.Join(c.Argv, " "), err)}
	}
	p.cmd = cmd
	if protocol {
		out := p.out
		p.logs.Go(func() { c.logLines(out) })
	}
	go func() {
		p.err = reap(cmd)
		close(p.exited)
	}()
	return p, nil
}

// pythonModule puts our module where a program can import it.
func pythonModule() (string, error) {
	text, err := fixtures.Python("kobench_device.py")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "kobench-python-")
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "kobench_device.py"), text, 0o644)
}

func (p *process) closeAll() {
	for _, f := range []*os.File{p.in, p.out, p.control} {
		if f != nil {
			f.Close()
		}
	}
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// stop ends the program, if it has not ended by itself, and gives its status: nil for 0.
func (p *process) stop() error {
	for _, f := range []*os.File{p.in, p.control} {
		if f != nil {
			f.Close()
		}
	}
	for _, step := range []struct {
		kill func(*exec.Cmd)
		wait time.Duration
	}{{nil, askTime}, {termGroup, termTime}, {killGroup, termTime}} {
		if step.kill != nil {
			step.kill(p.cmd)
		}
		t := time.NewTimer(step.wait)
		select {
		case <-p.exited:
			t.Stop()
			p.closeAll() // a grandchild that has left the group may still hold the other ends
			p.logs.Wait()
			return p.err
		case <-t.C:
		}
	}
	p.closeAll()
	return errors.New("it does not end, even by SIGKILL")
}

// logLines passes on what the program says, line by line, until it says no more. It reads
// everything, and logs no more than a person can read.
func (c *Command) logLines(r *os.File) {
	defer r.Close()
	var l lines
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		l.add(time.Now(), buf[:n], c.Log)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				c.logf("%s: %v", c.name(), err)
			}
			l.end(c.Log)
			return
		}
	}
}
