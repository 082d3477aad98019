package kernel

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Param is one parameter of a module, set at load and, where Perm allows, through
// /sys/module/NAME/parameters.
type Param struct {
	Name  string
	Desc  string // MODULE_PARM_DESC
	Perm  uint32 // of the file in sysfs; 0: no file
	Value ParamValue
}

// ParamValue is where a parameter's value lives. Set and Get may be called at any time while the
// module is loaded.
type ParamValue interface {
	// Type is the word that modinfo shows: "int", "charp", "array of int".
	Type() string
	// Set parses text; given is false when the parameter stood there without "=".
	//
	// Errors: EINVAL not such a value; ERANGE out of its range; ENOSPC too long.
	Set(text string, given bool) error
	// Get is the value as sysfs shows it, without a line end.
	Get() string
}

// Int is an int parameter.
type Int struct{ atomic.Int32 }

// Type is "int".
func (v *Int) Type() string { return "int" }

// Set parses a decimal, 0x or 0 number.
//
// Errors: EINVAL no number; ERANGE.
func (v *Int) Set(text string, given bool) error {
	n, err := parseInt(text, given, 32)
	if err == nil {
		v.Store(int32(n))
	}
	return err
}

// Get is the decimal number.
func (v *Int) Get() string { return strconv.Itoa(int(v.Load())) }

// Uint is a uint parameter.
type Uint struct{ atomic.Uint32 }

// Type is "uint".
func (v *Uint) Type() string { return "uint" }

// Set parses a decimal, 0x or 0 number.
//
// Errors: EINVAL no number; ERANGE.
func (v *Uint) Set(text string, given bool) error {
	n, err := parseUint(text, given, 32)
	if err == nil {
		v.Store(uint32(n))
	}
	return err
}

// Get is the decimal number.
func (v *Uint) Get() string { return strconv.FormatUint(uint64(v.Load()), 10) }

// Bool is a bool parameter.
type Bool struct{ atomic.Bool }

// Type is "bool".
func (v *Bool) Type() string { return "bool" }

// Set takes y, Y, 1, on, n, N, 0, off; without a value it is true (kstrtobool).
//
// Errors: EINVAL none of these.
func (v *Bool) Set(text string, given bool) error {
	b, err := parseBool(text, given)
	if err == nil {
		v.Store(b)
	}
	return err
}

// Get is "Y" or "N".
func (v *Bool) Get() string {
	if v.Load() {
		return "Y"
	}
	return "N"
}

// String is a charp parameter.
type String struct {
	mu sync.Mutex
	s  string
}

// Type is "charp".
func (v *String) Type() string { return "charp" }

// Set takes at most 1024 bytes.
//
// Errors: EINVAL without a value; ENOSPC too long.
func (v *String) Set(text string, given bool) error {
	switch {
	case !given:
		return EINVAL
	case len(text) > 1024:
		return ENOSPC
	}
	v.Store(text)
	return nil
}

// Get is the string.
func (v *String) Get() string { return v.Load() }

// Load is the string.
func (v *String) Load() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.s
}

// Store sets the string.
func (v *String) Store(s string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.s = s
}

// parseInt parses a signed number of the given size in bits as kstrtoint does: an optional sign, 0x
// or 0 for another base, one newline at the end.
//
// Errors: EINVAL, ERANGE.
func parseInt(text string, given bool, bits int) (int64, error) {
	if !given {
		return 0, EINVAL
	}
	n, err := strconv.ParseInt(goNumber(text), 0, bits)
	return n, numError(err)
}

// parseUint is parseInt for unsigned numbers (kstrtouint).
func parseUint(text string, given bool, bits int) (uint64, error) {
	if !given {
		return 0, EINVAL
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(goNumber(text), "+"), 0, bits)
	return n, numError(err)
}

// goNumber keeps Go's extras (underscores, 0b, 0o) out of a number.
func goNumber(text string) string {
	text = strings.TrimSuffix(text, "\n")
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || strings.ContainsAny(digits, "_oObB") && !strings.HasPrefix(digits, "0x") && !strings.HasPrefix(digits, "0X") ||
		strings.Contains(digits, "_") {
		return "invalid"
	}
	return text
}

func numError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange):
		return ERANGE
	}
	return EINVAL
}

// parseBool is kstrtobool, with no value standing for true.
func parseBool(text string, given bool) (bool, error) {
	if !given {
		return true, nil
	}
	switch {
	case text == "":
		return false, EINVAL
	case strings.ContainsRune("yYtT1", rune(text[0])):
		return true, nil
	case strings.ContainsRune("nNfF0", rune(text[0])):
		return false, nil
	case len(text) > 1 && (text[0] == 'o' || text[0] == 'O'):
		switch text[1] {
		case 'n', 'N':
			return true, nil
		case 'f', 'F':
			return false, nil
		}
	}
	return false, EINVAL
}

func (k *Kernel) paramAttr(m *Module, p *Param) *Attr {
	a := &Attr{Show: func(*Task) (string, error) { return p.Value.Get() + "\n", nil }}
	if p.Perm&0o222 != 0 {
		a.Store = func(_ *Task, s string) error {
			err := p.Value.Set(s, true)
			k.complainOfMany(p, err)
			return err
		}
	}
	return a
}

// complainOfMany logs that an array got more values than it has room for, if that is what err says.
func (k *Kernel) complainOfMany(p *Param, err error) (many *TooMany) {
	if errors.As(err, &many) {
		k.Log.Printf(LevelErr, "%s: can only take %d arguments", p.Name, many.Max)
	}
	return many
}

// parseArgs sets a module's parameters from the command line of insmod (kernel/params.c
// parse_args). A bad one does not keep the others from being looked at; the last error is returned.
func (k *Kernel) parseArgs(m *Module, args string) (err error) {
	for args = strings.TrimLeft(args, " \t\n"); args != ""; {
		var name, val string
		var given bool
		name, val, given, args = nextArg(args)
		if name == "--" && !given {
			return err
		}
		if e := k.setParam(m, name, val, given); e != nil {
			err = e
			var fault *Fault
			if errors.As(e, &fault) { // the module's own code has set it, and failed
				return e
			}
		}
	}
	return err
}

func (k *Kernel) setParam(m *Module, name, val string, given bool) error {
	for i := range m.Params {
		p := &m.Params[i]
		if strings.ReplaceAll(p.Name, "-", "_") != strings.ReplaceAll(name, "-", "_") {
			continue
		}
		err := p.Value.Set(val, given)
		var fault *Fault
		switch many := k.complainOfMany(p, err); {
		case err == nil:
			return nil
		case errors.As(err, &fault):
			return err
		case many != nil:
			val = many.First
		case ErrnoOf(err) == ENOSPC:
			k.Log.Printf(LevelErr, "%s: `%s' too large for parameter `%s'", m.Name, val, name)
			return ENOSPC
		}
		k.Log.Printf(LevelErr, "%s: `%s' invalid for parameter `%s'", m.Name, val, name)
		return ErrnoOf(err)
	}
	if name != "async_probe" && name != "dyndbg" {
		k.Log.Printf(LevelWarning, "%s: unknown parameter '%s' ignored", m.Name, name)
	}
	return nil
}

// TooMany is the error of an array parameter that got more values than it has room for. As in
// Linux, whose parser has cut the text at the first comma by then, the message shows the first
// value only.
type TooMany struct {
	Max   int
	First string
}

func (e *TooMany) Error() string { return "can only take " + strconv.Itoa(e.Max) + " arguments" }

// Errno is EINVAL.
func (e *TooMany) Errno() int { return int(EINVAL) }

// nextArg splits off one argument; double quotes keep spaces together (lib/cmdline.c next_arg).
func nextArg(args string) (name, val string, given bool, rest string) {
	quoted, equals, i := false, -1, 0
	leading := strings.HasPrefix(args, `"`)
	if leading {
		args = args[1:]
		quoted = true
	}
	for ; i < len(args); i++ {
		if strings.IndexByte(" \t\n\r\v\f", args[i]) >= 0 && !quoted {
			break
		}
		if equals < 0 && args[i] == '=' {
			equals = i
		}
		if args[i] == '"' {
			quoted = !quoted
		}
	}
	word := args[:i]
	rest = strings.TrimLeft(args[i:], " \t\n\r\v\f")
	if equals < 0 {
		if leading {
			word = strings.TrimSuffix(word, `"`)
		}
		return word, "", false, rest
	}
	name, val = word[:equals], word[equals+1:]
	if strings.HasPrefix(val, `"`) {
		val = strings.TrimSuffix(val[1:], `"`)
	} else if leading {
		val = strings.TrimSuffix(val, `"`)
	}
	return name, val, true, rest
}
