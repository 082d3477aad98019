// Package serialtest is the conformance suite of a serial line: one and the same set of checks for
// a simulated line, a host's pty, a network end and the port on the desk. [TestLine] is the suite
// for Go tests, [Run] gives the results as data.
//
// A line under test is either looped (what is sent comes back: a loop-back plug, an echoing device)
// or has a far end that the suite holds too. A check that the line cannot pass because it lacks the
// ability is skipped with the reason; a check that it claims to pass and does not is failed with
// what was asked and what came.
//
// References:
//
//	[nettest] golang.org/x/net/nettest conntest.go, the form of the suite
package serialtest
