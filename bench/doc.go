// Package bench measures what dispatch costs, what each layer adds and how both compare with the kernel below. It holds only
// benchmarks; names are paths, so that benchstat groups them.
package bench
