package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/kernel"
)

// Config says what a scenario runs on.
type Config struct {
	Kernel *kernel.Kernel
	Module string // $M, and what rmmod removes
	// Insmod loads the module with parameters; nil: the scenario has no insmod.
	Insmod func(t *kernel.Task, params string) error
	// Patience is how long a call may sleep before SIGINT ends it; ten times as long it then has
	// until SIGKILL, and again until the run ends without it. 0 is two seconds.
	Patience time.Duration
	// Tamper changes what an ioctl points to right after the driver has read it, as another thread
	// of a program could.
	Tamper bool
}

// A Call is one system call of a run.
type Call struct {
	Line   int    // of the scenario
	Thread int    // 0 is the main one
	Text   string // the line, without thread and number of times
	Result int64  // what it returned; -1 for an error
	Err    error  // nil, a kernel.Errno, or why the task made no call
	Detail string // what the transcript shows behind the result
	Access []Access
	// Signal is what ended a call that had slept for its patience; 0 if none was sent.
	Signal kernel.Signal
	Asked  Asked
}

// Asked is what a call asked for, as far as its answer is judged by it.
type Asked struct {
	Op        string        // open, read, …
	Bytes     int           // of a read or write
	Nonblock  bool          // the file is O_NONBLOCK
	Command   uint32        // of an ioctl
	Pointer   bool          // the ioctl passed a pointer
	Untouched bool          // a read returned more than 0 and wrote nothing
	Events    kernel.Events // that poll found
	Queues    int           // that poll registered with
	Offset    int64         // of an lseek
	Whence    int
}

// String is the call's line in the transcript.
func (c Call) String() string {
	who := ""
	if c.Thread > 0 {
		who = fmt.Sprintf("%d: ", c.Thread)
	}
	result := fmt.Sprint(c.Result)
	var errno kernel.Errno
	switch {
	case errors.As(c.Err, &errno):
		result = "-1 " + errno.Name()
	case c.Err != nil:
		result = "-1 (" + c.Err.Error() + ")"
	}
	return strings.TrimRight(fmt.Sprintf("%s%s = %s %s", who, c.Text, result, c.Detail), " ")
}

// ErrStuck says that a call came back neither by itself nor by a signal.
var ErrStuck = errors.New("it sleeps, and no signal ends it")

// Run runs the scenario once and returns its transcript: the main thread's calls in their order,
// those of threads by thread. It returns after each call has had its patience.
//
// Errors: ErrStuck, with the line, when the kernel is still busy with a call; ctx's.
func (s *Script) Run(ctx context.Context, cfg Config) ([]Call, error) {
	if cfg.Patience <= 0 {
		cfg.Patience = 2 * time.Second
	}
	r := &runner{Config: cfg, ctx: ctx, threads: map[int]*thread{}}
	first := r.thread(0, cfg.Kernel.NewTask(kernel.WithComm("scenario")))
	defer r.end()
	var all []Call
	waiting := map[int][]step{}
	for _, st := range s.steps {
		switch {
		case ctx.Err() != nil:
			return all, ctx.Err()
		case st.barrier:
			calls, err := r.sideBySide(first, waiting)
			all = append(all, calls...)
			if err != nil {
				return all, err
			}
			clear(waiting)
		case st.thread > 0:
			waiting[st.thread] = append(waiting[st.thread], st)
		default:
			calls, err := r.alone(first, []step{st})
			all = append(all, calls...)
			if err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// runner is one run.
type runner struct {
	Config
	ctx context.Context

	mu      sync.Mutex
	threads map[int]*thread // those that are there now
	stuck   bool
}

func (r *runner) thread(number int, task *kernel.Task) *thread {
	t := &thread{number: number, task: task, files: r.files(), memory: &memory{tamper: r.Tamper}}
	task.SetUserMemory(t.memory)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.threads[number] = t
	return t
}

// files are the descriptors by name, which all threads share.
func (r *runner) files() *files {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first := r.threads[0]; first != nil {
		return first.files
	}
	return &files{byName: map[string]int{}}
}

func (r *runner) expand(path string) string { return strings.ReplaceAll(path, "$M", r.Module) }

func (r *runner) insmod(t *kernel.Task, params string) error {
	if r.Insmod == nil {
		return kernel.ENOSYS
	}
	return r.Insmod(t, params)
}

// kill sends a signal to a thread.
func (r *runner) kill(number int, sig kernel.Signal) error {
	r.mu.Lock()
	t := r.threads[number]
	r.mu.Unlock()
	if t == nil {
		return kernel.ESRCH
	}
	t.task.Kill(sig)
	return nil
}

// end closes what is open. A task that is stuck is left to the kernel's shutdown.
func (r *runner) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.threads[0]; t != nil && !r.stuck {
		t.task.Exit()
	}
}

// sideBySide runs the waiting threads and waits for all.
func (r *runner) sideBySide(first *thread, waiting map[int][]step) ([]Call, error) {
	type outcome struct {
		calls []Call
		err   error
	}
	outcomes := make([]outcome, maxThreads+1)
	var threads []*thread
	for number := range waiting {
		threads = append(threads, r.thread(number, first.task.Clone()))
	}
	var wg sync.WaitGroup
	for _, t := range threads {
		wg.Go(func() {
			calls, err := r.alone(t, waiting[t.number])
			outcomes[t.number] = outcome{calls, err}
			if err == nil {
				t.task.Exit()
			}
		})
	}
	wg.Wait()
	r.mu.Lock()
	for number := range waiting {
		delete(r.threads, number)
	}
	r.mu.Unlock()
	var all []Call
	var errs error
	for _, o := range outcomes {
		all = append(all, o.calls...)
		errs = errors.Join(errs, o.err)
	}
	return all, errs
}

// alone runs the steps of one thread.
func (r *runner) alone(t *thread, steps []step) ([]Call, error) {
	var all []Call
	for _, st := range steps {
		for range st.times {
			if r.ctx.Err() != nil {
				return all, r.ctx.Err()
			}
			c, err := r.call(t, st)
			if err != nil {
				return all, fmt.Errorf("line %d: %s: %w", st.line, st.text, err)
			}
			if c == nil {
				continue
			}
			all = append(all, *c)
		}
	}
	return all, nil
}

// call makes one call. It has its patience, then a signal, then SIGKILL, and then it is stuck.
func (r *runner) call(t *thread, st step) (*Call, error) {
	done := make(chan answer, 1)
	t.memory.begin()
	go func() { done <- st.op(r, t) }()
	timer := time.NewTimer(r.Patience)
	defer timer.Stop()
	var sent kernel.Signal
	for _, sig := range []kernel.Signal{kernel.SIGINT, kernel.SIGKILL, 0} {
		select {
		case a := <-done:
			if a.quiet {
				return nil, nil
			}
			c := &Call{Line: st.line, Thread: t.number, Text: st.text, Result: a.n, Detail: a.detail, Access: t.memory.seen(), Signal: sent, Asked: a.asked}
			c.Asked.Op, _, _ = strings.Cut(st.text, " ")
			if a.err != nil {
				c.Result, c.Err = -1, a.err
			}
			return c, nil
		case <-timer.C:
			if sig == 0 {
				continue
			}
			t.task.Kill(sig)
			sent = sig
			// on a busy machine a call that does not sleep needs time, too
			timer.Reset(10 * r.Patience)
		}
	}
	r.mu.Lock()
	r.stuck = true
	r.mu.Unlock()
	return nil, ErrStuck
}
