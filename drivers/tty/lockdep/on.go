//go:build lockdep

package lockdep

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Mutex is a lock that is held for a moment.
type Mutex struct {
	order
	mu sync.Mutex
}

// Init names the lock and says its rank.
func Init(m *Mutex, name string, rank int) { m.order.init(name, rank) }

// Lock waits for the lock.
func (m *Mutex) Lock() {
	m.order.before()
	m.mu.Lock()
	m.order.after()
}

// TryLock takes the lock if it is free. Who does not wait may take it in any order.
func (m *Mutex) TryLock() bool {
	if !m.mu.TryLock() {
		return false
	}
	m.order.after()
	return true
}

// Unlock gives it back.
func (m *Mutex) Unlock() {
	m.order.leave()
	m.mu.Unlock()
}

// order is a lock's place among the others of the thing that it belongs to.
type order struct {
	name string
	rank int
}

func (o *order) init(name string, rank int) { o.name, o.rank = name, rank }

// held are the locks of each goroutine, in the order in which they were taken.
//
//rules:allow goroutines are the process's
var held = struct {
	mu sync.Mutex
	by map[string][]*order
}{by: map[string][]*order{}}

// goroutine is the number of the one that runs, as its trace says it.
func goroutine() string {
	var buf [64]byte
	b := buf[:runtime.Stack(buf[:], false)]
	return string(bytes.Fields(b)[1])
}

func (o *order) before() {
	g := goroutine()
	held.mu.Lock()
	defer held.mu.Unlock()
	for _, h := range held.by[g] {
		if h.rank >= o.rank {
			panic(fmt.Sprintf("lockdep: %s is taken while %s is held: the order is the other way round", o.name, h.name))
		}
	}
}

func (o *order) after() {
	g := goroutine()
	held.mu.Lock()
	defer held.mu.Unlock()
	held.by[g] = append(held.by[g], o)
}

func (o *order) leave() {
	g := goroutine()
	held.mu.Lock()
	defer held.mu.Unlock()
	i := slices.Index(held.by[g], o)
	if i < 0 {
		panic(fmt.Sprintf("lockdep: %s is given back by who does not hold it", o.name))
	}
	if held.by[g] = slices.Delete(held.by[g], i, i+1); len(held.by[g]) == 0 {
		delete(held.by, g)
	}
}
