//go:build linux

package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/kernel"
)

// syslog writes the kernel's log to a file, as a system's logger does with /var/log/syslog.
type syslog struct {
	path string
	file *os.File
	host string
	boot time.Time

	wait kernel.Waiter
	more chan struct{} // capacity 1
	stop chan struct{}
	done sync.WaitGroup
}

func startSyslog(k *kernel.Kernel, dir string) (*syslog, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	l := &syslog{path: filepath.Join(dir, "syslog"), more: make(chan struct{}, 1), stop: make(chan struct{}), boot: time.Now().Add(-k.Uptime())}
	l.host, _ = os.Hostname()
	l.host, _, _ = strings.Cut(l.host, ".")
	var err error
	if l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return nil, err
	}
	l.wait.Func = func(kernel.Events) {
		select {
		case l.more <- struct{}{}:
		default:
		}
	}
	next := l.write(k, 0)
	k.Log.Queue().Add(&l.wait)
	l.done.Add(1)
	go func() {
		defer l.done.Done()
		defer k.Log.Queue().Remove(&l.wait)
		for {
			next = l.write(k, next)
			select {
			case <-l.more:
			case <-l.stop:
				l.write(k, next)
				return
			}
		}
	}()
	return l, nil
}

// write adds the records from seq on and gives the next one's number.
func (l *syslog) write(k *kernel.Kernel, seq uint64) uint64 {
	var b strings.Builder
	for {
		r, err := k.Log.Read(seq)
		if err == kernel.EAGAIN {
			break
		}
		seq = r.Seq + 1
		who := "kernel"
		if r.Facility != kernel.FacilityKern {
			who = "user"
		}
		stamp := l.boot.Add(r.Time).Format("Jan _2 15:04:05")
		for line := range strings.SplitSeq(r.Text, "\n") {
			fmt.Fprintf(&b, "%s %s %s: %s%s\n", stamp, l.host, who, r.Stamp(), line)
		}
	}
	if b.Len() > 0 {
		_, _ = l.file.WriteString(b.String())
	}
	return seq
}

func (l *syslog) close() {
	close(l.stop)
	l.done.Wait()
	l.file.Close()
}
