package serialtest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Groups are the names of the suite's checks, of those with a slash the part before it.
func Groups() []string {
	var all []string
	for _, name := range names() {
		group, _, _ := strings.Cut(name, "/")
		if !slices.Contains(all, group) {
			all = append(all, group)
		}
	}
	return all
}

// Known reports whether the suite has a check of this name, or a group.
func Known(name string) bool {
	return slices.Contains(names(), name) || slices.Contains(Groups(), name)
}

func names() (all []string) {
	for _, c := range (&run{Setup: Setup{Modes: DefaultModes(), MaxSize: 64 << 10}}).checks() {
		all = append(all, c.name)
	}
	return all
}

type check struct {
	name string
	run  func() error
}

func (r *run) checks() []check {
	var cs []check
	add := func(name string, f func() error) { cs = append(cs, check{name, f}) }
	for _, p := range patterns() {
		add("patterns/"+p.name, func() error { return r.transfer(r.near, r.far, p.data, r.Mode) })
	}
	if !r.looped {
		add("patterns/backwards", func() error { return r.transfer(r.far, r.near, allValues(), r.Mode) })
	}
	for _, n := range []int{1, 2, 3, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097, 16 << 10, 64 << 10} {
		if n <= r.MaxSize {
			add("sizes/"+strconv.Itoa(n), func() error { return r.transfer(r.near, r.far, random(n), r.Mode) })
		}
	}
	add("duplex", r.duplex)
	for _, m := range r.Modes {
		add("modes/"+m.String(), func() error { return r.tryMode(m) })
	}
	for _, s := range []serial.Signals{serial.RTS, serial.DTR} {
		add("lines/"+s.String(), func() error { return r.line(s) })
	}
	add("break", r.brk)
	add("errors/parity", r.parityError)
	add("flow/rtscts", r.rtscts)
	add("flow/xonxoff", r.xonxoff)
	add("deadline", r.deadline)
	add("latency", r.latency)
	add("throughput", r.throughput)
	add("close", r.closePending)
	return cs
}

type pattern struct {
	name string
	data []byte
}

func patterns() []pattern {
	walk := make([]byte, 0, 64)
	for i := range 64 {
		walk = append(walk, 1<<(i%8))
	}
	return []pattern{
		{"all-values", allValues()},
		{"zeros", make([]byte, 64)},
		{"ones", bytes.Repeat([]byte{0xff}, 64)},
		{"alternating", bytes.Repeat([]byte{0x55, 0xaa}, 32)},
		{"walking-ones", walk},
		{"control", []byte("\x03\x04\x11\x13\x16\x17\x1a\x1c\x7f\r\n\r\n\xff\x00\xff\xff\x00\x00\xff\xf0\xff\xfa\xff")},
		{"counter", bytes.Repeat(allValues(), 4)},
	}
}

func allValues() []byte {
	p := make([]byte, 256)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

// random is the same data for the same size in every run.
func random(n int) []byte {
	rnd := rand.New(rand.NewPCG(uint64(n), 0x16550))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
	return p
}

// transfer sends data from one end to the other and compares.
func (r *run) transfer(from, to serial.Conn, data []byte, m serial.Mode) error {
	line := m.CharTime(len(data))
	if line > r.Budget {
		return skipf("%d bytes take %v at %v, more than the %v allowed", len(data), line.Round(time.Millisecond), m, r.Budget)
	}
	// What a sender makes of bits that its mode does not have is not part of the promise: a real
	// chip drops them, QEMU's does not.
	data = bytes.Clone(data)
	for i := range data {
		data[i] &= byte(1<<m.Data - 1)
	}
	want := data
	werr := make(chan error, 1)
	go func() {
		n, err := from.Write(data)
		if err == nil && n != len(data) {
			err = fmt.Errorf("Write took %d of %d bytes and gave no error", n, len(data))
		}
		werr <- err
	}()
	got := make([]byte, len(data))
	n, err := r.readFull(to, got)
	if i := firstDiff(got[:n], want); i >= 0 {
		err = fmt.Errorf("byte %d of %d: expected %#02x, saw %#02x", i, len(want), want[i], got[i])
	}
	if err != nil {
		if r.result.Check == "patterns/all-values" {
			r.hopeless = hopeless(got[:n], want)
		}
		select {
		case e := <-werr:
			if e != nil {
				err = fmt.Errorf("%w (write: %v)", err, e)
			}
		default:
			err = fmt.Errorf("%w (the write is still waiting)", err)
		}
		return err
	}
	r.result.Bytes += int64(n)
	return <-werr
}

func firstDiff(got, want []byte) int {
	for i := range got {
		if got[i] != want[i] {
			return i
		}
	}
	return -1
}

func (r *run) duplex() error {
	if r.looped {
		return skipf("the line is looped: both directions are one")
	}
	data := random(min(8192, r.MaxSize))
	sum := *r.result
	errs := make(chan error, 2)
	a, b := &run{Setup: r.Setup, result: &Result{}}, &run{Setup: r.Setup, result: &Result{}}
	go func() { errs <- a.transfer(r.near, r.far, data, r.Mode) }()
	go func() { errs <- b.transfer(r.far, r.near, data, r.Mode) }()
	err := errors.Join(<-errs, <-errs)
	sum.Bytes = a.result.Bytes + b.result.Bytes
	*r.result = sum
	var skip errSkip
	if errors.As(err, &skip) {
		return skip
	}
	return err
}

func (r *run) tryMode(m serial.Mode) error {
	if err := r.setMode(m); err != nil {
		_ = r.setMode(r.Mode)
		if unsupported(err) {
			return skipf("%v", err)
		}
		return err
	}
	data := allValues()
	if m.CharTime(len(data)) > r.Budget/4 {
		data = data[:64]
	}
	if err := r.transfer(r.near, r.far, data, m); err != nil {
		return err
	}
	return r.setMode(r.Mode)
}

// lines gives both ends' modem lines.
func (r *run) lines() (near, far serial.ModemLines, err error) {
	near, ok := r.near.(serial.ModemLines)
	if !ok {
		return nil, nil, skipf("the end has no modem lines")
	}
	if far, ok = r.far.(serial.ModemLines); !ok {
		return nil, nil, skipf("the far end has no modem lines")
	}
	if r.Echo {
		return nil, nil, skipf("the far end is a device that echoes: its modem lines are its own")
	}
	for _, l := range []serial.ModemLines{near, far} {
		if _, err := l.Signals(); err != nil {
			if unsupported(err) {
				return nil, nil, skipf("%v", err)
			}
			return nil, nil, err
		}
	}
	return near, far, nil
}

// line switches an output off and on and looks at the inputs it is wired to.
func (r *run) line(out serial.Signals) error {
	near, far, err := r.lines()
	if err != nil {
		return err
	}
	in := serial.CTS
	if out == serial.DTR {
		in = serial.DSR
	}
	for i, on := range []serial.Signals{0, serial.AllSignals, 0, serial.AllSignals} {
		if err := near.SetSignals(out, on); err != nil {
			if unsupported(err) {
				return skipf("%v", err)
			}
			return err
		}
		var s serial.Signals
		ok := r.eventually(func() bool {
			s, err = far.Signals()
			return err != nil || s&in == in&on
		})
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%v was switched %s: expected %s at the far end, saw %s", out, onOff(on != 0), states(in, on), states(in, s))
		}
		if i == 0 && out == serial.DTR && s&serial.DCD == 0 {
			// a null modem and a plug wire DCD to DTR as well, a chip's own loop-back mode does not
			in |= serial.DCD
		}
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// states says of each line in mask whether it is on: "DSR on, DCD off".
func states(mask, s serial.Signals) string {
	var all []string
	for l := serial.Signals(1); l <= mask; l <<= 1 {
		if mask&l != 0 {
			all = append(all, fmt.Sprintf("%v %s", l, onOff(s&l != 0)))
		}
	}
	return strings.Join(all, ", ")
}

// eventually asks again and again, as long as a transfer may stand still.
func (r *run) eventually(ok func() bool) bool {
	for end := time.Now().Add(r.Stall); ; {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(r.Wait / 50)
	}
}

// receive reads characters with their flags until stop says so or nothing comes.
func (r *run) receive(to serial.Receiver, within time.Duration, stop func(b byte, f serial.Flags) bool) error {
	if err := r.far.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	buf := make([]byte, 64)
	for {
		n, f, err := to.Receive(buf)
		if err != nil {
			return err
		}
		for _, b := range buf[:n] {
			if stop(b, f) {
				return nil
			}
		}
	}
}

func (r *run) brk() error {
	b, ok := r.near.(serial.Breaker)
	if !ok {
		return skipf("the end cannot send a break")
	}
	to, ok := r.far.(serial.Receiver)
	if !ok {
		return skipf("the far end does not say that it received a break")
	}
	if r.Echo {
		return skipf("the far end is a device that echoes: it does not send breaks back")
	}
	if d, ok := r.near.(serial.Drainer); ok {
		if err := d.Drain(); err != nil {
			return err
		}
	}
	if err := b.SetBreak(true); err != nil {
		if unsupported(err) {
			return skipf("%v", err)
		}
		return err
	}
	time.Sleep(3*r.Mode.CharTime(1) + r.Wait/4)
	if err := b.SetBreak(false); err != nil {
		return err
	}
	time.Sleep(3*r.Mode.CharTime(1) + r.Wait/10)
	if _, err := r.near.Write([]byte("k")); err != nil {
		return err
	}
	breaks, got := 0, ""
	err := r.receive(to, r.Budget, func(b byte, f serial.Flags) bool {
		if f&serial.Break != 0 {
			breaks++
			return false
		}
		got += string(rune(b))
		return b == 'k'
	})
	if err != nil {
		return fmt.Errorf("expected one break and \"k\", saw %d breaks and %q: %w", breaks, got, err)
	}
	if breaks != 1 || got != "k" {
		return fmt.Errorf("expected one break and \"k\", saw %d breaks and %q", breaks, got)
	}
	return nil
}

func (r *run) parityError() error {
	if r.looped {
		return skipf("the line is looped: both ends have the same parity")
	}
	to, ok := r.far.(serial.Receiver)
	if !ok {
		return skipf("the far end does not report receive errors")
	}
	odd, even := r.Mode, r.Mode
	odd.Parity, even.Parity = serial.ParityOdd, serial.ParityEven
	for c, m := range map[serial.Conn]serial.Mode{r.near: odd, r.far: even} {
		if err := c.SetMode(m); err != nil {
			_ = r.setMode(r.Mode)
			if unsupported(err) {
				return skipf("%v", err)
			}
			return err
		}
	}
	if !r.NoSettle {
		time.Sleep(r.Wait / 20)
	}
	defer r.setMode(r.Mode)
	if _, err := r.near.Write([]byte("Pq")); err != nil {
		return err
	}
	n, bad, seen := 0, 0, ""
	err := r.receive(to, r.Stall, func(b byte, f serial.Flags) bool {
		n++
		seen += fmt.Sprintf(" %#02x:%v", b, f)
		if f&(serial.ParityError|serial.Framing) != 0 {
			bad++
		}
		return n == 2
	})
	if err == nil && bad == 0 {
		return skipf("the line has no parity: characters sent with odd parity arrived as good with even")
	}
	if err != nil || bad != 2 {
		return fmt.Errorf("expected two characters with a parity error, saw%s (%v)", cmp.Or(seen, " nothing"), err)
	}
	return nil
}

// held writes one more message, sees that it does not come, lets it go with release and sees it
// come.
func (r *run) held(what string, release func() error) error {
	msg := []byte("held back")
	werr := make(chan error, 1)
	near := r.near
	go func() { _, err := near.Write(msg); werr <- err }()
	var buf [64]byte
	r.far.SetReadDeadline(time.Now().Add(r.Wait))
	n, err := r.far.Read(buf[:])
	if err == nil {
		_ = release()
		<-werr
		return fmt.Errorf("%s: expected silence, saw %q", what, buf[:n])
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if err := release(); err != nil {
		return err
	}
	k, err := r.readFull(r.far, buf[:len(msg)])
	if err == nil {
		err = <-werr
	}
	if err == nil && !bytes.Equal(buf[:k], msg) {
		err = fmt.Errorf("expected %q, saw %q", msg, buf[:k])
	}
	return err
}

func (r *run) rtscts() error {
	_, far, err := r.lines()
	if err != nil {
		return err
	}
	m := r.Mode
	m.Flow = serial.FlowRTSCTS
	if err := r.near.SetMode(m); err != nil {
		if unsupported(err) {
			return skipf("%v", err)
		}
		return err
	}
	defer r.setMode(r.Mode)
	if err := far.SetSignals(serial.RTS, 0); err != nil {
		return err
	}
	if !r.NoSettle {
		time.Sleep(r.Wait / 20)
	}
	return r.held("the far end took RTS off", func() error { return far.SetSignals(serial.RTS, serial.RTS) })
}

func (r *run) xonxoff() error {
	if r.looped {
		return skipf("the line is looped: an end that stops itself cannot start itself")
	}
	m := r.Mode
	m.Flow = serial.FlowXONXOFF
	if err := r.near.SetMode(m); err != nil {
		if unsupported(err) {
			return skipf("%v", err)
		}
		return err
	}
	defer r.setMode(r.Mode)
	if _, err := r.far.Write([]byte{0x13}); err != nil {
		return err
	}
	time.Sleep(r.Mode.CharTime(2) + r.Wait/10)
	return r.held("the far end sent XOFF", func() error { _, err := r.far.Write([]byte{0x11}); return err })
}

func (r *run) deadline() error {
	r.quiet(r.far)
	start := time.Now()
	r.far.SetReadDeadline(start.Add(r.Wait))
	n, err := r.far.Read(make([]byte, 16))
	took := time.Since(start)
	switch {
	case n != 0:
		return fmt.Errorf("expected a quiet line, saw %d bytes", n)
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("a read whose deadline passed: expected os.ErrDeadlineExceeded, saw %v", err)
	case took < r.Wait*9/10:
		return fmt.Errorf("expected a read to end at its deadline in %v, saw it end after %v", r.Wait, took)
	}
	return r.transfer(r.near, r.far, []byte("after the deadline"), r.Mode)
}

// hopeless is why nothing that was not got could come through later: "" when at least a few bytes
// are, in a row, what was sent.
func hopeless(got, sent []byte) string {
	const row = 4
	if len(got) == 0 {
		return "nothing at all came in the first check: look at the cable"
	}
	for i := range len(sent) - row {
		if bytes.Contains(got, sent[i:i+row]) {
			return ""
		}
	}
	return "nothing that came in the first check was sent by it: look at rate and format, and at what speaks on this line"
}

// closePending closes the end under a waiting read, which must come back at once.
func (r *run) closePending() error {
	r.quiet(r.far)
	r.far.SetReadDeadline(time.Time{})
	done := make(chan error, 1)
	go func() {
		_, err := r.far.Read(make([]byte, 1))
		done <- err
	}()
	time.Sleep(r.Wait / 10)
	if err := r.far.Close(); err != nil {
		return err
	}
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrClosed) {
			return fmt.Errorf("a read pending at Close: expected os.ErrClosed, saw %v", err)
		}
	case <-time.After(r.Budget):
		return fmt.Errorf("expected a read pending at Close to end at once, saw it wait for %v", r.Budget)
	}
	if _, err := r.far.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("a read after Close: expected os.ErrClosed, saw %v", err)
	}
	if _, err := r.far.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("a write after Close: expected os.ErrClosed, saw %v", err)
	}
	return nil
}
