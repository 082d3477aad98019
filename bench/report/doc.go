// Package report turns the text of a benchmark run into one page that a person can read: what
// dispatch costs layer by layer, how it grows, what the paths carry, how long a wake-up takes, and
// how all of it compares with the host's own kernel.
//
// The page is one file that loads nothing: its plots are inline SVG whose colours follow the page
// (light, dark, print). A part whose benchmarks are not in the text is left out, and a sentence
// says so.
//
// References:
//
//	[benchfmt] the Go benchmark data format, golang.org/design/14313-benchmark-format
//	[SVG2]     Scalable Vector Graphics 2, W3C; 6.6 styling with presentation attributes and CSS
//	[WCAG22]   Web Content Accessibility Guidelines 2.2, W3C; 1.4.3 and 1.4.11 contrast
package report
