package tty

import (
	"strings"
	"testing"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// takeAll is what reads of n bytes bring, as long as there is something: "|" is an end of file.
func takeAll(l *ldisc, n int) (got []string) {
	for l.available(false) {
		buf := make([]byte, n)
		k, _ := l.take(buf)
		if k == 0 {
			got = append(got, "|")
			continue
		}
		got = append(got, string(buf[:k]))
	}
	return got
}

// What is typed, what the reads find and what is echoed ([n_tty]).
func TestLineEditing(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(tm *Termios)
		typed string
		size  int
		reads []string
		echo  string
	}{
		{"a line", nil, "abc\n", 10, []string{"abc\n"}, "abc\r\n"},
		{"a line that is not complete", nil, "abc", 10, nil, "abc"},
		{"two lines, two reads", nil, "a\nb\n", 10, []string{"a\n", "b\n"}, "a\r\nb\r\n"},
		{"a read that is too short", nil, "abcd\n", 3, []string{"abc", "d\n"}, "abcd\r\n"},
		{"end of file", nil, "\x04", 10, []string{"|"}, ""},
		{"end of file behind text", nil, "abc\x04", 10, []string{"abc"}, "abc"},
		{"end of file right behind what fills a read", nil, "abc\x04", 3, []string{"abc"}, "abc"},
		{"a second end of file behind what fills a read", nil, "abc\x04\x04", 3, []string{"abc", "|"}, "abc"},
		{"end of file behind a line that fills a read", nil, "ab\n\x04", 3, []string{"ab\n", "|"}, "ab\r\n"},
		{"erase", nil, "abx\x7fc\n", 10, []string{"abc\n"}, "abx\b \bc\r\n"},
		{"erase nothing", nil, "\x7fa\n", 10, []string{"a\n"}, "a\r\n"},
		{"erase a control character", nil, "\x01\x7fa\n", 10, []string{"a\n"}, "^A\b \b\b \ba\r\n"},
		{"erase a tab", nil, "a\t\x7fb\n", 10, []string{"ab\n"}, "a\t\b\b\b\b\b\b\bb\r\n"},
		{"erase a word", nil, "one two\x17x\n", 10, []string{"one x\n"}, "one two\b \b\b \b\b \bx\r\n"},
		{"erase the line", nil, "abc\x15x\n", 10, []string{"x\n"}, "abc\b \b\b \b\b \bx\r\n"},
		{"literally", nil, "\x16\x03\n", 10, []string{"\x03\n"}, "^\b^C\r\n"},
		{"reprint", nil, "ab\x12c\n", 10, []string{"abc\n"}, "ab^R\r\nabc\r\n"},
		{"a carriage return becomes a new line", nil, "a\r", 10, []string{"a\n"}, "a\r\n"},
		{"IGNCR", func(tm *Termios) { tm.Iflag |= IGNCR }, "a\rb\n", 10, []string{"ab\n"}, "ab\r\n"},
		{"INLCR", func(tm *Termios) { tm.Iflag = INLCR }, "a\n\x04", 10, []string{"a\r"}, "a^M"},
		{"no echo", func(tm *Termios) { tm.Lflag &^= ECHO }, "abc\n", 10, []string{"abc\n"}, ""},
		{"no echo but of new lines", func(tm *Termios) { tm.Lflag = tm.Lflag&^ECHO | ECHONL }, "abc\n", 10, []string{"abc\n"}, "\r\n"},
		{"another end of line", func(tm *Termios) { tm.CC[VEOL] = ';' }, "a;b\n", 10, []string{"a;", "b\n"}, "a;b\r\n"},
		{"ECHOPRT", func(tm *Termios) { tm.Lflag |= ECHOPRT }, "abc\x7f\x7fd\n", 10, []string{"ad\n"}, "abc\\cb/d\r\n"},
		{"capitals", func(tm *Termios) { tm.Iflag |= IUCLC; tm.Oflag |= OLCUC }, "aB\n", 10, []string{"ab\n"}, "AB\r\n"},
		{"raw", func(tm *Termios) { *tm = RawTermios(9600) }, "a\x03\x04\x7f\n", 10, []string{"a\x03\x04\x7f\n"}, ""},
		{"seven bits", func(tm *Termios) { *tm = RawTermios(9600); tm.Iflag |= ISTRIP }, "\xe1b", 10, []string{"ab"}, ""},
		{"PARMRK doubles 377", func(tm *Termios) { *tm = RawTermios(9600); tm.Iflag |= PARMRK }, "a\xffb", 10, []string{"a\xff\xffb"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &ldisc{tm: StdTermios()}
			if c.set != nil {
				c.set(&l.tm)
			}
			require.Equal(t, len(c.typed), l.receive([]byte(c.typed), nil))
			require.Equal(t, c.echo, string(l.echo))
			require.Equal(t, c.reads, takeAll(l, c.size))
		})
	}
}

func TestWhatADisciplineAsks(t *testing.T) {
	for _, c := range []struct {
		name, typed string
		set         func(tm *Termios)
		stopped     bool
		signals     []kernel.Signal
		flush       bool
		reads       []string
	}{
		{"nothing", "abc", nil, false, nil, false, nil},
		{"stop", "a\x13", nil, true, nil, false, nil},
		{"stop and start", "a\x13\x11", nil, false, nil, false, nil},
		{"stop, IXANY", "\x13x\n", func(tm *Termios) { tm.Iflag |= IXANY }, false, nil, false, []string{"x\n"}},
		{"without IXON they are text", "\x13\x11\n", func(tm *Termios) { tm.Iflag &^= IXON }, false, nil, false, []string{"\x13\x11\n"}},
		{"interrupt throws away what was typed", "abc\x03d\n", nil, false, []kernel.Signal{kernel.SIGINT}, true, []string{"d\n"}},
		{"NOFLSH", "abc\x03d\n", func(tm *Termios) { tm.Lflag |= NOFLSH }, false, []kernel.Signal{kernel.SIGINT}, false, []string{"abcd\n"}},
		{"each signal once", "\x03\x1c\x1a\x03\x1a", nil, false, []kernel.Signal{kernel.SIGINT, kernel.SIGQUIT, kernel.SIGTSTP}, true, nil},
		{"a signal starts output", "\x13\x03", nil, false, []kernel.Signal{kernel.SIGINT}, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &ldisc{tm: StdTermios()}
			if c.set != nil {
				c.set(&l.tm)
			}
			l.receive([]byte(c.typed), nil)
			require.Equal(t, c.stopped, l.stopped)
			require.Equal(t, c.signals, append([]kernel.Signal(nil), l.asks.signals[:l.asks.nsignals]...))
			require.Equal(t, c.flush, l.asks.flush)
			require.Equal(t, c.reads, takeAll(l, 100))
		})
	}
}

func TestFlaggedCharacters(t *testing.T) {
	flags := []serial.Flags{0, serial.ParityError, serial.Break, 0, serial.Overrun}
	for _, c := range []struct {
		name  string
		iflag uint32
		want  string
	}{
		{"not checked", 0, "ab\x00de"},
		{"checked", INPCK, "a\x00\x00de"},
		{"ignored", INPCK | IGNPAR | IGNBRK, "ade"},
		{"marked", INPCK | PARMRK, "a\xff\x00b\xff\x00\x00de"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &ldisc{tm: RawTermios(9600)}
			l.tm.Iflag = c.iflag
			l.receive([]byte("ab\x00de"), flags)
			require.Equal(t, []string{c.want}, takeAll(l, 100))
			require.EqualValues(t, 1, l.overruns)
		})
	}
}

// The buffer takes 4095 characters and the end of a line; a line that is longer loses what is too
// much, and its end is still seen.
func TestFullBuffer(t *testing.T) {
	l := &ldisc{tm: RawTermios(9600)}
	require.Equal(t, bufSize-1, l.receive(make([]byte, 2*bufSize), nil))
	require.Len(t, takeAll(l, 2*bufSize)[0], bufSize-1)

	l = &ldisc{tm: StdTermios()}
	l.tm.Lflag &^= ECHO
	line := strings.Repeat("x", 2*bufSize)
	require.Equal(t, len(line)+1, l.receive([]byte(line+"\n"), nil), "all of it is taken, or the end would never come")
	got := takeAll(l, 2*bufSize)
	require.Len(t, got, 1)
	require.Equal(t, byte('\n'), got[0][len(got[0])-1])
	require.Len(t, got[0], bufSize)
}

func TestOutputProcessing(t *testing.T) {
	for _, c := range []struct {
		name   string
		oflag  uint32
		in     string
		limit  int
		out    string
		taken  int
		column uint
	}{
		{"new lines", OPOST | ONLCR, "a\nb", 100, "a\r\nb", 3, 1},
		{"tabs", OPOST | XTABS, "a\tb", 100, "a       b", 3, 9},
		{"no carriage return at column 0", OPOST | ONOCR, "\ra\r", 100, "a\r", 3, 0},
		{"a carriage return becomes a new line", OPOST | OCRNL, "a\r", 100, "a\n", 2, 1},
		{"capitals", OPOST | OLCUC, "aB", 100, "AB", 2, 2},
		{"what does not fit stays whole", OPOST | ONLCR, "a\nb", 2, "a", 1, 1},
		{"no room", OPOST, "a", 0, "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &ldisc{tm: StdTermios()}
			l.tm.Oflag = c.oflag
			out, k := l.process(nil, []byte(c.in), c.limit)
			require.Equal(t, c.out, string(out))
			require.Equal(t, c.taken, k)
			require.Equal(t, c.column, l.column)
		})
	}
}

// What was typed in one mode is still there in the other.
func TestModeChange(t *testing.T) {
	std, raw := StdTermios(), RawTermios(9600)
	l := &ldisc{tm: std}
	l.receive([]byte("abc"), nil)
	require.False(t, l.available(false))
	l.set(raw)
	require.Equal(t, []string{"abc"}, takeAll(l, 10))

	l = &ldisc{tm: raw}
	l.receive([]byte("abc"), nil)
	l.set(std)
	require.Equal(t, []string{"abc"}, takeAll(l, 10), "it ends as a line does")
	l.receive([]byte("\x13"), nil)
	require.True(t, l.stopped)
	l.set(raw)
	require.False(t, l.stopped, "without IXON nothing could start it again")
}
