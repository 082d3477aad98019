package program

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// The bounds of what one run may write to the log.
const (
	lineLength = 512 // bytes of a line; the rest of it is left out
	burst      = 200 // lines at once
	refill     = 100 * time.Millisecond
)

// lines cuts a stream of bytes into lines, and lets a burst of them through, then one each tenth of
// a second.
type lines struct {
	partial []byte
	left    int // lines that were left out
	used    int // of the burst
	at      time.Time
}

func (l *lines) add(now time.Time, p []byte, log func(string)) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i]
		}
		l.partial = append(l.partial, part[:min(len(part), lineLength+1-len(l.partial))]...)
		if i < 0 {
			return
		}
		l.line(now, log)
		p = p[i+1:]
	}
}

func (l *lines) line(now time.Time, log func(string)) {
	text := strings.ToValidUTF8(strings.TrimRight(string(l.partial[:min(len(l.partial), lineLength)]), "\r"), "?")
	if len(l.partial) > lineLength {
		text += "…"
	}
	l.partial = l.partial[:0]
	if log == nil {
		return
	}
	if l.at.IsZero() {
		l.at = now
	}
	if n := int(now.Sub(l.at) / refill); n > 0 {
		l.used, l.at = max(0, l.used-n), now
	}
	if l.used >= burst {
		l.left++
		return
	}
	l.used++
	l.tellLeft(log)
	log(text)
}

func (l *lines) tellLeft(log func(string)) {
	if l.left > 0 {
		log(fmt.Sprintf("%d lines were left out: it says more than the log takes", l.left))
		l.left = 0
	}
}

func (l *lines) end(log func(string)) {
	if len(l.partial) > 0 {
		l.line(l.at, log)
	}
	if log != nil {
		l.tellLeft(log)
	}
}
