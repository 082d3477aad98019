//go:build linux

package supervisor

import (
	"encoding/binary"
	"sync"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// uevents sends the bench's uevents to the programs' sockets. Those are real ones of
// NETLINK_KOBJECT_UEVENT, in a network name space of the helper's, where the bench's events are all
// there are: Linux passes on, as its own, what the name space's owner sends to it
// (lib/kobject_uevent.c uevent_net_rcv).
type uevents struct {
	mu     sync.Mutex
	sender int    // +checklocks:mu
	stop   func() // +checklocks:mu
	quit   chan struct{}
	done   chan struct{}
}

// ueventQueue is how many events may wait; as on Linux, what is too much is lost.
const ueventQueue = 1024

// start begins to send, once. Errors: the helper's.
func (u *uevents) start(s *Supervisor) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stop != nil {
		return nil
	}
	fd, err := s.helper.ask("uevents")
	if err != nil {
		return err
	}
	// what the kernel tells is sent from a goroutine, since it must not wait
	queue := make(chan kernel.Uevent, ueventQueue)
	u.sender, u.quit, u.done = fd, make(chan struct{}), make(chan struct{})
	u.stop = s.k.OnUevent(func(e kernel.Uevent) {
		select {
		case queue <- e:
		default:
		}
	})
	go func() {
		defer close(u.done)
		for {
			select {
			case e := <-queue:
				_ = unix.Sendto(fd, ueventMessage(e), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			case <-u.quit:
				return
			}
		}
	}()
	return nil
}

func (u *uevents) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stop == nil {
		return
	}
	u.stop()
	close(u.quit)
	<-u.done
	_ = unix.Close(u.sender)
}

// ueventMessage is an event as it is sent to the kernel, which adds SEQNUM.
func ueventMessage(e kernel.Uevent) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN, 512)
	add := func(s string) { b = append(append(b, s...), 0) }
	add(e.Action + "@" + e.Devpath)
	add("ACTION=" + e.Action)
	add("DEVPATH=" + e.Devpath)
	add("SUBSYSTEM=" + e.Subsystem)
	for _, v := range e.Vars {
		add(v)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_MIN_TYPE)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	return b
}

// socket is a socket of NETLINK_KOBJECT_UEVENT.
func (c *call) socket() answer {
	if err := c.s.uevents.start(c.s); err != nil {
		return goesOn()
	}
	fd, err := c.s.helper.ask("uevents")
	if err != nil {
		return goesOn()
	}
	kind := c.Args[1]
	_ = unix.SetNonblock(fd, kind&unix.SOCK_NONBLOCK != 0)
	return answer{give: true, fd: fd, cloexec: kind&unix.SOCK_CLOEXEC != 0}
}
