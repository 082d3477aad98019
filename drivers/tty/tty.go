package tty

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/drivers/tty/lockdep"
	"github.com/kobench/kobench/kernel"
)

// TTY is one line: a terminal device that may be open many times (struct tty_struct and tty_port).
// The package's comment says in which order its locks are taken.
type TTY struct {
	driver *Driver
	index  int
	device *kernel.Device
	port   Port
	can    abilities

	readers kernel.WaitQueue // wait for input
	writers kernel.WaitQueue // wait for room, or for what was sent to have left
	changes kernel.WaitQueue // of modem lines (TIOCMIWAIT), and opens that wait for the carrier
	async   kernel.FasyncList
	hanging sync.WaitGroup // hang-ups in the background

	setting lockdep.SleepMutex
	portMu  lockdep.SleepMutex
	out     lockdep.Mutex
	wanted  atomic.Bool // the discipline's asks wait for who has out
	echoing atomic.Bool // an echo waits: changed with mu held
	// What the port has been told last.
	told bool // +checklocks:out
	// On its way from the discipline into the port.
	chunk [512]byte // +checklocks:out

	mu      lockdep.Mutex
	ld      ldisc   // +checklocks:mu
	pending backlog // +checklocks:mu
	// Open files that are not hung up.
	files map[*file]struct{} // +checklocks:mu
	// Opens that wait for the port, or for the carrier.
	opening int // +checklocks:mu
	// The port has been started up. Changed with portMu and out held too.
	running   bool // +checklocks:mu
	exclusive bool // +checklocks:mu
	// Removed: opens fail.
	gone bool // +checklocks:mu
	// How many hang-ups there have been.
	hangups uint    // +checklocks:mu
	winsize [8]byte // +checklocks:mu
	// How many overruns of input the log has been told of, and when last.
	overrunsSaid uint          // +checklocks:mu
	overrunTime  time.Duration // +checklocks:mu
	// Hundredths of a second, see SerialInfo.
	closeDelay  uint16 // +checklocks:mu
	closingWait uint16 // +checklocks:mu
}

// file is one open of a tty.
type file struct {
	t    *TTY
	task *kernel.Task
	mod  *kernel.Module // held, see Owned
	hung bool           // +checklocks:t.mu
}

func (tf *file) isHung() bool {
	tf.t.mu.Lock()
	defer tf.t.mu.Unlock()
	return tf.hung
}

func newTTY(d *Driver, port Port) *TTY {
	t := &TTY{driver: d, port: port, can: abilitiesOf(port), files: make(map[*file]struct{})}
	t.setting.Init("tty.setting", 1)
	t.portMu.Init("tty.port", 2)
	lockdep.Init(&t.out, "tty.out", 3)
	lockdep.Init(&t.mu, "tty.mu", 4)
	t.closeDelay, t.closingWait = standardCloseDelay, standardClosingWait
	t.ld.tm = d.Init
	t.ld.tm.settle()
	return t
}

// Name is the line's name, "ttyS0"; Index its number; Device its device.
func (t *TTY) Name() string { return fmt.Sprintf("%s%d", t.driver.Name, t.index) }

// Index is the line's number.
func (t *TTY) Index() int { return t.index }

// Device is the line's device in the kernel's tree.
func (t *TTY) Device() *kernel.Device { return t.device }

// Termios is how the line is set now.
func (t *TTY) Termios() Termios {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ld.tm
}

// now is the machine's time.
func (t *TTY) now() time.Duration { return t.driver.env.Kernel().Clock().Now() }

func (t *TTY) isRunning() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running
}

// lockPort takes what it needs to start the port up or to shut it down.
//
// +checklocksacquire:t.setting
// +checklocksacquire:t.portMu
func (t *TTY) lockPort() {
	t.setting.Lock()
	t.portMu.Lock()
}

// +checklocksrelease:t.setting
// +checklocksrelease:t.portMu
func (t *TTY) unlockPort() {
	t.portMu.Unlock()
	t.setting.Unlock()
}

// publishLocked tells the tasks what the discipline has for them, and notes that it has something
// for the port. After mu has been given up, service follows.
//
// +checklocks:t.mu
func (t *TTY) publishLocked() {
	a := &t.ld.asks
	if !a.any && a.nsignals == 0 {
		return
	}
	for _, sig := range a.signals[:a.nsignals] {
		for f := range t.files {
			f.task.Kill(sig)
		}
	}
	a.nsignals = 0
	if a.any {
		t.echoing.Store(len(t.ld.echo) > 0)
		t.wanted.Store(true)
	}
}
