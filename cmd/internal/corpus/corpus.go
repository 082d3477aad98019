// Package corpus tries a folder of C module sources: it finds the modules, builds each, loads each
// into a fresh kernel, exercises what appeared there, unloads, and says what happened. It knows
// nothing of any particular corpus.
//
//	find      asks make what each folder's Kbuild or Makefile wants built (obj-m)
//	build     builds one module at a time, in a copy of the folder
//	exercise  loads, opens, reads, writes, unloads; in a process of its own, which can be ended
//	table     prints it
//
// References:
//   - [Kbuild] Linux 6.1, Documentation/kbuild/modules.rst
package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Options say what to try, and how.
type Options struct {
	Dir     string        // the folder of sources; it is not written to
	Board   string        // the machine to load into; "" is bare
	Jobs    int           // how many modules at once; 0: one for each processor
	Timeout time.Duration // for the build, and again for the rest, of one module; 0 is a minute
	KDir    string        // the kernel build directory
	Self    string        // the kobench program, which exercises in processes of its own
	// Results is a file of JSON lines; what stands there already, of the same sources, is not tried
	// again. "": none.
	Results string
	// Progress is told after each module; nil: nobody is.
	Progress func(done, total int, r Result)
}

// ErrNone says that a folder has no modules.
var ErrNone = errors.New("no module sources: no Kbuild or Makefile below it sets obj-m")

// Run tries all modules below a folder and returns what happened, in the order of their paths. When
// ctx ends it returns what was tried, and ctx's error.
//
// Errors: ErrNone; what is wrong with the folder or the file of results; ctx's.
func Run(ctx context.Context, o Options) ([]Result, error) {
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Board == "" {
		o.Board = "bare"
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	modules, err := find(ctx, o.Dir, o.KDir)
	if err != nil {
		return nil, err
	}
	if len(modules) == 0 {
		return nil, fmt.Errorf("%s: %w", o.Dir, ErrNone)
	}
	book, err := openBook(o.Results)
	if err != nil {
		return nil, err
	}
	defer book.close()
	work, err := os.MkdirTemp("", "kobench-corpus-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)

	program, err := programSum(o.Self)
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, program: program, book: book, modules: modules, built: filepath.Join(work, "built"), results: make([]Result, len(modules))}
	if err := r.each(ctx, work, r.build); err != nil {
		return r.tried(), err
	}
	if err := r.each(ctx, work, r.exercise); err != nil {
		return r.tried(), err
	}
	return r.results, book.err()
}

// A run is what its workers share. Each writes only the results of its own modules.
type run struct {
	Options
	program string // a hash of Self
	book    *book
	modules []Module
	built   string // where the .ko files go: built/N/NAME.ko
	results []Result

	mu   sync.Mutex
	done int // modules
}

// tried are the results that there are.
func (r *run) tried() []Result {
	var all []Result
	for _, x := range r.results {
		if x.Path != "" {
			all = append(all, x)
		}
	}
	return all
}

// each gives every module to one of the workers, each of which has a copy of the sources.
func (r *run) each(ctx context.Context, work string, do func(ctx context.Context, i int, copied string) error) error {
	next := make(chan int)
	failed := make(chan error, r.Jobs)
	for n := range r.Jobs {
		go func() {
			failed <- func() error {
				copied := filepath.Join(work, fmt.Sprint("sources-", n))
				if err := copyTree(copied, r.Dir); err != nil {
					return err
				}
				for i := range next {
					if err := do(ctx, i, copied); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	err := feed(ctx, next, len(r.modules), failed)
	close(next)
	for range r.Jobs {
		if err == nil {
			err = <-failed
		}
	}
	return err
}

// feed hands out the numbers below n until a worker fails or ctx ends.
func feed(ctx context.Context, next chan<- int, n int, failed chan error) error {
	for i := range n {
		select {
		case next <- i:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// finish counts a module as done and keeps its result.
func (r *run) finish(i int, x Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[i] = x
	r.done++
	if r.Progress != nil {
		r.Progress(r.done, len(r.modules), x)
	}
	return r.book.add(x)
}

// copyTree copies a folder, once: a second call finds the copy and leaves it as it is.
func copyTree(to, from string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&os.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !d.Type().IsRegular():
			return nil
		}
		return copyFile(target, path)
	})
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
