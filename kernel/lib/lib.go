// Package lib is the built-in part of the kernel that is written in C: what
// Linux keeps in lib/, sources in src. It is compiled to one relocatable object, which a
// machine loads before any module, so that memcpy or strlen in a driver is a
// call from WebAssembly to WebAssembly.
//
// The object is committed; `go generate` rebuilds it with clang and wasm-ld.
package lib

import _ "embed"

//go:generate make -s lib.o

//go:embed lib.o
var object string

// Object is the prebuilt relocatable object.
func Object() []byte { return []byte(object) }
