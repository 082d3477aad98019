// Package kmod is the library below the module tools: it reads module files (ELF and wasm, plain
// or compressed), writes and searches the indexes of a module tree (depmod), parses modprobe.d and
// depmod.d, and plans and carries out insertion and removal against a live kernel.
//
// It knows no simulated kernel. What the tools need of one is the System interface; module files
// and configuration come from the host's file system below a root directory.
//
// Every rule and text follows kmod 30 as Debian 12 ships it, unless a comment says otherwise.
//
// References:
//
//	[kmod]      github.com/kmod-project/kmod, version 30 (Debian 30+20221128): libkmod/, tools/
//	[modprobe.d] modprobe.d(5)
//	[depmod.d]  depmod.d(5)
//	[ELF]       Tool Interface Standard, Executable and Linking Format 1.2; System V ABI, 64-bit
//	            objects
//	[modsig]    Linux Documentation/admin-guide/module-signing.rst,
//	            include/linux/module_signature.h
//	[CMS]       RFC 5652, Cryptographic Message Syntax
//	[SFH]       P. Hsieh, "Hash functions", SuperFastHash: the order of names in modules.symbols
package kmod
