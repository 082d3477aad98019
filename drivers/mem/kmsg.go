package mem

import (
	"strconv"
	"strings"
	"sync"

	"github.com/kobench/kobench/kernel"
)

// kmsg is one open /dev/kmsg: a place in the log ([dev-kmsg]; Linux kernel/printk/printk.c
// devkmsg_*).
type kmsg struct {
	mu  sync.Mutex
	seq uint64 // of the next record to read
}

func kmsgOps() *kernel.FileOperations {
	return &kernel.FileOperations{Open: openKmsg, Read: readKmsg, Write: writeKmsg, Llseek: seekKmsg, Poll: pollKmsg}
}

func openKmsg(t *kernel.Task, f *kernel.File) error {
	f.Private = &kmsg{seq: t.Kernel().Log.First()}
	return nil
}

// readKmsg gives one record a call: EPIPE once when records were overwritten meanwhile, EINVAL when
// p is too small for it.
func readKmsg(t *kernel.Task, f *kernel.File, p []byte) (int, error) {
	k := f.Private.(*kmsg)
	k.mu.Lock()
	defer k.mu.Unlock()
	r, err := t.Kernel().Log.Read(k.seq)
	if err != nil {
		if err == kernel.EPIPE {
			k.seq = r.Seq
		}
		return 0, err
	}
	text := r.Kmsg()
	if len(text) > len(p) {
		return 0, kernel.EINVAL
	}
	k.seq = r.Seq + 1
	return copy(p, text), nil
}

// writeKmsg adds a record: "<prio>text" or plain text of the user facility.
func writeKmsg(t *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	if len(p) > 1024-32 {
		return 0, kernel.EINVAL
	}
	text, level, facility := string(p), kernel.LevelDefault, uint8(kernel.FacilityUser)
	if rest, ok := strings.CutPrefix(text, "<"); ok {
		if num, body, ok := strings.Cut(rest, ">"); ok {
			if n, err := strconv.ParseUint(num, 10, 11); err == nil {
				level, text = kernel.Level(n&7), body
				if n>>3 != 0 { // nobody pretends to be the kernel
					facility = uint8(n >> 3)
				}
			}
		}
	}
	t.Kernel().Log.Inject(facility, level, text)
	return len(p), nil
}

// seekKmsg goes to the oldest record (SEEK_SET), the end (SEEK_END), or after the last clear
// (SEEK_DATA).
func seekKmsg(t *kernel.Task, f *kernel.File, off int64, whence int) (int64, error) {
	const seekData = 3
	if off != 0 {
		return 0, kernel.ESPIPE
	}
	log := &t.Kernel().Log
	k := f.Private.(*kmsg)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch whence {
	case kernel.SEEK_SET:
		k.seq = log.First()
	case kernel.SEEK_END:
		k.seq = log.Next()
	case seekData:
		k.seq = log.ClearSeq()
	default:
		return 0, kernel.EINVAL
	}
	return 0, nil
}

func pollKmsg(t *kernel.Task, f *kernel.File, w *kernel.PollTable) kernel.Events {
	log := &t.Kernel().Log
	w.Wait(log.Queue())
	k := f.Private.(*kmsg)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.seq >= log.Next():
		return 0
	case k.seq < log.First():
		return kernel.PollIn | kernel.PollRdnorm | kernel.PollErr | kernel.PollPri
	}
	return kernel.PollIn | kernel.PollRdnorm
}
