// Package modtools is the front ends of package kernel/kmod: insmod, rmmod, lsmod, modprobe,
// modinfo, depmod and kmod as kmod 30 has them, ksyms and kerneld as the modules package of the
// 1990s had them. Options, texts, formats and exit codes are theirs, word for word, because scripts
// and handouts read them.
//
// Each tool is a function of an Env and its arguments without the tool's own name; it returns the
// exit status and touches nothing of the process: several may run in one, each on its own kernel.
//
// Where we do not follow kmod 30:
//
//   - modprobe -r -w MSEC fails when the module is still in use at the end; kmod 30 reports
//     success.
//   - modprobe -r ends on softdeps that form a loop; kmod 30 recurses until it crashes.
//   - "kmod help" calls the tool kmod in its usage line; kmod 30 calls it "help".
//   - depmod replaces its files only when all are written; on a full disk kmod 30 puts truncated
//     ones in their place.
//   - modprobe -k and -l are ours, see Modprobe. Empty words in $MODPROBE_OPTIONS are no module
//     names.
//
// References:
//
//	[kmod]    github.com/kmod-project/kmod, version 30: tools/
//	[getopt]  glibc getopt_long(3): permutation, abbreviations and messages
//	[modutils] modules-2.0.0 (1996): ksyms(1), kerneld(8), kdstat(8)
package modtools
