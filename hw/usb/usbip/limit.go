package usbip

import (
	"sync"
	"time"
)

// How much of what peers do is told: Linux's default (include/linux/ratelimit_types.h).
const (
	logTime  = 5 * time.Second
	logLines = 10
)

// limited passes on up to logLines in logTime, so that peers do not push everything else out of a
// log, and then says how many it kept back (___ratelimit, lib/ratelimit.c).
type limited struct {
	to func(format string, args ...any)

	mu    sync.Mutex
	begin time.Time // +checklocks:mu
	// since then
	lines int // +checklocks:mu
	lost  int // +checklocks:mu
}

func (l *limited) logf(format string, args ...any) {
	now := time.Now()
	l.mu.Lock()
	lost := 0
	if now.Sub(l.begin) >= logTime {
		lost, l.begin, l.lines, l.lost = l.lost, now, 0, 0
	}
	l.lines++
	pass := l.lines <= logLines
	if !pass {
		l.lost++
	}
	l.mu.Unlock()
	if lost > 0 {
		l.to("%d messages suppressed", lost)
	}
	if pass {
		l.to(format, args...)
	}
}
