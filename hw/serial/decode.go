package serial

// decoder is a receiver: it samples the wire's level at its own rate and finds the characters
// [PC16550D] 8.2 "receiver". Times are in nanoseconds of line time and only go forward.
//
// Between equal modes the wire skips it (see accepts): bytes are copied. It plays a frame bit by
// bit when the modes differ, when a fault inverted a bit, and for breaks.
type decoder struct {
	mode   Mode
	at     Time // the level is known up to here
	state  rxState
	start  Time   // of the frame being received
	bit    int    // next bit to sample: 0 is the start bit
	shift  uint16 // samples so far
	out    []char // decoded, not yet taken
	taken  int    // of out
	last   Time   // when the last character arrived
	auto   bool   // receives every mode as it was sent
	cached Mode   // last transmitter asked about by accepts
	okay   bool   // its answer
}

type char struct {
	b byte
	f Flags
}

type rxState uint8

const (
	rxIdle  rxState = iota // the wire is 1: waiting for a start bit
	rxFrame                // sampling
	rxMark                 // after a break: waiting for the wire to go back to 1
)

// setMode changes the receiver's mode; a frame being received is lost, as in the chip.
func (d *decoder) setMode(m Mode) {
	d.mode = m
	d.cached = Mode{}
	if d.state == rxFrame {
		d.state = rxIdle
	}
}

// accepts reports whether every frame sent in mode m is received as it was sent: same bits, and a
// rate so near that the sample of the first stop bit, half a bit after its start, still falls into
// it. For 8N1 that is about ±5 %.
func (d *decoder) accepts(m Mode) bool {
	if m == d.cached {
		return d.okay
	}
	k := int64(d.mode.frameBits())
	tx, rx := int64(m.Baud), int64(d.mode.Baud)
	// k/tx < (k+½)/rx < (k+1)/tx, the sample between the edges of the stop bit
	in := 2*k*rx < (2*k+1)*tx && (2*k+1)*tx < (2*k+2)*rx
	d.cached = m
	d.okay = d.auto || in && m.Data == d.mode.Data && m.Parity == d.mode.Parity
	return d.okay
}

func (d *decoder) halfBit(n int) Time { return Time(int64(n) * 500_000_000 / int64(d.mode.Baud)) }

// feed says that the wire has the given level from d.at until t.
func (d *decoder) feed(level bool, t Time) {
	if t <= d.at {
		return
	}
	from := d.at
	d.at = t
	for {
		switch d.state {
		case rxMark:
			if !level {
				return
			}
			d.state = rxIdle
		case rxIdle:
			if level {
				return
			}
			d.state, d.start, d.bit, d.shift = rxFrame, from, 0, 0
		case rxFrame:
			s := d.start + d.halfBit(2*d.bit+1)
			if s >= t {
				return
			}
			d.sample(level)
		}
	}
}

func (d *decoder) sample(level bool) {
	if d.bit == 0 && level { // a glitch, not a start bit
		d.state = rxIdle
		return
	}
	if level {
		d.shift |= 1 << d.bit
	}
	stop := d.mode.frameBits()
	if d.bit < stop {
		d.bit++
		return
	}
	d.last = d.start + d.halfBit(2*stop+1)
	c := char{b: byte(d.shift>>1) & d.mode.mask()}
	if d.mode.Parity != ParityNone && d.shift&(1<<(stop-1)) != 0 != d.mode.parityBit(c.b) {
		c.f |= ParityError
	}
	switch {
	case level:
		d.state = rxIdle
	case d.shift == 0:
		c.f = Break
		d.state = rxMark
	default:
		// [PC16550D] LSR bit 3: the receiver takes the missing stop bit for the next start bit.
		c.f |= Framing
		d.start += d.halfBit(2 * stop)
		d.bit, d.shift = 1, 0
	}
	d.out = append(d.out, c)
}

// breakNow is a break on a line without time.
func (d *decoder) breakNow() {
	d.state = rxIdle
	d.out = append(d.out, char{0, Break})
}

// take moves decoded characters to dst: a run without errors, or exactly one with.
func (d *decoder) take(dst []byte) (int, Flags) {
	n := 0
	for n < len(dst) && d.taken < len(d.out) {
		c := d.out[d.taken]
		if c.f != 0 && n > 0 {
			break
		}
		dst[n] = c.b
		n++
		d.taken++
		if c.f != 0 {
			d.compact()
			return n, c.f
		}
	}
	d.compact()
	return n, 0
}

func (d *decoder) compact() {
	if d.taken == len(d.out) {
		d.out, d.taken = d.out[:0], 0
	}
}

func (d *decoder) pending() int { return len(d.out) - d.taken }
