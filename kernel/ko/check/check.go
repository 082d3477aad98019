package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/kobench/kobench/kernel/scenario"
)

// Config says what is checked, and with what.
type Config struct {
	Module string // the module's name
	Image  []byte // its .ko file
	// Needs are the .ko files that it depends on, in the order of loading.
	Needs [][]byte
	// Scenario is what is done to it; nil: what any program could do to any device, on the devices
	// that appear (scenario.Exercise).
	Scenario *scenario.Script
	// Patience is how long a call may sleep; 0 is 200 ms.
	Patience time.Duration
	// Boot starts a kernel whose C code asks fail at each call that may fail, and says how it ends;
	// nil: a bare one that loads .ko files.
	Boot func(fail func(name string) bool) (*kernel.Kernel, func() error, error)
	// Replay is a finding's token: only the run that it names is made. "": all.
	Replay string
	// Progress is told before each run; nil: nobody is. total grows as more is found to try.
	Progress func(done, total int)
}

// A Report is what a check came to.
type Report struct {
	Module   string        `json:"module"`
	Runs     int           `json:"runs"`
	Calls    int           `json:"calls"` // of all runs
	Took     time.Duration `json:"took_ns"`
	Findings []Finding     `json:"findings"`
}

// ErrCannot is wrapped by the error of a check that could not be made.
var ErrCannot = errors.New("cannot be checked")

// Run checks a module.
//
// Errors:
//   - ErrCannot: no kernel starts; the module does not load on a kernel where nothing fails; the
//     replay token is none;
//   - ctx's.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Patience <= 0 {
		cfg.Patience = 200 * time.Millisecond
	}
	if cfg.Boot == nil {
		cache := ko.NewCache()
		defer cache.Close()
		cfg.Boot = func(fail func(string) bool) (*kernel.Kernel, func() error, error) {
			k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{ko.New(ko.Config{Cache: cache, Fail: fail})}})
			return k, k.Shutdown, nil
		}
	}
	begun := time.Now()
	c := &checking{Config: cfg, ctx: ctx}
	if err := c.all(); err != nil {
		return nil, err
	}
	return &Report{Module: cfg.Module, Runs: c.runs, Calls: c.calls, Took: time.Since(begun), Findings: c.found.sorted()}, nil
}

// checking is one check.
type checking struct {
	Config
	ctx   context.Context
	found findings
	runs  int
	calls int
	// twice is what a call of the plain run has read twice.
	twice string
}

// all makes the plain run, and then one for each call that may fail. A fault that is there without
// any failure would be there in each of them; they are left out then.
func (c *checking) all() error {
	if c.Replay != "" {
		choice, err := parseToken(c.Replay)
		if err != nil {
			return err
		}
		return c.run(choice)
	}
	plain := new(choices)
	c.progress(1)
	if err := c.run(plain); err != nil {
		return err
	}
	if c.found.has("oops") || c.found.has("stuck") {
		return nil
	}
	if c.twice != "" {
		if err := c.run(&choices{tamper: true}); err != nil {
			return err
		}
	}
	// what is stuck costs seconds
	for n := 1; n <= min(plain.seen(), mostFailures) && !c.found.has("stuck"); n++ {
		c.progress(min(plain.seen(), mostFailures) + 1)
		if err := c.run(&choices{fail: n}); err != nil {
			return err
		}
	}
	return nil
}

// mostFailures bounds how many calls are failed, each in a run of its own.
const mostFailures = 2000

func (c *checking) progress(total int) {
	if c.Progress != nil {
		c.Progress(c.runs, total)
	}
}

// run does the scenario once, with one set of choices.
func (c *checking) run(choice *choices) (err error) {
	c.runs++
	r := &run{checking: c, choice: choice}
	k, end, err := c.Boot(choice.failing)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", c.Module, ErrCannot, err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = end()
		}
	}()
	task := k.NewTask(kernel.WithComm("check"))
	for _, image := range c.Needs {
		if err := task.InitModule(image, "", 0); err != nil {
			return fmt.Errorf("%s: %w: a module that it needs does not load: %w", c.Module, ErrCannot, err)
		}
	}
	before, seen := k.Holdings(), scenario.Look(k)
	choice.begin()
	switch err := r.bounded("insmod", task, func() error { return task.InitModule(c.Image, "", 0) }); {
	case errors.Is(err, scenario.ErrStuck):
		return nil
	case err == nil:
		if err := r.use(k, seen); err != nil {
			return err
		}
		choice.end()
		r.unload(k, task)
	case choice.happened() != "":
		choice.end()
		r.loadAgain(task, "after an insmod that had failed")
	default:
		r.trouble(k)
		if len(c.found.list) == 0 {
			return fmt.Errorf("%s: %w: insmod: %w%s", c.Module, ErrCannot, err, lastLine(k))
		}
		return nil
	}
	task.Exit()
	r.trouble(k)
	if _, loaded := k.Module(c.Module); !loaded {
		r.left(k.HoldingsBeyond(before))
	}
	ended = true
	if err := end(); err != nil {
		r.add(Finding{Class: "stuck", What: "at the kernel's end: " + err.Error()})
	}
	return nil
}

// run is one run of a check.
type run struct {
	*checking
	choice *choices
}

// add notes a finding of this run.
func (r *run) add(f Finding) {
	f.Replay, f.After = r.choice.token(), r.choice.happened()
	r.found.add(f)
}

// use runs the scenario on the loaded module.
func (r *run) use(k *kernel.Kernel, seen scenario.World) error {
	script := r.Scenario
	if script == nil {
		now := scenario.Look(k)
		var err error
		if script, err = scenario.Parse(scenario.Exercise(now.NodesBeyond(seen), now.FilesBeyond(seen), commands(r.Image))); err != nil {
			return fmt.Errorf("%s: %w: %w", r.Module, ErrCannot, err)
		}
	}
	calls, err := script.Run(r.ctx, scenario.Config{Kernel: k, Module: r.Module, Patience: r.Patience, Tamper: r.choice.tamper,
		Insmod: func(t *kernel.Task, params string) error { return t.InitModule(r.Image, params, 0) }})
	r.judge(calls)
	if errors.Is(err, scenario.ErrStuck) {
		r.add(Finding{Class: "stuck", What: "a call sleeps, and no signal ends it", Call: strings.TrimSuffix(err.Error(), ": "+scenario.ErrStuck.Error())})
		return nil
	}
	return err
}

// judge looks at all calls of a run.
func (r *run) judge(calls []scenario.Call) {
	r.calls += len(calls)
	for i, c := range calls {
		found := judge(c)
		if i > 0 {
			found = append(found, readAfterPoll(calls[i-1], c)...)
		}
		for _, f := range found {
			r.add(f)
		}
		if text := fetchedTwice(c); text != "" && r.twice == "" {
			r.twice = text
		}
	}
}

// unload removes the module, loads it again and removes it again. A scenario may have done so. What
// is stuck in the module holds it, and that is said already.
func (r *run) unload(k *kernel.Kernel, task *kernel.Task) {
	if r.found.has("stuck") {
		return
	}
	if _, loaded := k.Module(r.Module); loaded && !r.remove(task, "after every file was closed") {
		return
	}
	r.loadAgain(task, "when it had been loaded a second time")
}

// bounded makes a call that may sleep for its patience, then gets SIGKILL, and then is stuck.
//
// Errors: the call's; scenario.ErrStuck, which is a finding then.
func (r *run) bounded(what string, task *kernel.Task, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	timer := time.NewTimer(initPatience)
	defer timer.Stop()
	for range 2 {
		select {
		case err := <-done:
			return err
		case <-timer.C:
			task.Kill(kernel.SIGKILL)
			timer.Reset(initPatience)
		}
	}
	r.add(Finding{Class: "stuck", What: what + " sleeps, and SIGKILL does not end it"})
	return scenario.ErrStuck
}

// initPatience is how long an init or exit function may take: they do real work.
const initPatience = 5 * time.Second

// loadAgain loads the module and removes it.
func (r *run) loadAgain(task *kernel.Task, when string) {
	if err := r.bounded("insmod", task, func() error { return task.InitModule(r.Image, "", 0) }); err != nil {
		r.add(Finding{Class: "second-load", What: "the module does not load again: " + err.Error()})
		return
	}
	r.remove(task, when)
}

func (r *run) remove(task *kernel.Task, when string) bool {
	err := r.bounded("rmmod", task, func() error { return task.DeleteModule(r.Module, kernel.O_NONBLOCK) })
	if err != nil && !errors.Is(err, scenario.ErrStuck) {
		r.add(Finding{Class: "cannot-unload", What: "the module could not be removed " + when + ": " + err.Error()})
	}
	return err == nil
}

// trouble adds what the kernel's log has against the module.
func (r *run) trouble(k *kernel.Kernel) {
	classOf := map[kernel.TroubleKind]string{kernel.TroubleOops: "oops", kernel.TroubleWarn: "warning", kernel.TroubleLeft: "left"}
	troubles := k.Troubles()
	died := slices.ContainsFunc(troubles, func(t kernel.Trouble) bool { return t.Kind == kernel.TroubleOops })
	for _, t := range troubles {
		if died && t.Kind == kernel.TroubleLeft {
			continue // what a dead task had, it could not give back
		}
		class := classOf[t.Kind]
		prefix := ""
		switch {
		case strings.Contains(t.Text, overrun):
			class = "read-overrun"
		case r.choice.tamper && t.Kind != kernel.TroubleLeft:
			class, prefix = "double-fetch", r.twice
		}
		r.add(Finding{Class: class, What: prefix + address.ReplaceAllString(t.Text, ""), Log: k.Log.Text()})
	}
}

// overrun is what the kernel says of a read or write that returns more than it was asked for.
const overrun = ": the driver says that it has moved "

// left adds what is there after the module has gone and was not before.
func (r *run) left(lines []string) {
	for _, line := range lines {
		if !strings.HasSuffix(line, kernel.Ending) {
			r.add(Finding{Class: "left", What: line})
		}
	}
}

// lastLine is the newest line of the log, where there is one.
func lastLine(k *kernel.Kernel) string {
	all := k.Log.All()
	if len(all) == 0 {
		return ""
	}
	return "; dmesg: " + all[len(all)-1].Text
}
