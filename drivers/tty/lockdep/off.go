//go:build !lockdep

package lockdep

import "sync"

// Mutex is a lock that is held for a moment.
type Mutex = sync.Mutex

// Init names the lock and says its rank.
func Init(*Mutex, string, int) {}

// order is nothing without the tag.
type order struct{}

func (order) init(string, int) {}
func (order) before()          {}
func (order) after()           {}
func (order) leave()           {}
