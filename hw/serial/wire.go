package serial

// Time is line time: nanoseconds since the line was made. On a Max line it only orders characters.
type Time int64

const (
	wireSize = 64 << 10 // characters a wire holds; a power of two
	// characters a paced sender may be ahead of the wire, as a Linux tty's transmit buffer
	pacedAhead  = 4096
	segmentMax  = 1 << 20 // characters in one segment, so that span does not overflow
	forever     = Time(1<<63 - 1)
	maxDecoding = 4096 // undecoded frames handled in one go
)

// segment is a run of characters sent back to back in one mode, or a break.
type segment struct {
	mode  Mode
	start Time
	n     int    // characters
	done  int    // of them taken by the receiver
	flip  uint16 // frame bits inverted by a fault; then n is 1
	kind  segKind
	end   Time // of a break; forever while it lasts
}

type segKind uint8

const (
	segData segKind = iota
	segBreak
	// characters the transmitter shifted out while the wire was held in break: nobody sees them
	segMute
)

func (s *segment) endTime() Time {
	if s.kind == segBreak {
		return s.end
	}
	return s.start + s.mode.span(s.n)
}

// arrived is how many characters of s have ended at t.
func (s *segment) arrived(t Time) int {
	if t >= s.endTime() {
		return s.n
	}
	d := int64(t - s.start)
	if d <= 0 {
		return 0
	}
	k := int(d / max(1, int64(s.mode.span(1)))) // near; span rounds
	for k > 0 && s.start+s.mode.span(k) > t {
		k--
	}
	for k < s.n && s.start+s.mode.span(k+1) <= t {
		k++
	}
	return k
}

// wire is one direction of a line: what was sent and has not been taken yet. The line's lock guards
// it.
type wire struct {
	max  bool
	ring []byte    // wireSize, made at the first use
	head uint      // next character to take
	tail uint      // next to put
	segs []segment // segs[first:] are live
	pop  int
	free Time // when the transmitter's shift register is free
	low  bool // held in break
	full bool // a sender found no room
}

func (w *wire) live() []segment { return w.segs[w.pop:] }

func (w *wire) queued() int { return int(w.tail - w.head) }

// room is how many characters push takes now.
func (w *wire) room(now Time) int {
	r := wireSize - w.queued()
	if !w.max {
		r = min(r, pacedAhead-w.unstarted(now))
	}
	return max(0, r)
}

// push sends p as far as there is room.
func (w *wire) push(now Time, m Mode, p []byte, flip uint16) int {
	n := min(len(p), w.room(now))
	if n < len(p) {
		w.full = true
	}
	if n == 0 {
		return 0
	}
	if w.ring == nil {
		w.ring = make([]byte, wireSize)
	}
	kind := segData
	if w.low {
		kind = segMute
	}
	start := w.free
	if !w.max && now > start {
		start = now
	}
	if last := w.last(); last != nil && last.kind == kind && last.mode == m && flip|last.flip == 0 &&
		start == w.free && last.n+n <= segmentMax {
		last.n += n
		w.free = last.endTime()
	} else {
		w.add(segment{mode: m, start: start, n: n, flip: flip, kind: kind})
		w.free = start + m.span(n)
	}
	at := w.tail & (wireSize - 1)
	k := copy(w.ring[at:], p[:n])
	copy(w.ring, p[k:n])
	w.tail += uint(n)
	return n
}

func (w *wire) last() *segment {
	if w.pop == len(w.segs) {
		return nil
	}
	return &w.segs[len(w.segs)-1]
}

func (w *wire) add(s segment) {
	if w.pop > 32 && w.pop*2 > len(w.segs) {
		w.segs = w.segs[:copy(w.segs, w.segs[w.pop:])]
		w.pop = 0
	}
	w.segs = append(w.segs, s)
}

// drop forgets the first segment.
func (w *wire) drop() {
	w.pop++
	if w.pop == len(w.segs) {
		w.segs, w.pop = w.segs[:0], 0
	}
}

// unstarted is how many characters have not begun to leave the transmitter.
func (w *wire) unstarted(now Time) int {
	if w.max || w.free <= now {
		return 0
	}
	n := 0
	segs := w.live()
	for i := len(segs) - 1; i >= 0; i-- {
		s := &segs[i]
		if s.endTime() <= now {
			break
		}
		n += s.n - w.begun(s, now)
	}
	return n
}

// begun is how many characters of s have begun at now; a character that begins at now has.
func (w *wire) begun(s *segment, now Time) int {
	if s.kind == segBreak || now < s.start {
		return 0
	}
	return min(s.n, s.arrived(now)+1)
}

// recall takes back the characters that have not begun and appends them to dst.
func (w *wire) recall(now Time, dst []byte) []byte {
	n := w.unstarted(now)
	if n == 0 {
		return dst
	}
	for i := w.tail - uint(n); i != w.tail; i++ {
		dst = append(dst, w.ring[i&(wireSize-1)])
	}
	w.tail -= uint(n)
	for n > 0 {
		s := w.last()
		// cannot be recalled; later breaks are never followed by data that is not mute
		if s.kind == segBreak {
			break
		}
		k := min(n, s.n-s.done)
		s.n -= k
		n -= k
		w.free = s.endTime()
		if s.n == s.done {
			w.segs = w.segs[:len(w.segs)-1]
			if w.pop == len(w.segs) {
				w.segs, w.pop = w.segs[:0], 0
				break
			}
		}
	}
	return dst
}

// nextStart is when the n-th of the characters that have not begun begins; n counts from 1.
func (w *wire) nextStart(now Time, n int) Time {
	left := w.unstarted(now) - n // characters behind the wanted one
	segs := w.live()
	for i := len(segs) - 1; i >= 0 && left >= 0; i-- {
		s := &segs[i]
		if s.kind == segBreak {
			continue
		}
		if left < s.n {
			return s.start + s.mode.span(s.n-1-left)
		}
		left -= s.n
	}
	return w.free
}

// breakOn and breakOff hold the wire at 0 and let it go.
func (w *wire) breakOn(now Time, m Mode) {
	if w.low {
		return
	}
	w.low = true
	start := w.free
	if !w.max && now > start {
		start = now
	}
	s := segment{mode: m, kind: segBreak, start: start, end: forever}
	if w.max {
		s.end = start + 2*m.span(1)
		w.free = s.end
	}
	w.add(s)
}

func (w *wire) breakOff(now Time) {
	if !w.low {
		return
	}
	w.low = false
	if w.max {
		return
	}
	segs := w.live()
	for i := len(segs) - 1; i >= 0; i-- {
		if s := &segs[i]; s.kind == segBreak && s.end == forever {
			s.end = max(now, s.start)
			w.free = max(w.free, s.end)
			return
		}
	}
}

// gap keeps the wire idle for d after what has been sent.
func (w *wire) gap(now, d Time) { w.free = max(w.free, now) + d }

// take gives the receiver d what has arrived: a run of characters without errors, or one with.
func (w *wire) take(now Time, d *decoder, dst []byte) (int, Flags) {
	if len(dst) == 0 {
		return 0, 0
	}
	for {
		if d.pending() > 0 {
			return d.take(dst)
		}
		if w.pop == len(w.segs) {
			if !w.idle(now, d) {
				return 0, 0
			}
			continue
		}
		s := &w.segs[w.pop]
		if !w.max && s.start > now {
			d.feed(true, now)
			if d.pending() == 0 {
				return 0, 0
			}
			continue
		}
		if s.done == 0 {
			d.feed(true, s.start)
		}
		switch {
		case s.kind == segBreak:
			if !w.takeBreak(now, d, s) {
				return 0, 0
			}
		case s.kind == segMute:
			k := w.ended(s, now) - s.done
			w.advance(s, k)
			if k == 0 {
				return 0, 0
			}
		case d.pending() == 0 && d.state == rxIdle && s.flip == 0 && d.accepts(s.mode):
			k := min(w.ended(s, now)-s.done, len(dst))
			if k == 0 {
				return 0, 0
			}
			at := w.head & (wireSize - 1)
			c := copy(dst[:k], w.ring[at:])
			copy(dst[c:k], w.ring)
			// accepts: the same as the receiver's, unless that takes any
			if m := s.mode.mask(); m != 0xff {
				for i := range dst[:k] {
					dst[i] &= m
				}
			}
			d.at = s.start + s.mode.span(s.done+k)
			d.last = d.at
			w.advance(s, k)
			return k, 0
		default:
			k := min(w.ended(s, now)-s.done, maxDecoding)
			if k == 0 && d.pending() == 0 {
				return 0, 0
			}
			for i := range k {
				w.play(s, s.done+i, w.ring[(w.head+uint(i))&(wireSize-1)], d)
			}
			w.advance(s, k)
		}
	}
}

func (w *wire) ended(s *segment, now Time) int {
	if w.max {
		return s.n
	}
	return s.arrived(now)
}

// advance removes k characters of the first segment.
func (w *wire) advance(s *segment, k int) {
	s.done += k
	w.head += uint(k)
	if s.done == s.n {
		w.drop()
	}
}

// idle lets the wire rest after the last segment. It reports whether that completed a character.
func (w *wire) idle(now Time, d *decoder) bool {
	if d.state != rxFrame && w.max {
		return false
	}
	t := now
	if w.max {
		t = max(w.free, d.at) + 2*d.mode.span(1)
		w.free = t
	}
	d.feed(!w.low || w.max, t)
	return d.pending() > 0
}

func (w *wire) takeBreak(now Time, d *decoder, s *segment) bool {
	if w.max {
		d.breakNow()
		d.at = max(d.at, s.end)
		w.drop()
		return true
	}
	d.feed(false, min(now, s.end))
	if s.end <= now {
		d.feed(true, s.end+1) // the edge
		w.drop()
		return true
	}
	return d.pending() > 0
}

// play shows the receiver one frame bit by bit.
func (w *wire) play(s *segment, i int, b byte, d *decoder) {
	m := s.mode
	f := m.frame(b) ^ s.flip
	t0 := s.start + m.span(i)
	bit := func(n int) Time { return t0 + Time(int64(n)*1_000_000_000/int64(m.Baud)) }
	stop := m.frameBits()
	d.feed(true, t0)
	for k := range stop {
		d.feed(f&(1<<k) != 0, bit(k+1))
	}
	end := s.start + m.span(i+1)
	d.feed(f&(1<<stop) != 0, min(bit(stop+1), end))
	d.feed(true, end)
}

// arrival is when the n-th character that has not been taken will have arrived, as far as it has
// been sent. A frame that the receiver must sample itself counts when the transmitter has ended it.
func (w *wire) arrival(n int, d *decoder) (Time, bool) {
	if d.pending() > 0 {
		return 0, true
	}
	segs := w.live()
	for i := range segs {
		s := &segs[i]
		if w.max && s.kind != segMute {
			return 0, true
		}
		switch s.kind {
		case segBreak:
			if d.state == rxMark && s.end == forever {
				return 0, false
			}
			return min(s.start+d.mode.span(1), s.end) + 1, true
		case segMute:
			continue
		}
		if s.flip != 0 || !d.accepts(s.mode) {
			return s.start + s.mode.span(s.done+1), true
		}
		if n <= s.n-s.done {
			return s.start + s.mode.span(s.done+n), true
		}
		n -= s.n - s.done
		if i == len(segs)-1 { // fewer are on their way than asked for
			return s.endTime(), true
		}
	}
	if d.state == rxFrame {
		return d.at + d.mode.span(1) + 1, true
	}
	return 0, false
}

// discard forgets everything on the wire: nobody listens at the other end.
func (w *wire) discard() {
	w.head = w.tail
	w.segs, w.pop = w.segs[:0], 0
}

// expire forgets what has arrived, when nobody takes it.
func (w *wire) expire(now Time) {
	for w.pop < len(w.segs) {
		s := &w.segs[w.pop]
		if s.kind == segBreak {
			if !w.max && s.end > now {
				return
			}
			w.drop()
			continue
		}
		k := w.ended(s, now) - s.done
		done := s.done+k == s.n
		w.advance(s, k)
		if !done {
			return
		}
	}
}
