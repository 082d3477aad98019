// Package include holds the Linux-API headers that C modules are compiled against.
//
// The names and meanings are Linux's, every line is ours. The machine is 32 bit (ILP32), little
// endian, with one processor. Where the API changed between versions a header takes what several
// versions took: class_create with one argument or two, access_ok with two or three, both tasklet
// and timer styles, /proc entries with proc_ops or file_operations.
//
// EXPORTS lists every function and variable that the headers declare and the kernel has to supply,
// with its WebAssembly signature. It is generated (kernel/kbuild/gen) and a test keeps it current.
//
// References:
//   - [Linux] include/linux of Linux 6.1, for names, signatures and constants
package include

import "embed"

// FS holds the tree as modules include it: asm, asm-generic, generated, linux, uapi, and EXPORTS.
//
//go:embed asm asm-generic generated linux uapi EXPORTS
var FS embed.FS
