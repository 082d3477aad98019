// Package capi is the part of the kernel that C modules call: what Linux's headers declare and kernel/lib, the part in C, does not
// define. Each area has a file with its functions and, at the top, a table that binds them to their C names; the package joins the
// tables. API.md lists them all.
//
//	C module ─► host function ─► binding (typed arguments) ─► kernel.Kernel
//	                              *Ctx: the running task, its C thread, the System
//
// # Who may do what
//
// A binding runs with the machine's big lock held and may touch kernel memory with the methods of Mem. Whoever must wait does it in
// Ctx.Release, the only scheduling point, and reads memory anew after it. Fields of System and Module belong to the holder of the
// big lock where nothing else is said. A binding that finds an impossible argument ends the thread with Ctx.Bug or Mem's panics,
// as Linux oopses.
//
// References: Linux 6.1 include/linux; Documentation/core-api/kernel-api.rst; Documentation/driver-api/basics.rst.
package capi

//go:generate go test -run TestAPIDoc -update .
