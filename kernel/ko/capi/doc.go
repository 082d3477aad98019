// Package capi is the part of the kernel that C modules call: what Linux's headers declare and
// kernel/lib, the part in C, does not define. Each area has its files, named after it: what it
// keeps, a table that binds its functions to their C names, its tests. The package joins them
// (Areas). API.md lists all that a module can call, from the code.
//
//	module param printk sprintf   what every module needs    chrdev misc fs devices' files
//	slab sched kthread time timer memory, time, threads      proc debugfs sysfs      other files
//	interrupt io random                                      kobject device the driver model
//	system ctx bind mem fault fail  what the areas stand on
//
//	C module ─► host function ─► binding (typed arguments) ─► kernel.Kernel
//	                              *Ctx: the running task, its C thread, the System
//
// # Who may do what
//
// A binding runs with the machine's big lock held and may touch kernel memory with the methods of
// mem. Whoever must wait does it in Ctx.release, the only scheduling point, and reads memory anew
// after it. Fields of System and Module belong to the holder of the big lock where nothing else is
// said. A binding that finds an impossible argument ends the thread with Ctx.bug or mem's panics,
// as Linux oopses.
//
// References: Linux 6.1 include/linux; Documentation/core-api/kernel-api.rst;
// Documentation/driver-api/basics.rst.
package capi

//go:generate go test -run TestAPIDoc -update .
