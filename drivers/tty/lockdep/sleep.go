package lockdep

// SleepMutex is a mutual exclusion that may be held while its owner sleeps. Init makes it.
type SleepMutex struct {
	order
	taken chan struct{} // holds one while it is locked
}

// Init makes m an unlocked lock of that name and rank.
func (m *SleepMutex) Init(name string, rank int) {
	m.order.init(name, rank)
	m.taken = make(chan struct{}, 1)
}

// Lock waits for the lock.
func (m *SleepMutex) Lock() {
	m.order.before()
	m.taken <- struct{}{}
	m.order.after()
}

// Unlock gives it back.
func (m *SleepMutex) Unlock() {
	m.order.leave()
	<-m.taken
}
