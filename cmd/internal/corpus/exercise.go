package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/scenario"
)

// A Job is what a process of its own is asked to do: load a module, exercise it, unload it.
type Job struct {
	Name  string `json:"name"`
	Board string `json:"board"`
	// .ko files by module name: the module and what it may need
	Files map[string]string `json:"files"`
}

// exercise has one module exercised by a process of its own, which is ended when its time is over.
func (r *run) exercise(ctx context.Context, i int, _ string) error {
	x := r.results[i]
	if old, ok := r.book.has(x); ok {
		return r.finish(i, old)
	}
	if !x.Built {
		return r.finish(i, x)
	}
	siblings := r.files(i, func(m Module) bool { return m.Folder == r.modules[i].Folder })
	got, err := r.child(ctx, Job{x.Name, r.Board, siblings})
	if err == nil && !got.Loaded && strings.Contains(got.Init, "Unknown symbol") {
		got, err = r.child(ctx, Job{x.Name, r.Board, r.files(i, func(Module) bool { return true })})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		x.fail("%v", err)
		return r.finish(i, x)
	}
	got.Path, got.Name, got.Sources, got.Board, got.Program = x.Path, x.Name, x.Sources, x.Board, x.Program
	got.Built, got.BuildTime = x.Built, x.BuildTime
	return r.finish(i, got)
}

// files are the built modules that fit, by name. Of several with one name it is the first, but
// module i itself is always there.
func (r *run) files(i int, fits func(Module) bool) map[string]string {
	all := map[string]string{}
	for j, m := range r.modules {
		if _, taken := all[m.Name()]; !taken && exists(r.koFile(j)) && fits(m) {
			all[m.Name()] = r.koFile(j)
		}
	}
	all[r.modules[i].Name()] = r.koFile(i)
	return all
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// child runs one job in a process of its own.
func (r *run) child(ctx context.Context, job Job) (Result, error) {
	in, err := json.Marshal(job)
	if err != nil {
		return Result{}, err
	}
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, r.Self, "corpus", "--one")
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	ownGroup(cmd)
	err = cmd.Run()
	if limited.Err() != nil {
		return Result{}, fmt.Errorf("loading, exercising and unloading did not end within %v", r.Timeout)
	}
	if err != nil {
		return Result{}, fmt.Errorf("the process that exercised it ended: %w: %s", err, lastLine(said.String()))
	}
	var x Result
	if err := json.Unmarshal(out.Bytes(), &x); err != nil {
		return Result{}, fmt.Errorf("the process that exercised it: %w", err)
	}
	return x, nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// One is the other side of child: it reads a job, does it, and writes the result.
//
// Errors: of in, of out; a job that is none; a machine that does not start.
func One(in io.Reader, out io.Writer) error {
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("corpus: the job: %w", err)
	}
	root, err := os.MkdirTemp("", "kobench-corpus-root-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	x, err := job.run(root)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(x)
}

// run boots a machine whose modules are those of the job besides its own, and does the job there.
func (j Job) run(root string) (x Result, err error) {
	m, err := start(j, root)
	if err != nil {
		return x, err
	}
	defer func() {
		if closing := m.Close(); closing != nil && err == nil {
			x.fail("at the machine's end: %v", closing)
		}
	}()
	k := m.Kernel
	before := scenario.Look(k)
	begun := time.Now()
	said := m.Modprobe(j.Name, "")
	x.LoadTime = time.Since(begun)
	x.Loaded = said == nil
	if x.Loaded {
		after := scenario.Look(k)
		x.Nodes, x.Files = after.NodesBeyond(before), after.FilesBeyond(before)
		x.exercise(k)
		if err := unload(k, j.Name); err != nil {
			x.fail("rmmod: %v", err)
		} else {
			x.Unloaded = true
		}
	} else {
		x.Init = said.Error()
		x.fail("%v", said)
	}
	x.troubles(k)
	return x, nil
}

// exercise makes the calls that any program could make.
func (x *Result) exercise(k *kernel.Kernel) {
	script, err := scenario.Parse(scenario.Exercise(x.Nodes, x.Files, nil))
	if err == nil {
		_, err = script.Run(context.Background(), scenario.Config{Kernel: k, Module: x.Name, Patience: patience})
	}
	if err != nil {
		x.fail("%v", err)
	}
}

// patience is how long one call of a driver may sleep before a signal ends it.
const patience = 300 * time.Millisecond

// troubles sorts what the kernel's log has against the module.
func (x *Result) troubles(k *kernel.Kernel) {
	for _, t := range k.Troubles() {
		switch t.Kind {
		case kernel.TroubleOops:
			x.Oops = append(x.Oops, t.Text)
		case kernel.TroubleWarn:
			x.Warnings = append(x.Warnings, t.Text)
		case kernel.TroubleLeft:
			x.Left = append(x.Left, t.Text)
		}
		x.fail("%s", t.Text)
	}
}

// symlinkAll puts the job's modules below a machine's root, where they come before its own.
func (j Job) symlinkAll(updates string) error {
	if err := os.MkdirAll(updates, 0o755); err != nil {
		return err
	}
	for name, file := range j.Files {
		if err := os.Symlink(file, filepath.Join(updates, name+".ko")); err != nil {
			return err
		}
	}
	return nil
}
