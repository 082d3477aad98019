package modtools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// RequestType says what the kernel wants of kerneld; the numbers are those of <linux/kerneld.h> in
// Linux 2.0.
type RequestType int

const (
	ControlRequest RequestType = 0 // ours: Name is a word of kdstat
	RequestModule  RequestType = 2 // put the module in, autoclean
	ReleaseModule  RequestType = 3 // take it out now
	DelayedRelease RequestType = 4 // take it out once it was idle for the delay
	CancelRelease  RequestType = 5 // keep it after all
)

// Request is one message of the kernel.
type Request struct {
	Type RequestType
	Name string // a module or alias, "char-major-240-5"
	// Done is called once, from any goroutine, when the request is served; answer is text for a
	// control word. It may be nil.
	Done func(answer string, err error)
}

// Requests is where kerneld gets its work from. The channel is closed when the kernel goes down
// or the context ends.
type Requests interface {
	Requests(ctx context.Context) (<-chan Request, error)
}

const (
	kerneldVersion = "2.0.0"
	kerneldDelay   = 60 * time.Second
)

// Kerneld is the module daemon of Linux 2.0 as a process of its own: kerneld [debug] [keep]
// [delay=SECONDS] [type=N]. It puts in the modules that the kernel asks for, as "modprobe -k -s
// NAME" does, and takes out those it put in once nobody has used them for the delay (60 s).
//
//	keep     take nothing out
//	debug    tell what is done
//	type=N   serve requests of type N alone
//
// SIGHUP brings back the settings of the command line, SIGINT and SIGTERM end it. It serves
// requests at the same time, since a module's init may ask for another module, so Env.System must
// be safe for concurrent use; of equal requests that are pending one is run.
func Kerneld(env *Env, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	return RunKerneld(ctx, hangup, env, args)
}

// RunKerneld is Kerneld until ctx ends; what arrives on hangup is a SIGHUP.
func RunKerneld(ctx context.Context, hangup <-chan os.Signal, env *Env, args []string) int {
	k := &kerneld{tool: newTool(env, kmod.PrioDebug), args: args,
		jobs: map[job]*pending{}, idleSince: map[string]time.Time{}, results: make(chan result)}
	if err := k.configure(); err != nil {
		fmt.Fprintf(k.Stderr, "%s: %v\n", k.name, err)
		fmt.Fprintf(k.Stderr, "Usage: %s [debug] [keep] [delay=<seconds>] [type=<message number>]\n", k.name)
		return failure
	}
	if k.Requests == nil {
		fmt.Fprintf(k.Stderr, "%s: no kernel to serve\n", k.name)
		return failure
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests, err := k.Requests.Requests(ctx)
	if err != nil {
		fmt.Fprintf(k.Stderr, "%s: could not listen to the kernel: %s\n", k.name, text(err))
		return failure
	}
	k.printf("Starting kerneld, version %s (pid %d)\n", kerneldVersion, os.Getpid())
	k.serve(ctx, requests, hangup)
	return success
}

// kerneld's fields belong to the goroutine of serve; jobs send their results there.
type kerneld struct {
	*tool
	args        []string
	keep, debug bool
	delay       time.Duration
	only        RequestType // 0: all

	jobs      map[job]*pending
	order     []job // of jobs, oldest first
	results   chan result
	idleSince map[string]time.Time // autoclean modules
}

type job struct {
	kind RequestType
	name string
}

// pending are those who wait for one job.
type pending struct {
	done []func(string, error)
}

type result struct {
	job
	inserted []string
	err      error
}

// configure takes the settings of the command line.
func (k *kerneld) configure() error {
	k.keep, k.debug, k.delay, k.only = false, false, kerneldDelay, 0
	for _, word := range k.args {
		if err := k.setting(word); err != nil {
			return err
		}
	}
	return nil
}

func (k *kerneld) setting(word string) error {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "keep", "nokeep":
		k.keep = key == "keep"
		return nil
	case "debug", "nodebug":
		k.debug = key == "debug"
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	switch {
	case key != "delay" && key != "type":
		return fmt.Errorf("unknown word %q", word)
	case err != nil || n == 0:
		return fmt.Errorf("%q: %s wants a number above 0", word, key)
	case key == "delay":
		k.delay = time.Duration(n) * time.Second
	default:
		k.only = RequestType(n)
	}
	return nil
}

func (k *kerneld) debugf(format string, args ...any) {
	if k.debug {
		k.logf(kmod.PrioDebug, format, args...)
	}
}

func (k *kerneld) serve(ctx context.Context, requests <-chan Request, hangup <-chan os.Signal) {
	timer := time.NewTimer(k.sweepPeriod())
	defer timer.Stop()
	for {
		select {
		case r, ok := <-requests:
			if !ok {
				k.drain()
				return
			}
			k.request(r)
			if r.Type == ControlRequest {
				timer.Reset(k.sweepPeriod())
			}
		case r := <-k.results:
			k.finish(r)
		case <-timer.C:
			k.sweep()
			timer.Reset(k.sweepPeriod())
		case <-hangup:
			_ = k.configure() // it was right at the start
			k.debugf("settings of the command line are back")
			timer.Reset(k.sweepPeriod())
		case <-ctx.Done():
			k.drain()
			return
		}
	}
}

// drain waits for the jobs that run.
func (k *kerneld) drain() {
	for len(k.jobs) > 0 {
		k.finish(<-k.results)
	}
}

// sweepPeriod is how often idle modules are looked for: a quarter of the delay.
func (k *kerneld) sweepPeriod() time.Duration { return max(k.delay/4, time.Second/4) }

func (k *kerneld) request(r Request) {
	done := r.Done
	if done == nil {
		done = func(string, error) {}
	}
	if r.Type == ControlRequest {
		done(k.control(r.Name))
		return
	}
	if k.only != 0 && r.Type != k.only {
		k.debugf("request %d for %s is not mine", r.Type, r.Name)
		done("", kernel.ENOSYS)
		return
	}
	switch r.Type {
	case RequestModule, ReleaseModule:
		if r.Type == ReleaseModule && k.keep {
			done("", nil)
			return
		}
		k.start(job{r.Type, r.Name}, done)
	case DelayedRelease:
		k.idleSince[kmod.NormalizeName(r.Name)] = time.Now()
		done("", nil)
	case CancelRelease:
		delete(k.idleSince, kmod.NormalizeName(r.Name))
		done("", nil)
	default:
		k.debugf("unknown request %d for %s", r.Type, r.Name)
		done("", kernel.ENOSYS)
	}
}

// start runs a job, or joins the equal one that runs already.
func (k *kerneld) start(j job, done func(string, error)) {
	if p := k.jobs[j]; p != nil {
		k.debugf("request %d for %s is pending already", j.kind, j.name)
		p.done = append(p.done, done)
		return
	}
	k.debugf("request %d for %s", j.kind, j.name)
	k.jobs[j] = &pending{done: []func(string, error){done}}
	k.order = append(k.order, j)
	go func() { k.results <- k.runJob(j) }()
}

func (k *kerneld) finish(r result) {
	for _, name := range r.inserted {
		k.idleSince[name] = time.Now()
	}
	p := k.jobs[r.job]
	delete(k.jobs, r.job)
	if i := slices.Index(k.order, r.job); i >= 0 {
		k.order = slices.Delete(k.order, i, i+1)
	}
	for _, done := range p.done {
		done("", r.err)
	}
}

// runJob is modprobe -k -s NAME, or modprobe -r -s NAME.
func (k *kerneld) runJob(j job) result {
	r := result{job: j}
	env := *k.Env
	env.Argv0 = "modprobe"
	env.Stdout = io.Discard
	env.Stdin = strings.NewReader("")
	env.Inserted = func(name string) { r.inserted = append(r.inserted, name) }
	if env.Syslog == nil {
		env.Syslog = func(_ kmod.Priority, text string) { k.note(text) }
	}
	option := "-k"
	if j.kind == ReleaseModule {
		option = "-r"
	}
	if Modprobe(&env, []string{option, "-s", "--", j.name}) != success {
		r.err = kernel.ENOENT
	}
	return r
}

// note prints a message of modprobe where nothing else takes it.
func (k *kerneld) note(text string) { fmt.Fprintf(k.Stderr, "%s: modprobe: %s\n", k.name, text) }

// sweep takes out the autoclean modules that were idle for the delay.
func (k *kerneld) sweep() {
	if k.keep {
		return
	}
	ctx := kmod.NewContext(k.moduleDir("", ""), nil, k.System, nil)
	now := time.Now()
	list := make([]string, 0, len(k.idleSince))
	for name := range k.idleSince {
		list = append(list, name)
	}
	slices.Sort(list)
	for _, name := range list {
		mod := ctx.ByName(name)
		uses, err := mod.RefCount()
		switch {
		case err != nil: // somebody else took it out
			delete(k.idleSince, name)
		case uses > 0:
			k.idleSince[name] = now
		case now.Sub(k.idleSince[name]) >= k.delay:
			err := mod.Remove(false, true)
			k.debugf("module %s was idle for %v: removed, %v", name, now.Sub(k.idleSince[name]), err)
			if err == nil {
				delete(k.idleSince, name)
			}
		}
	}
}

// control answers a word of kdstat: a setting, "flush" to look for idle modules now, "" or
// "status" for the state alone.
func (k *kerneld) control(word string) (string, error) {
	switch word {
	case "", "status":
	case "flush":
		k.sweep()
	default:
		if err := k.setting(word); err != nil {
			return "", errors.Join(kernel.EINVAL, err)
		}
	}
	return k.status(), nil
}

func (k *kerneld) status() string {
	not := func(b bool, word string) string {
		if b {
			return word
		}
		return "no" + word
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Version %s, pid=%d, delay=%d, %s, %s\n", kerneldVersion, os.Getpid(),
		int(k.delay/time.Second), not(k.keep, "keep"), not(k.debug, "debug"))
	if len(k.order) == 0 {
		b.WriteString("no jobs waiting\n")
		return b.String()
	}
	b.WriteString("job queue:\n")
	for _, j := range k.order {
		what := "request"
		if j.kind == ReleaseModule {
			what = "release"
		}
		fmt.Fprintf(&b, "%s %s\n", what, j.name)
	}
	return b.String()
}

// Kdstat asks the running kerneld for its state or changes a setting of it:
// kdstat [debug|nodebug|keep|nokeep|delay=SECONDS|flush]
func Kdstat(env *Env, args []string) int {
	t := newTool(env, kmod.PrioWarning)
	if len(args) > 1 {
		fmt.Fprintf(t.Stderr, "Usage: %s [debug|nodebug|keep|nokeep|delay=<seconds>|flush]\n", t.name)
		return failure
	}
	if t.Control == nil {
		t.errorf("kerneld is not running")
		return failure
	}
	answer, err := t.Control(strings.Join(args, ""))
	if err != nil {
		t.errorf("%v", err)
		return failure
	}
	t.printf("%s", answer)
	return success
}
