package usb

import "github.com/kobench/kobench/hw/clock"

// Function is a USB device from the inside. The four methods are called one at a time, with the
// device's lock held; they must not block and must not submit transfers. The standard requests of
// [USB2] 9.4 are answered for it.
type Function interface {
	// Descriptors is what the device is at this speed, or nil if it cannot run at it. The result is
	// not changed afterwards.
	Descriptors(Speed) *Descriptors
	// Control answers class and vendor requests and GET_DESCRIPTOR of an interface. data is the
	// data stage: what came (OUT), or room for the answer (IN). The result is how much of it was
	// filled.
	//
	// Errors: Stall for a request it does not know. NAK makes it wait for Wake(0).
	Control(s Setup, data []byte) (int, error)
	// Out takes p of an OUT transfer. end: the transfer ends here with a short or empty packet. It
	// returns how much it took.
	//
	// Errors: NAK with what was taken before, and the rest waits for Wake(ep); Stall halts the
	// endpoint; another Errno ends the transfer with it.
	Out(ep uint8, p []byte, end bool) (int, error)
	// In fills p, the room of an IN transfer, and returns how much it has put there; less than p,
	// or nothing, is a short packet and ends the transfer.
	//
	// Errors: NAK: with whole packets before it, those are kept and the rest waits for Wake(ep).
	// Stall, EOVERFLOW (a packet that does not fit) and others as in Out.
	In(ep uint8, p []byte) (int, error)
}

// Attacher is a Function that wants to know when it is plugged in: it gets the Link that wakes
// transfers. Absence: it never says NAK.
type Attacher interface {
	Attach(*Link)
	// Detach is called when the device has been unplugged; nothing is called afterwards.
	Detach()
}

// Configurer is a Function with several configurations or alternate settings, or state to set up.
// Absence: every setting that the descriptors have is accepted.
type Configurer interface {
	// Configured is called after a configuration was chosen; 0 is none. A reset is also a
	// Configured(0).
	Configured(value uint8)
	// AltSetting is called after an interface's setting was chosen.
	AltSetting(iface, alt uint8)
}

// Streamer is a Function with isochronous endpoints. Absence: their transfers fail with ENXIO.
type Streamer interface {
	// Packet handles one isochronous packet in either direction and returns its length. An error is
	// that packet's alone.
	Packet(ep uint8, p []byte) (int, error)
}

// Link is how a Function reaches the device that it is.
type Link struct{ d *Emulated }

// Wake says that an endpoint (its address; 0 for a control request) may have become ready. It may
// be called with any lock held, from anywhere, and returns at once.
func (l *Link) Wake(ep uint8) { l.d.wake(ep) }

// WakeHeld is Wake in answer to something that happened at a time: the machine's time does not go
// on before the device is at rest again.
func (l *Link) WakeHeld(ep uint8) { l.d.wakeHeld(ep) }

// SetClock is [Emulated.SetClock] for a Function that has a clock. To be called from Attach.
func (l *Link) SetClock(c *clock.Clock) { l.d.clock = c }

// Speed is the speed the device runs at.
func (l *Link) Speed() Speed { return l.d.speed }

// Halt stalls an endpoint until the host clears it. To be called from a method of the Function.
func (l *Link) Halt(ep uint8) { l.d.haltLocked(ep) }

// Halted reports whether an endpoint is halted. To be called from a method of the Function.
func (l *Link) Halted(ep uint8) bool { q := l.d.queues[epIndex(ep)]; return q != nil && q.halted }
