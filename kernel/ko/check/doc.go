// Package check searches a driver for bugs: it runs a scenario of system calls, or one of its own,
// against the driver on a fresh kernel, and judges what happened.
//
//	report, err := check.Run(ctx, check.Config{Module: "scull", Image: image})
//	for _, f := range report.Findings { fmt.Println(f) }
//
// What is judged, by class:
//
//	oops warning           the log has an oops, a WARN, a BUG
//	left                   something is there after the module has gone: memory, nodes, files,
//	                       tasks
//	second-load            the module cannot be loaded a second time
//	cannot-unload          the module cannot be removed after every file is closed
//	stuck                  a call sleeps, and no signal ends it
//	nonblock-blocks        a call on an O_NONBLOCK file slept
//	read-overrun           a read returned more than it was asked for
//	positive-error         a read returned a number and wrote nothing: an error without its minus
//	write-zero             a write of some bytes returned 0; programs that write all of it loop
//	                       for ever
//	poll-without-wait      poll found nothing and named no queue: its caller is never woken
//	poll-stays-ready       poll said that a read will not block, and it would have
//	negative-seek          lseek accepted a position below zero
//	double-fetch           an ioctl read the same bytes of user memory twice, and faulted when
//	                       they changed in between
//	ioctl-size             an ioctl reached beyond the size that its number states
//	ignored-copy           user memory was refused, and the ioctl succeeded all the same
//
// Then every call that may fail (allocations, registrations, look-ups) is made to fail once, each
// in a run of its own: the module must give back what it had, and load again.
//
// A check is a function of the module, the scenario and the choices of a run; a [Finding] has these
// choices as a token, which gives it again.
package check
