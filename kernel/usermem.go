package kernel

// UserMemory is a program's memory, reached at the program's own addresses. Whoever runs the
// program supplies it with Task.SetUserMemory; a driver reaches it with Task.ReadUser and
// Task.WriteUser, one in C with copy_from_user and its family.
//
// Calls come from the goroutine that makes the task's system call. They may block, as a page
// fault may.
type UserMemory interface {
	// ReadUser reads len(p) bytes at addr. n says how many bytes were read before the first
	// that could not be.
	//
	// Errors: EFAULT if n < len(p): not mapped, or not readable.
	ReadUser(p []byte, addr uint64) (n int, err error)

	// WriteUser writes p at addr, as ReadUser reads.
	//
	// Errors: EFAULT if n < len(p): not mapped, or not writable.
	WriteUser(p []byte, addr uint64) (n int, err error)
}

// SetUserMemory gives the task the memory of the program that it runs. nil takes it away. It must
// not overlap a call of the task.
func (t *Task) SetUserMemory(m UserMemory) { t.user = m }

// UserMemory is the memory of the task's program, nil where there is none: then a call's buffers
// are all that a driver can reach.
func (t *Task) UserMemory() UserMemory { return t.user }

// ReadUser reads the program's memory (copy_from_user).
//
// Errors: EFAULT if n < len(p), also where the task has no memory.
func (t *Task) ReadUser(p []byte, addr uint64) (n int, err error) {
	if t.user == nil {
		return 0, EFAULT
	}
	return t.user.ReadUser(p, addr)
}

// WriteUser writes the program's memory (copy_to_user).
//
// Errors: as ReadUser.
func (t *Task) WriteUser(p []byte, addr uint64) (n int, err error) {
	if t.user == nil {
		return 0, EFAULT
	}
	return t.user.WriteUser(p, addr)
}
