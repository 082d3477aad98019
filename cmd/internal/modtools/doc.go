// Package modtools is the front ends of package kernel/kmod: insmod, rmmod, lsmod, modprobe,
// modinfo, depmod and kmod as kmod 30 has them, ksyms and kerneld as the modules package of the
// 1990s had them. Options, texts, formats and exit codes are theirs, word for word, because scripts
// and handouts read them.
//
// Each tool is a function of an Env and its arguments without the tool's own name; it returns the
// exit status and touches nothing of the process: several may run in one, each on its own kernel.
//
// References:
//
//	[kmod]    github.com/kmod-project/kmod, version 30: tools/
//	[getopt]  glibc getopt_long(3): permutation, abbreviations and messages
//	[modutils] modules-2.0.0 (1996): ksyms(1), kerneld(8), kdstat(8)
package modtools
