package kernel_test

import (
	"errors"
	"testing"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
)

// ram is a program's memory from address base on.
type ram struct {
	base uint64
	b    []byte
}

func (r *ram) at(addr uint64, n int) []byte {
	if addr < r.base || addr-r.base > uint64(len(r.b)) {
		return nil
	}
	b := r.b[addr-r.base:]
	return b[:min(n, len(b))]
}

func (r *ram) ReadUser(p []byte, addr uint64) (int, error) {
	n := copy(p, r.at(addr, len(p)))
	return n, fault(n, p)
}

func (r *ram) WriteUser(p []byte, addr uint64) (int, error) {
	n := copy(r.at(addr, len(p)), p)
	return n, fault(n, p)
}

func fault(n int, p []byte) error {
	if n < len(p) {
		return kernel.EFAULT
	}
	return nil
}

func TestUserMemory(t *testing.T) {
	k := kerneltest.Boot(t)
	task := kerneltest.Task(t, k)
	var p [4]byte
	if n, err := task.ReadUser(p[:], 0x1000); n != 0 || !errors.Is(err, kernel.EFAULT) {
		t.Errorf("without memory: %d, %v, want 0, EFAULT", n, err)
	}
	task.SetUserMemory(&ram{0x7f0000001000, []byte("hello")})
	if n, err := task.ReadUser(p[:], 0x7f0000001001); n != 4 || err != nil || string(p[:]) != "ello" {
		t.Errorf("read %d, %v, %q", n, err, p)
	}
	if n, err := task.ReadUser(p[:], 0x7f0000001003); n != 2 || !errors.Is(err, kernel.EFAULT) {
		t.Errorf("over the end: %d, %v, want 2, EFAULT", n, err)
	}
	thread := task.Clone() // shares it
	t.Cleanup(thread.Exit)
	if n, err := thread.WriteUser([]byte("J"), 0x7f0000001000); n != 1 || err != nil {
		t.Errorf("write %d, %v", n, err)
	}
	if _, err := task.ReadUser(p[:], 0x7f0000001000); err != nil || string(p[:]) != "Jell" {
		t.Errorf("the write of a thread is not seen: %q, %v", p, err)
	}
	thread.SetUserMemory(nil)
	if thread.UserMemory() != nil || task.UserMemory() == nil {
		t.Error("memory is set for one task")
	}
}
