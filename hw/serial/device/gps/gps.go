// Package gps is a little GPS receiver: NMEA 0183 sentences once a second, and a pulse per second
// on DCD.
//
//	dte, dce := serial.Straight(serial.Paced)
//	go (&gps.Receiver{Lat: 52.52, Lon: 13.405}).Run(ctx, dce)
//	// dte now reads $GPRMC, $GPGGA and $GPGSA at 4800 8N1
//
// References:
//
//	[NMEA0183] NMEA 0183 Standard for interfacing marine electronic devices; sentence layouts as
//	           in gpsd's nmea.adoc
//	[PPS]      RFC 2783, and the wiring of the pulse to DCD as ntpd and gpsd expect it
package gps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Receiver is a GPS receiver that moves on a straight course. Set the fields before Run; the
// methods work at any time.
type Receiver struct {
	Lat    float64       `yaml:"lat"`    // degrees, north positive
	Lon    float64       `yaml:"lon"`    // degrees, east positive
	Alt    float64       `yaml:"alt"`    // metres above mean sea level
	Speed  float64       `yaml:"speed"`  // knots
	Course float64       `yaml:"course"` // degrees true
	Mode   serial.Mode   `yaml:"-"`      // zero: 4800 8N1, what NMEA 0183 asks for
	Every  time.Duration `yaml:"-"`      // between reports; zero: 1 s
	NoPPS  bool          `yaml:"-"`      // leave DCD alone

	mu    sync.Mutex
	start time.Time
	lost  bool
}

// Format is the rate and format that it speaks.
func (r *Receiver) Format() serial.Mode {
	if r.Mode.Baud == 0 {
		return serial.Format8N1(4800)
	}
	return r.Mode
}

// Check reports a position that is not on Earth.
//
// Errors: what is wrong, in a sentence.
func (r *Receiver) Check() error {
	if !(r.Lat >= -90 && r.Lat <= 90 && r.Lon >= -180 && r.Lon <= 180) {
		return fmt.Errorf("latitude %v, longitude %v: want degrees, -90 to 90 and -180 to 180", r.Lat, r.Lon)
	}
	return nil
}

// Probe is how to know a receiver: wait for a sentence with the right checksum.
func (r *Receiver) Probe() (ask []byte, answered func(got []byte) bool, want string) {
	return nil, hasSentence, "an NMEA sentence"
}

// hasSentence looks for $…*hh with the right checksum.
func hasSentence(b []byte) bool {
	for {
		at := bytes.IndexByte(b, '$')
		if at < 0 {
			return false
		}
		b = b[at+1:]
		star := bytes.IndexByte(b, '*')
		if star < 0 || len(b) < star+3 {
			return false
		}
		sum := byte(0)
		for _, c := range b[:star] {
			sum ^= c
		}
		if fmt.Sprintf("%02X", sum) == string(b[star+1:star+3]) {
			return true
		}
	}
}

// SetFix makes the receiver find or lose its satellites; it begins with a fix.
func (r *Receiver) SetFix(on bool) { r.mu.Lock(); r.lost = !on; r.mu.Unlock() }

// Run reports on p until ctx ends (nil) or p fails (its error). DSR and CTS are on meanwhile; DCD
// pulses for 100 ms at each report. Its time is that of p's line.
func (r *Receiver) Run(ctx context.Context, p serial.Conn) error {
	if err := p.SetMode(r.Format()); err != nil {
		return err
	}
	every := r.Every
	if every == 0 {
		every = time.Second
	}
	lines, _ := p.(serial.ModemLines)
	set := func(mask, value serial.Signals) {
		if lines != nil {
			_ = lines.SetSignals(mask, value) // a receiver without modem lines has no pulse
		}
	}
	set(serial.CTS|serial.DSR, serial.AllSignals)
	defer set(serial.DCEOutputs, 0)
	clock := serial.ClockOf(p)
	r.mu.Lock()
	r.start = clock.Wall()
	r.mu.Unlock()
	pulse := clock.NewEvent(func() { set(serial.DCD, 0) })
	defer pulse.Stop()
	for next := clock.Now(); ; {
		if !r.NoPPS {
			set(serial.DCD, serial.DCD)
			pulse.After(100 * time.Millisecond)
		}
		if _, err := p.Write([]byte(r.Report(clock.Wall()))); err != nil {
			if ctx.Err() != nil || errors.Is(err, os.ErrClosed) {
				return nil
			}
			return err
		}
		now := clock.Now()
		for next <= now { // a report that took longer costs those that were due meanwhile
			next += every
		}
		if clock.Sleep(ctx, next-now) != nil {
			return nil
		}
	}
}

// Position is where the receiver is at t, in degrees.
func (r *Receiver) Position(t time.Time) (lat, lon float64) {
	r.mu.Lock()
	start := r.start
	r.mu.Unlock()
	d := 0.0 // arc minutes; a nautical mile is one
	if !start.IsZero() {
		d = r.Speed * t.Sub(start).Hours()
	}
	sin, cos := math.Sincos(r.Course * math.Pi / 180)
	lat = r.Lat + d*cos/60
	lon = r.Lon + d*sin/60/max(0.01, math.Cos(lat*math.Pi/180))
	return lat, lon
}

// Report is the sentences for one moment, each with its checksum and CR LF.
func (r *Receiver) Report(t time.Time) string {
	r.mu.Lock()
	lost := r.lost
	r.mu.Unlock()
	t = t.UTC()
	hms, dmy := t.Format("150405.00"), t.Format("020106")
	if lost {
		return Sentence("GPRMC,"+hms+",V,,,,,,,"+dmy+",,,N") +
			Sentence("GPGGA,"+hms+",,,,,0,00,,,M,,M,,") +
			Sentence("GPGSA,A,1,,,,,,,,,,,,,,,")
	}
	lat, lon := r.Position(t)
	pos := angle(lat, 2, "N", "S") + "," + angle(lon, 3, "E", "W")
	return Sentence(fmt.Sprintf("GPRMC,%s,A,%s,%05.1f,%05.1f,%s,,,A", hms, pos, r.Speed, r.Course, dmy)) +
		Sentence(fmt.Sprintf("GPGGA,%s,%s,1,08,0.9,%.1f,M,46.9,M,,", hms, pos, r.Alt)) +
		Sentence("GPGSA,A,3,04,05,09,12,17,19,24,28,,,,,1.6,0.9,1.3")
}

// angle is an angle as ddmm.mmmm,N.
func angle(a float64, digits int, pos, neg string) string {
	h := pos
	if a < 0 {
		a, h = -a, neg
	}
	min10k := int64(math.Round(a * 600000))
	return fmt.Sprintf("%0*d%02d.%04d,%s", digits, min10k/600000, min10k/10000%60, min10k%10000, h)
}

// Checksum is the exclusive or of the characters between $ and *.
func Checksum(body string) byte {
	var c byte
	for i := range len(body) {
		c ^= body[i]
	}
	return c
}

// Sentence puts $, the checksum and CR LF around body.
func Sentence(body string) string { return fmt.Sprintf("$%s*%02X\r\n", body, Checksum(body)) }

// Parse takes a line apart into its fields after checking it; the first is the talker and type.
//
// Errors: what is wrong with the line.
func Parse(line string) ([]string, error) {
	line = strings.TrimRight(line, "\r\n")
	body, sum, ok := strings.Cut(strings.TrimPrefix(line, "$"), "*")
	if !ok || !strings.HasPrefix(line, "$") {
		return nil, fmt.Errorf("nmea: %q is not $…*hh", line)
	}
	if want := fmt.Sprintf("%02X", Checksum(body)); !strings.EqualFold(sum, want) {
		return nil, fmt.Errorf("nmea: %q has the checksum %s, its characters give %s", line, sum, want)
	}
	return strings.Split(body, ","), nil
}
