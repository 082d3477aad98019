package kernel

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Level is a printk level, KERN_EMERG (0) to KERN_DEBUG (7).
type Level uint8

// The levels of include/linux/kern_levels.h.
const (
	LevelEmerg Level = iota
	LevelAlert
	LevelCrit
	LevelErr
	LevelWarning
	LevelNotice
	LevelInfo
	LevelDebug

	// LevelDefault is what a printk without a level gets (default_message_loglevel).
	LevelDefault = LevelWarning
)

const levelNames = "emerg\x00alert\x00crit\x00err\x00warn\x00notice\x00info\x00debug"

// String is the name that dmesg(1) uses for the level: "emerg" … "debug".
func (l Level) String() string {
	if int(l) < 8 {
		return strings.Split(levelNames, "\x00")[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// Facility numbers of syslog(3) that matter here.
const (
	FacilityKern = 0
	FacilityUser = 1
)

// Record is one finished line of the kernel log.
type Record struct {
	Seq      uint64        // grows by one a record, from 0 at boot
	Time     time.Duration // since boot
	Level    Level
	Facility uint8
	Text     string // without the line's end; may hold embedded newlines
	Dict     string // "KEY=value" lines, for dev_printk; empty otherwise
}

// Stamp is the record's time as printk writes it, "[    2.361507] ".
func (r Record) Stamp() string {
	us := r.Time.Microseconds()
	return fmt.Sprintf("[%5d.%06d] ", us/1e6, us%1e6)
}

// Kmsg is the record in the format of /dev/kmsg,
// Documentation/ABI/testing/dev-kmsg: "prio,seq,usec,flag;text\n KEY=value\n".
func (r Record) Kmsg() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d,%d,%d,-;", int(r.Facility)<<3|int(r.Level), r.Seq, r.Time.Microseconds())
	for i := 0; i < len(r.Text); i++ {
		if c := r.Text[i]; c < ' ' || c >= 127 || c == '\\' {
			fmt.Fprintf(&b, "\\x%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('\n')
	for line := range strings.SplitSeq(r.Dict, "\n") {
		if line != "" {
			b.WriteString(" " + line + "\n")
		}
	}
	return b.String()
}

// logBytes bounds the text that the ring holds: CONFIG_LOG_BUF_SHIFT=17.
const logBytes = 1 << 17

// maxRecord is the longest text of one record (LOG_LINE_MAX).
const maxRecord = 1024 - 32

// Log is the kernel's message ring. Writers never wait for readers: a reader that is too slow
// finds that records are gone (EPIPE) and goes on with the oldest one left. Its lock is a leaf.
//
// References: kernel/printk/printk.c vprintk_store, devkmsg_read, do_syslog.
type Log struct {
	now  func() time.Duration
	wait WaitQueue // readers that wait for the next record

	mu sync.Mutex
	// oldest first from head
	ring  []Record // +checklocks:mu
	head  int      // +checklocks:mu
	count int      // +checklocks:mu
	bytes int      // +checklocks:mu
	// sequence number of the next record
	next uint64 // +checklocks:mu
	// first record that syslog(READ_ALL) shows
	clear uint64 // +checklocks:mu
	// open is a record that has no newline yet: KERN_CONT of the same writer adds to it, any
	// other record finishes it. Readers do not see it before.
	open *Record // +checklocks:mu
	// whose open record it is
	owner *Task // +checklocks:mu

	// nil: no console
	console io.Writer // +checklocks:mu
	// records below this level reach the console
	consoleLevel Level // +checklocks:mu
}

// soh starts a level header: "\0016" is KERN_INFO, "\001c" is KERN_CONT.
const soh = '\x01'

// parseLevel takes the KERN_* headers off text, as printk_parse_prefix does.
func parseLevel(text string) (level Level, cont bool, rest string) {
	level = LevelDefault
	for len(text) >= 2 && text[0] == soh {
		switch c := text[1]; {
		case c >= '0' && c <= '7':
			level = Level(c - '0')
		case c == 'c':
			cont = true
		}
		text = text[2:]
	}
	return level, cont, text
}

// Print adds a message that may begin with a KERN_* header. A message that does not end in a
// newline stays open. t is the writer, nil outside of any task. It returns the length of text.
func (l *Log) Print(t *Task, text string) int {
	level, cont, body := parseLevel(text)
	l.store(t, FacilityKern, level, cont, body, "")
	return len(body)
}

// Printf adds a finished kernel record with the given level.
func (l *Log) Printf(level Level, format string, args ...any) {
	l.store(nil, FacilityKern, level, false, fmt.Sprintf(format, args...)+"\n", "")
}

// Inject adds a record of user space, as a write to /dev/kmsg does.
func (l *Log) Inject(facility uint8, level Level, text string) {
	l.store(nil, facility, level, false, strings.TrimSuffix(text, "\n")+"\n", "")
}

func (l *Log) store(t *Task, facility uint8, level Level, cont bool, body, dict string) {
	complete := strings.HasSuffix(body, "\n")
	body = strings.TrimSuffix(body, "\n")
	if len(body) > maxRecord {
		body = body[:maxRecord]
	}
	at := l.now()
	l.mu.Lock()
	if cont && l.open != nil && l.owner == t && len(l.open.Text)+len(body) <= maxRecord {
		l.open.Text += body
	} else {
		l.finishLocked()
		l.open = &Record{Time: at, Level: level, Facility: facility, Text: body, Dict: dict}
		l.owner = t
	}
	if complete {
		l.finishLocked()
	}
	l.mu.Unlock()
	if complete {
		l.wait.Wake(PollIn | PollRdnorm)
	}
}

// finishLocked makes the open record readable, dropping the oldest ones where room is needed.
//
// +checklocks:l.mu
func (l *Log) finishLocked() {
	r := l.open
	if r == nil {
		return
	}
	l.open, l.owner = nil, nil
	r.Seq = l.next
	l.next++
	size := len(r.Text) + len(r.Dict) + 64
	for l.count > 0 && l.bytes+size > logBytes {
		old := &l.ring[l.head]
		l.bytes -= len(old.Text) + len(old.Dict) + 64
		*old = Record{}
		l.head = (l.head + 1) % len(l.ring)
		l.count--
	}
	if l.count == len(l.ring) {
		grown := make([]Record, max(16, 2*len(l.ring)))
		for i := range l.count {
			grown[i] = l.ring[(l.head+i)%len(l.ring)]
		}
		l.ring, l.head = grown, 0
	}
	l.ring[(l.head+l.count)%len(l.ring)] = *r
	l.count++
	l.bytes += size
	if l.console != nil && r.Level < l.consoleLevel {
		fmt.Fprintf(l.console, "%s%s\n", r.Stamp(), r.Text)
	}
}

// setConsole sends every later record below the level to w as well, as a serial console does; nil
// turns it off. w is called under the log's lock: it must not print to this log.
func (l *Log) setConsole(w io.Writer, level Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.console, l.consoleLevel = w, level
}

// ConsoleLevel is the level below which records reach the console.
func (l *Log) ConsoleLevel() Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.consoleLevel
}

// SetConsoleLevel changes the level below which records reach the console.
func (l *Log) SetConsoleLevel(level Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.consoleLevel = level
}

// Read is the first finished record from seq on.
//
// Errors:
//   - EAGAIN: there is none yet.
//   - EPIPE: records from seq on have been overwritten; go on with Record.Seq of the record
//     returned, the oldest one that is left.
func (l *Log) Read(seq uint64) (Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq >= l.next {
		return Record{}, EAGAIN
	}
	oldest := l.next - uint64(l.count)
	if seq < oldest {
		return l.ring[l.head], EPIPE
	}
	return l.ring[(l.head+int(seq-oldest))%len(l.ring)], nil
}

// Queue is woken at every new record.
func (l *Log) Queue() *WaitQueue { return &l.wait }

// First and Next are the sequence numbers of the oldest record left and of the next one to come.
func (l *Log) First() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next - uint64(l.count)
}

// Next is the sequence number that the next record will get.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Clear hides all records so far from All, as `dmesg -C` does; /dev/kmsg still has them.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear = l.next
}

// ClearSeq is the first record that a syslog(READ_ALL) shows.
func (l *Log) ClearSeq() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clear
}

// All are the finished records since the last Clear.
func (l *Log) All() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.next - uint64(l.count)
	var all []Record
	for seq := max(oldest, l.clear); seq < l.next; seq++ {
		all = append(all, l.ring[(l.head+int(seq-oldest))%len(l.ring)])
	}
	return all
}

// Text is All as dmesg prints it: one line a record, with time stamps.
func (l *Log) Text() string {
	var b strings.Builder
	for _, r := range l.All() {
		b.WriteString(r.Stamp() + r.Text + "\n")
	}
	return b.String()
}
