// Package object reads relocatable WebAssembly objects and links them.
//
// A kobench .ko is what `clang --target=wasm64 -c` and `wasm-ld -r -mwasm64` write:
// a WebAssembly module with a "linking" section (symbol table, segment
// names) and "reloc.*" sections, exactly as a Linux .ko is an ELF object of
// type ET_REL. Parse reads one and checks every length, index, offset and
// relocation, so that nothing behind it meets a surprise; Object.Link lays
// it out at given addresses, resolves its undefined symbols, applies the
// relocations and emits a final module that a wasm engine can instantiate.
//
// Link rewrites the code on the way. In the emitted module
//
//   - every loop and every function that calls another one counts down a
//     budget and calls the host's "resched" when it is used up, so that no
//     loop can hold the processor (see Image);
//   - every access to memory is lowered from 64-bit addresses to the engine's 32-bit
//     memory and checked (memory.go, facts.go);
//   - every lowering of the shadow stack pointer is compared with the
//     thread's limit;
//   - call_indirect goes through an imported dispatcher of that signature, so
//     that the module itself never imports the function table;
//   - a call with another prototype than the function has goes through an adapter;
//   - unreachable reports where it stood in the object.
//
// The package knows neither a wasm engine nor the kernel.
//
// # Init code
//
// clang writes the section attribute of data into the object (segment
// names), but drops that of functions: WebAssembly code has no sections.
// Init code is therefore recognised by reachability: a defined function that
// only init_module (and other init code) reaches and whose address nobody
// else takes is init code; likewise exit code for cleanup_module. Data is
// init data when its segment is named .init.data or .init.rodata.
//
// References:
//   - [core] WebAssembly Core Specification 2.0, chapter 5 (binary format)
//   - [linking] WebAssembly tool-conventions, Linking.md (version 2)
//   - [Linux] kernel/module/main.c layout_sections, simplify_symbols, apply_relocations
package object
