// Package locks has one of each thing that `make locks` must find. Every +checklocksfail line says what; one that is not found, or
// one too many, fails.
package locks

import "sync"

type counter struct {
	mu sync.Mutex
	n  int // +checklocks:mu
}

func (c *counter) read() int {
	return c.n // +checklocksfail=must be locked when accessing n
}

// +checklocks:c.mu
func (c *counter) addLocked() { c.n++ }

func (c *counter) add() {
	c.addLocked() // +checklocksfail=must hold c.mu
}

func (c *counter) keep(on bool) { // +checklocksfail=incompatible return states
	c.mu.Lock()
	c.n++
	if on {
		return // +checklocksfail=unexpected locks held
	}
	c.mu.Unlock()
}

func (c *counter) well() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addLocked()
	return c.n
}

func (c *counter) seeded() int { return c.n } // the violation that the second run must find
