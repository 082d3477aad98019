// Package lockdep has the locks of the terminals. Ordinarily they are plain ones. Built with the
// tag lockdep, as the tests of `make locks` are, each knows its rank, and who takes one of a rank
// that is not above all that he holds panics with the names of both.
//
// [SleepMutex] is a lock under which a driver may wait for its device (struct mutex in Linux); who
// waits for one is blocked as testing/synctest understands it. [Mutex] is held for moments only.
//
// References: Documentation/locking/lockdep-design.rst
package lockdep
