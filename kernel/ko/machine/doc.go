// Package machine runs linked C modules: it is the processor, the memory and
// the scheduler of a simulated 32-bit kernel, on top of wazero.
//
// A Machine has one linear memory and one function table that all its modules
// share, and one big kernel lock. C code runs on a Thread, one thread at a time:
// whoever holds the lock. Thread.Call takes it, Thread.Release gives it up
// while the C function sleeps in a host function; there is no second way.
//
//	Thread.Call ─► trampoline ─► driver's function ─► host function ─► Release ─► sleep
//	 takes lock     sets SP         C, budget checks      Go, lock held     no lock held
//
// # What the caller must know
//
//   - The lock: every accessor of memory (Bytes, U32, Alloc, …) needs it. Host
//     functions have it; others use Machine.Do.
//   - A trap in C is an error of type *Trap from the outermost Call. It
//     unwinds the nested calls too. The thread can be used again at once;
//     whether the module can, the kernel decides.
//   - Addresses below GuardSize are never valid. Memory ends below 2 GiB;
//     user addresses start at UserBase, so C that dereferences one traps.
//
// References:
//   - [core] WebAssembly Core Specification 2.0
//   - [Linux] Documentation/core-api/kernel-api.rst, mm/slab_common.c, kernel/watchdog.c
package machine
