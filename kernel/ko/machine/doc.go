// Package machine runs linked C modules: it is the processor, the memory and
// the scheduler of a simulated 64-bit kernel, on top of wazero.
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
//     unwinds the nested calls too, whatever host functions make of them. The
//     thread can be used again at once; whether the module can, the kernel decides.
//   - Addresses are those that C sees: of memory from KernelBase on, at most 1 GiB, of
//     functions from object.TextBase on. An access to any other traps.
//   - Load, Unload, HostFunc and Need must not be called with the lock held: a host function
//     calls them inside Thread.Release.
//
// # Why it is as it is
//
// Why does no module import the function table? wazero 1.12 keeps a list of all
// instances that ever imported a table and never forgets one, so an unloaded
// module would stay in memory. Only the trampolines import it, and they stay. A
// call through a pointer goes to a dispatcher of its signature (2 ns), which
// also tells the trap handler what was called as what.
//
// Why one trampoline for each signature and not one handle for each function? A
// wazero function handle owns a stack of 10 KiB and must not be re-entered.
// Handles of trampolines are taken from a pool during a call, so their number is
// that of the calls under way, an idle thread costs nothing, and no handle
// refers to code that is unloaded.
//
// Why does memory not go through wazero's allocator? When a module that imports
// the memory is closed, wazero frees the memory; see linearMemory.
//
// What keeps the process alive? Endless loops and recursion end in resched, which looks at the
// clock and lets others run; a goroutine inside of WebAssembly stops Go's garbage collector for at
// most a quantum, some 0.1 ms. The C stack is checked at every change of its pointer (clang leaves
// that change out in a function that calls nothing and needs at most 128 bytes: stackReserve). A
// thread that sleeps inside of unloaded code finds that code still there (grave).
//
// References:
//   - [core] WebAssembly Core Specification 2.0
//   - [Linux] Documentation/core-api/kernel-api.rst, mm/slab_common.c, kernel/watchdog.c
package machine
