package check

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// choices are what distinguishes a run from others: which of the calls that may fail does, and
// whether user memory changes.
type choices struct {
	fail int // which one, counted from 1 between begin and end; 0: none
	// tamper changes user memory between two looks at it.
	tamper bool

	mu    sync.Mutex
	on    bool   // +checklocks:mu
	count int    // +checklocks:mu
	which string // +checklocks:mu
}

// failing is asked at each call of a function that may fail.
func (c *choices) failing(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on {
		return false
	}
	c.count++
	if c.count != c.fail {
		return false
	}
	c.which = name
	return true
}

func (c *choices) begin() { c.set(true) }
func (c *choices) end()   { c.set(false) }

func (c *choices) set(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = on
}

// seen is how many calls could have failed.
func (c *choices) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// happened names the function that failed, "" if none has.
func (c *choices) happened() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.which == "" {
		return ""
	}
	return fmt.Sprintf("%s (call %d that may fail)", c.which, c.fail)
}

// token names the choices; parseToken reads it.
func (c *choices) token() string {
	switch {
	case c.tamper:
		return "tamper"
	case c.fail == 0:
		return "plain"
	}
	return "fail-" + strconv.Itoa(c.fail)
}

func parseToken(token string) (*choices, error) {
	switch token {
	case "plain":
		return new(choices), nil
	case "tamper":
		return &choices{tamper: true}, nil
	}
	number, ok := strings.CutPrefix(token, "fail-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || n > mostFailures {
		return nil, fmt.Errorf("%w: %q is no replay token (plain, tamper, fail-3)", ErrCannot, token)
	}
	return &choices{fail: n}, nil
}
