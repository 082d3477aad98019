// Package kernel is a simulated kernel for character devices: Linux's semantics in Go, with no
// root, no virtual machine and no global state. Any number of kernels live in one process.
//
//	k := kernel.Boot(kernel.Config{Catalog: catalog.All()})
//	defer k.Shutdown()
//	t := k.Init()                                   // a task of root's
//	err := t.LoadByName("loopback", "size=64")      // insmod
//	fd, err := t.Open("/dev/loop0", kernel.O_RDWR)
//	n, err := t.Write(fd, []byte("hello"))
//
// # Where things are
//
//	task.go wait.go signal.go poll.go fasync.go    tasks: sleeping and waking
//	syscalls.go open.go fdtable.go handle.go       the user side: descriptors, or
//	                                               io.ReadWriteCloser
//	file.go fops.go seek.go ioctl.go               one open file; what a driver registers; what
//	                                               the VFS answers itself
//	chrdev.go misc.go device.go devtab.go          major and minor numbers, /dev, uevents,
//	                                               dispatch tables
//	inode.go namei.go attr.go ramfile.go           names: /dev, /proc, /sys, scraps
//	module.go insmod.go rmmod.go env.go param.go   a module's life
//	symbol.go taint.go modsys.go                   what it exports, how it shows
//	printk.go oops.go procfs.go irq.go             the log, faults, /proc, interrupts
//	trouble.go holdings.go                         what went wrong; what is held, for tests
//	errno.go                                       the names of package uapi's error numbers
//
// # Locks
//
// No lock of the kernel is held across a driver's Init, Open or file operation. Below that, a lock
// may be taken while those above it on the same branch are held, and never the other way round:
//
//	modules.mu          the list of modules, who uses whom
//	  nameSpace.mu      the tree of names
//	    ramFile.mu
//	    chrdevs.mu      majors and minors
//	misc.mu
//	  devices.mu        classes
//	    nameSpace.mu
//	fdTable.mu          descriptors
//	irqs.mu
//	  irqLine.mu        one handler of a line at a time
//	WaitQueue.mu        a leaf but for waking tasks, which takes no lock
//	Log.mu              printk: a leaf; anybody may log while holding anything but a WaitQueue of
//	                    the log's own
//
// # Time
//
// All time is that of the time package, so that a test under testing/synctest waits for nothing.
//
// References:
//   - [fs] Linux fs/char_dev.c, fs/open.c, fs/namei.c, fs/read_write.c
//   - [module] Linux kernel/module/main.c, kernel/params.c
//   - [printk] Linux kernel/printk/printk.c
//   - [sched] Linux kernel/sched/wait.c, kernel/signal.c
//   - [lkm] the handout "Loadable Kernel Module", CSCI 3753, whose dispatch tables devtab.go prints
package kernel
