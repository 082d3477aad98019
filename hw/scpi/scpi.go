// Package scpi is a bench power supply that speaks SCPI: what a test of instrument software needs.
//
//	dte, dce := serial.NullModem(serial.Max)
//	go (&scpi.Supply{}).Run(ctx, dce)
//	// dte: "VOLT 5;:OUTP ON;:MEAS:VOLT?\n" → "5.0000\n"
//
// Commands: *CLS, *ESE, *ESR?, *IDN?, *OPC, *RST, *SRE, *STB?, *TST?, *WAI; [SOURce:]VOLTage,
// [SOURce:]CURRent, OUTPut[:STATe], MEASure:VOLTage?, MEASure:CURRent?, SYSTem:ERRor?,
// SYSTem:VERSion?. Long and short forms, either case, several commands with ";" and the header path
// of [SCPI99] 6.2.4. A line ends with LF or CR LF.
//
// References:
//
//	[SCPI99]   Standard Commands for Programmable Instruments, 1999: volume 1 chapter 6 (headers),
//	           21.8 (errors)
//	[IEEE4882] IEEE 488.2-1992: 10 (common commands), 11 (status reporting)
package scpi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Supply is a power supply with a resistor at its output. Set the fields before Run.
type Supply struct {
	ID      string      `yaml:"id"`   // *IDN?; empty: "KOBENCH,PSU1,0,1.0"
	Mode    serial.Mode `yaml:"-"`    // zero: 9600 8N1
	Load    float64     `yaml:"load"` // ohms; 0: 10
	MaxVolt float64     `yaml:"-"`    // 0: 30
	MaxAmp  float64     `yaml:"-"`    // 0: 3

	mu        sync.Mutex
	volt, amp float64
	on        bool
	ese, sre  byte
	esr       byte
	errs      []string
}

// Bits of the standard event status register [IEEE4882] 11.5.1.
const (
	esrOPC = 1 << 0
	esrQYE = 1 << 2
	esrDDE = 1 << 3
	esrEXE = 1 << 4
	esrCME = 1 << 5
	esrPON = 1 << 7
)

const maxLine = 1024

// Format is the rate and format that it speaks on a serial line.
func (s *Supply) Format() serial.Mode {
	if s.Mode.Baud == 0 {
		return serial.DefaultMode
	}
	return s.Mode
}

// Probe is how to know an instrument: ask for its identification.
func (s *Supply) Probe() (ask []byte, answered func(got []byte) bool, want string) {
	return []byte("*IDN?\n"), func(b []byte) bool {
		return bytes.Count(b, []byte(",")) >= 3 && bytes.HasSuffix(b, []byte("\n"))
	}, "four fields of identification"
}

// Run answers on p until ctx ends or p is closed (nil), or p fails.
func (s *Supply) Run(ctx context.Context, p serial.Conn) error {
	if err := p.SetMode(s.Format()); err != nil {
		return err
	}
	s.mu.Lock()
	s.reset()
	s.esr |= esrPON
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { p.SetReadDeadline(time.Now()) })
	defer stop()
	var line []byte
	buf := make([]byte, 256)
	for {
		n, err := p.Read(buf)
		switch {
		case ctx.Err() != nil, errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		for _, c := range buf[:n] {
			switch {
			case c != '\n':
				if len(line) <= maxLine {
					line = append(line, c)
				}
				continue
			case len(line) > maxLine:
				s.mu.Lock()
				s.fail(-363, "Input buffer overrun")
				s.mu.Unlock()
			default:
				if out := s.Execute(string(line)); out != "" {
					p.Write([]byte(out + "\n")) // a failure shows at the next read
				}
			}
			line = line[:0]
		}
	}
}

// fail queues an error [SCPI99] 21.8 and sets its class in ESR.
func (s *Supply) fail(code int, text string) {
	switch {
	case code <= -400:
		s.esr |= esrQYE
	case code <= -300:
		s.esr |= esrDDE
	case code <= -200:
		s.esr |= esrEXE
	default:
		s.esr |= esrCME
	}
	if len(s.errs) == 10 {
		s.errs[9] = `-350,"Queue overflow"`
		return
	}
	s.errs = append(s.errs, fmt.Sprintf("%d,%q", code, text))
}

func orElse(v, other float64) float64 {
	if v == 0 {
		return other
	}
	return v
}

func (s *Supply) reset() { s.volt, s.amp, s.on = 0, orElse(s.MaxAmp, 3), false }

// Output is what comes out: volts and amperes, limited by the set current.
func (s *Supply) Output() (volt, amp float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output()
}

func (s *Supply) output() (volt, amp float64) {
	if !s.on {
		return 0, 0
	}
	load := orElse(s.Load, 10)
	amp = min(s.volt/load, s.amp)
	return amp * load, amp
}

// Execute does a line of commands and gives the answers, joined with ";".
func (s *Supply) Execute(line string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	path := ""
	for unit := range strings.SplitSeq(strings.TrimRight(line, "\r"), ";") {
		unit = strings.TrimSpace(unit)
		if unit == "" {
			continue
		}
		head, arg, _ := strings.Cut(unit, " ")
		head = strings.ToUpper(head)
		full := head
		switch {
		case head[0] == '*':
		case head[0] == ':':
			full = head[1:]
		default:
			full = path + head
		}
		if head[0] != '*' { // the next header begins where this one's last colon was
			path = full[:strings.LastIndexByte(full, ':')+1]
		}
		if a := s.do(full, strings.TrimSpace(arg)); a != "" {
			out = append(out, a)
		}
	}
	return strings.Join(out, ";")
}

// handler does one command.
type handler func(s *Supply, query bool, arg string) string

// tree lists the headers: capitals are the short form, brackets may be left out.
var tree = []struct {
	header string
	set    bool // has a form without ?
	query  bool
	do     handler
}{
	{"*CLS", true, false, func(s *Supply, _ bool, _ string) string { s.errs, s.esr = nil, 0; return "" }},
	{"*ESE", true, true, func(s *Supply, q bool, a string) string { return s.mask(&s.ese, q, a) }},
	{"*ESR", false, true, func(s *Supply, _ bool, _ string) string { v := s.esr; s.esr = 0; return strconv.Itoa(int(v)) }},
	{"*IDN", false, true, func(s *Supply, _ bool, _ string) string {
		if s.ID == "" {
			return "KOBENCH,PSU1,0,1.0"
		}
		return s.ID
	}},
	{"*OPC", true, true, func(s *Supply, q bool, _ string) string {
		if q {
			return "1"
		}
		s.esr |= esrOPC
		return ""
	}},
	{"*RST", true, false, func(s *Supply, _ bool, _ string) string { s.reset(); return "" }},
	{"*SRE", true, true, func(s *Supply, q bool, a string) string { return s.mask(&s.sre, q, a) }},
	{"*STB", false, true, func(s *Supply, _ bool, _ string) string { return strconv.Itoa(int(s.status())) }},
	{"*TST", false, true, func(*Supply, bool, string) string { return "0" }},
	{"*WAI", true, false, func(*Supply, bool, string) string { return "" }},
	{"[SOURce:]VOLTage", true, true, func(s *Supply, q bool, a string) string { return s.level(&s.volt, orElse(s.MaxVolt, 30), "V", q, a) }},
	{"[SOURce:]CURRent", true, true, func(s *Supply, q bool, a string) string { return s.level(&s.amp, orElse(s.MaxAmp, 3), "A", q, a) }},
	{"OUTPut[:STATe]", true, true, (*Supply).outp},
	{"MEASure:VOLTage", false, true, func(s *Supply, _ bool, _ string) string { v, _ := s.output(); return fmt.Sprintf("%.4f", v) }},
	{"MEASure:CURRent", false, true, func(s *Supply, _ bool, _ string) string { _, a := s.output(); return fmt.Sprintf("%.4f", a) }},
	{"SYSTem:ERRor", false, true, func(s *Supply, _ bool, _ string) string {
		if len(s.errs) == 0 {
			return `0,"No error"`
		}
		e := s.errs[0]
		s.errs = s.errs[1:]
		return e
	}},
	{"SYSTem:VERSion", false, true, func(*Supply, bool, string) string { return "1999.0" }},
}

func (s *Supply) do(head, arg string) string {
	name, query := strings.CutSuffix(head, "?")
	for _, t := range tree {
		if !matches(t.header, name) {
			continue
		}
		if query && !t.query || !query && !t.set {
			break
		}
		return t.do(s, query, arg)
	}
	s.fail(-113, "Undefined header")
	return ""
}

// matches compares a header in either form with a pattern of the tree.
func matches(pattern, name string) bool {
	if before, rest, ok := strings.Cut(pattern, "["); ok {
		opt, after, _ := strings.Cut(rest, "]")
		return matches(before+after, name) || matches(before+opt+after, name)
	}
	pp, nn := strings.Split(pattern, ":"), strings.Split(name, ":")
	if len(pp) != len(nn) {
		return false
	}
	for i, p := range pp {
		short := strings.TrimRight(p, "abcdefghijklmnopqrstuvwxyz")
		if nn[i] != short && nn[i] != strings.ToUpper(p) {
			return false
		}
	}
	return true
}

// status is the status byte [IEEE4882] 11.2: error queue, event summary, request.
func (s *Supply) status() (v byte) {
	if len(s.errs) > 0 {
		v |= 1 << 2
	}
	if s.esr&s.ese != 0 {
		v |= 1 << 5
	}
	if v&s.sre != 0 {
		v |= 1 << 6
	}
	return v
}

func (s *Supply) mask(m *byte, query bool, arg string) string {
	if query {
		return strconv.Itoa(int(*m))
	}
	v, ok := s.number(arg, "", 0, 255)
	if ok {
		*m = byte(math.Round(v))
	}
	return ""
}

// level sets or asks for a voltage or current; MIN and MAX stand for the limits.
func (s *Supply) level(v *float64, most float64, unit string, query bool, arg string) string {
	limit, word := 0.0, true
	switch strings.ToUpper(arg) {
	case "MIN", "MINIMUM":
	case "MAX", "MAXIMUM":
		limit = most
	default:
		word = false
	}
	switch {
	case query && word:
		return fmt.Sprintf("%.4f", limit)
	case query:
		return fmt.Sprintf("%.4f", *v)
	case word:
		*v = limit
	default:
		if x, ok := s.number(arg, unit, 0, most); ok {
			*v = x
		}
	}
	return ""
}

// number reads a decimal number with an optional unit, and m for milli.
func (s *Supply) number(arg, unit string, least, most float64) (float64, bool) {
	if arg == "" {
		s.fail(-109, "Missing parameter")
		return 0, false
	}
	up := strings.ToUpper(arg)
	scale := 1.0
	if unit != "" {
		if t, ok := strings.CutSuffix(up, unit); ok {
			up = strings.TrimSpace(t)
			if t, ok := strings.CutSuffix(up, "M"); ok {
				up, scale = strings.TrimSpace(t), 1e-3
			}
		}
	}
	v, err := strconv.ParseFloat(up, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		s.fail(-104, "Data type error")
		return 0, false
	}
	if v *= scale; v < least || v > most {
		s.fail(-222, "Data out of range")
		return 0, false
	}
	return v, true
}

func (s *Supply) outp(query bool, arg string) string {
	if query {
		if s.on {
			return "1"
		}
		return "0"
	}
	switch strings.ToUpper(arg) {
	case "ON", "1":
		s.on = true
	case "OFF", "0":
		s.on = false
	case "":
		s.fail(-109, "Missing parameter")
	default:
		s.fail(-104, "Data type error")
	}
	return ""
}
