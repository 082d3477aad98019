package check

import (
	"errors"
	"fmt"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/scenario"
)

// judge says what is wrong with one call, by class; nothing where all is well.
func judge(c scenario.Call) []Finding {
	var found []Finding
	wrong := func(class, format string, a ...any) {
		found = append(found, Finding{Class: class, What: fmt.Sprintf(format, a...), Call: c.String(), Line: c.Line})
	}
	switch asked := c.Asked; {
	case asked.Op == "read" && c.Result > int64(asked.Bytes):
		wrong("read-overrun", "a read of %d bytes returned %d", asked.Bytes, c.Result)
	case asked.Op == "read" && asked.Untouched:
		wrong("positive-error", "a read returned %d and wrote nothing%s", c.Result, asErrno(c.Result))
	case (asked.Op == "write" || asked.Op == "fill") && asked.Bytes > 0 && c.Err == nil && c.Result == 0:
		wrong("write-zero", "a write of %d bytes returned 0", asked.Bytes)
	case asked.Op == "poll" && c.Err == nil && asked.Events == 0 && asked.Queues == 0:
		wrong("poll-without-wait", "poll found nothing and named no queue: its caller is never woken")
	case asked.Op == "lseek" && asked.Whence == kernel.SEEK_SET && asked.Offset < 0 && tookPosition(c):
		wrong("negative-seek", "lseek to %d was taken: the driver has that position, the program sees an error", asked.Offset)
	case asked.Op == "ioctl" && asked.Pointer:
		found = append(found, judgePointer(c)...)
	}
	if c.Signal != 0 && c.Asked.Nonblock && errors.Is(c.Err, kernel.EINTR) {
		wrong("nonblock-blocks", "a %s on an O_NONBLOCK file slept until a signal came", c.Asked.Op)
	}
	if c.Signal == kernel.SIGKILL && c.Err != nil {
		wrong("stuck", "%s slept on although a signal had come; only SIGKILL ended it", c.Asked.Op)
	}
	return found
}

// tookPosition reports whether a seek below zero came back as it was: a position of -3 and the
// error ESRCH are the same number.
func tookPosition(c scenario.Call) bool {
	return c.Err == nil || errors.Is(c.Err, kernel.Errno(-c.Asked.Offset))
}

// asErrno says which error a positive number would be.
func asErrno(n int64) string {
	if n <= 0 || n > 133 {
		return ""
	}
	return fmt.Sprintf("; -%d is %s", n, kernel.Errno(n).Name())
}

// judgePointer looks at the driver's reach into what an ioctl pointed to.
func judgePointer(c scenario.Call) []Finding {
	var found []Finding
	wrong := func(class, format string, a ...any) {
		found = append(found, Finding{Class: class, What: fmt.Sprintf(format, a...), Call: c.String(), Line: c.Line})
	}
	stated := int64(c.Asked.Command >> 16 & 0x3fff)
	refused := false
	for _, a := range c.Access {
		refused = refused || a.Fault
		if end := a.Offset + int64(a.Size); stated > 0 && a.Offset >= 0 && a.Offset < stated && end > stated {
			wrong("ioctl-size", "ioctl %#x states %d bytes, the driver %s %d", c.Asked.Command, stated, verb(a), end)
		}
	}
	if refused && c.Err == nil {
		wrong("ignored-copy", "ioctl %#x succeeded although its memory was refused: the result of a copy is ignored", c.Asked.Command)
	}
	return found
}

// fetchedTwice says which bytes of its argument an ioctl has read twice; "" if none.
func fetchedTwice(c scenario.Call) string {
	for i, a := range c.Access {
		for _, b := range c.Access[:i] {
			if !a.Write && !b.Write && a.Offset < b.Offset+int64(b.Size) && b.Offset < a.Offset+int64(a.Size) {
				return fmt.Sprintf("ioctl %#x reads bytes %d to %d of its argument twice, and trusts the second value: ",
					c.Asked.Command, max(a.Offset, b.Offset), min(a.Offset+int64(a.Size), b.Offset+int64(b.Size))-1)
			}
		}
	}
	return ""
}

func verb(a scenario.Access) string {
	if a.Write {
		return "writes"
	}
	return "reads"
}

// readAfterPoll judges two calls in a row: poll said that there is something, and the read would
// have slept. A driver without a poll of its own names no queue, and promises nothing.
func readAfterPoll(poll, read scenario.Call) []Finding {
	if poll.Asked.Op != "poll" || poll.Asked.Events&kernel.PollIn == 0 || poll.Asked.Queues == 0 || poll.Thread != 0 || read.Thread != 0 {
		return nil
	}
	if read.Asked.Op != "read" || !read.Asked.Nonblock || !errors.Is(read.Err, kernel.EAGAIN) {
		return nil
	}
	return []Finding{{Class: "poll-stays-ready", What: "poll said that there is something to read, and a read answered EAGAIN",
		Call: read.String(), Line: read.Line}}
}
