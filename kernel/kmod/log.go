package kmod

import "fmt"

// Priority is a message's level, numbered as in syslog(3).
type Priority int

const (
	PrioEmerg Priority = iota
	PrioAlert
	PrioCrit
	PrioErr
	PrioWarning
	PrioNotice
	PrioInfo
	PrioDebug
)

// String is the word that the tools print for a level: FATAL, ERROR, WARNING, NOTICE, INFO, DEBUG.
func (p Priority) String() string {
	switch p {
	case PrioCrit:
		return "FATAL"
	case PrioErr:
		return "ERROR"
	case PrioWarning:
		return "WARNING"
	case PrioNotice:
		return "NOTICE"
	case PrioInfo:
		return "INFO"
	case PrioDebug:
		return "DEBUG"
	}
	return fmt.Sprintf("LOG-%03d", int(p))
}

// Origin is where in libkmod a message comes from. Debian builds kmod with debugging on, so its
// tools print it ("../libkmod/libkmod-module.c:856 kmod_module_remove_module()"), and what reads
// their output has learnt to expect it.
type Origin struct {
	File string
	Line int
	Func string
}

// Logger takes a message of the library; text has no newline at its end.
type Logger func(p Priority, from Origin, text string)

func (l Logger) printf(p Priority, from Origin, format string, args ...any) {
	if l != nil {
		l(p, from, fmt.Sprintf(format, args...))
	}
}

func originModule(line int, fn string) Origin {
	return Origin{"../libkmod/libkmod-module.c", line, fn}
}

func originConfig(line int, fn string) Origin {
	return Origin{"../libkmod/libkmod-config.c", line, fn}
}
