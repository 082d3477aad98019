package tty

import (
	"sync"
	"testing"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// fake is a port that notes what it is told. In each of its methods it calls back into the core, as
// a driver may whose transfers end in the middle of what starts them.
type fake struct {
	mu    sync.Mutex
	t     *TTY
	sent  []byte // +checklocks:mu
	room  int    // +checklocks:mu
	calls []string
	modem uint32                  // +checklocks:mu
	set   func(now, old *Termios) // in SetTermios
	loop  bool                    // what is sent comes back at once, inside of Write
}

func (p *fake) say(call string) {
	p.mu.Lock()
	p.calls = append(p.calls, call)
	t := p.t
	p.mu.Unlock()
	if t == nil {
		return
	}
	t.Wakeup()
	t.ModemChanged()
	t.CarrierChanged(true)
	t.Throttled()
	t.Receive(nil, nil)
}

func (p *fake) Startup(t *TTY) error {
	p.mu.Lock()
	p.t = t
	p.mu.Unlock()
	p.say("startup")
	return nil
}

func (p *fake) Shutdown() { p.say("shutdown") }

func (p *fake) Write(b []byte) int {
	p.mu.Lock()
	n := min(len(b), p.room)
	p.sent = append(p.sent, b[:n]...)
	p.room -= n
	p.mu.Unlock()
	if p.loop && n > 0 {
		p.t.Receive(b[:n], nil)
	}
	if n > 0 {
		p.t.Wakeup()
	}
	return n
}

func (p *fake) Queue() (room, pending int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.room, 0
}

func (p *fake) SetTermios(now, old *Termios) {
	p.say("termios")
	if p.set != nil {
		p.set(now, old)
	}
}

func (p *fake) ModemBits() (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.modem, nil
}

func (p *fake) SetModemBits(set, clear uint32) error {
	p.mu.Lock()
	was := p.modem
	p.modem = p.modem&^clear | set
	changed := p.modem != was
	p.mu.Unlock()
	if changed {
		p.say("modem")
	}
	return nil
}

func (p *fake) SetBreak(bool) error { p.say("break"); return nil }
func (p *fake) Throttle(on bool)    { p.say(map[bool]string{true: "throttle", false: "unthrottle"}[on]) }
func (p *fake) Stop(on bool)        { p.say(map[bool]string{true: "stop", false: "start"}[on]) }
func (p *fake) SendXChar(c byte)    { p.say("x" + string(rune(c|0x40))) }

func (p *fake) FlushOutput() {
	p.say("flush")
	p.mu.Lock()
	p.sent = p.sent[:0]
	p.mu.Unlock()
}

func (p *fake) Counters() serial.Counters { return serial.Counters{} }

// took is what was sent since it was asked last.
func (p *fake) took() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := string(p.sent)
	p.sent = nil
	return s
}

// told is what the port was told since it was asked last.
func (p *fake) told() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls
	p.calls = nil
	return c
}

func (p *fake) setRoom(n int) {
	p.mu.Lock()
	p.room = n
	p.mu.Unlock()
}

// rig is a machine with one terminal, ttyF0, on a fake port.
type rig struct {
	*testing.T
	k      *kernel.Kernel
	driver *Driver
	port   *fake
	tty    *TTY
	task   *kernel.Task
}

// boot makes it, with the line set as init says.
func boot(t *testing.T, init Termios) *rig {
	r := &rig{T: t, k: kerneltest.Boot(t), port: &fake{room: 1 << 30}}
	r.driver = &Driver{Name: "ttyF", Major: 240, Lines: 4, Init: init}
	kerneltest.Load(t, r.k, &kernel.Module{Name: "fake", Init: func(env *kernel.Env) error {
		if err := r.driver.Register(env); err != nil {
			return err
		}
		tt, err := r.driver.Add(0, r.port, nil)
		if err != nil {
			return err
		}
		env.Defer(func() { r.driver.Remove(tt) })
		r.tty = tt
		return nil
	}}, "")
	r.task = kerneltest.Task(t, r.k)
	return r
}

// open opens the terminal without waiting.
func (r *rig) open() int {
	r.Helper()
	fd, err := r.task.Open("/dev/ttyF0", kernel.O_RDWR|kernel.O_NONBLOCK)
	require.NoError(r, err)
	r.port.told()
	return fd
}

// read is what one read of at most n bytes brings.
func (r *rig) read(fd, n int) (string, error) {
	buf := make([]byte, n)
	k, err := r.task.Read(fd, buf)
	return string(buf[:max(k, 0)]), err
}

func (r *rig) ioctl(fd int, cmd uint32, val uint64) error {
	_, err := r.task.Ioctl(fd, cmd, kernel.Arg{Val: val})
	return err
}

func (r *rig) set(fd int, tm Termios) {
	r.Helper()
	_, err := r.task.Ioctl(fd, TCSETS2, kernel.Arg{Buf: tm.Bytes()})
	require.NoError(r, err)
}
