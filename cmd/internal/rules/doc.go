// Command rules proves the rules of the house that the compiler does not:
//
//   - imports point down only: cmd, then bench and drivers, then kernel, and hw beside it, then
//     fixtures;
//   - kernel and hw never import each other, but for the leaves that imports.go names; package
//     kernel needs the standard library alone, and so does a leaf;
//   - a driver imports no other driver, only the shared cores;
//   - third-party code stays at the edge that edges names;
//   - no package keeps mutable state in its own variables, and none has an init function;
//   - lock annotations are such that the analyser of `make locks` takes them in, and a lock that is
//     taken is given back;
//   - files stay short, comments narrow, and no file names the machine it was written on.
//
// It reads the source itself, not what `go list` selects for one system, so that files behind build
// tags obey too.
//
// A package-level variable that must be: //rules:allow and the reason, on the line before it.
//
//	go run ./cmd/internal/rules [DIR]
package main
