package corpus

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes a line for each module, and a total.
//
// Errors: w's.
func Table(w io.Writer, all []Result) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "module\tbuilt\tloaded\tunloaded\tnodes\tfiles\toops\twarnings\tleft\tfirst error")
	var sum struct{ outside, built, loaded, unloaded, clean int }
	for _, x := range all {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", x.Path, yes(x.Built), yes(x.Loaded), yes(x.Unloaded),
			len(x.Nodes), len(x.Files), len(x.Oops), len(x.Warnings), len(x.Left), x.First)
		sum.outside += one(x.Scope != "")
		sum.built += one(x.Built)
		sum.loaded += one(x.Loaded)
		sum.unloaded += one(x.Unloaded)
		sum.clean += one(x.Clean())
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d modules, %d out of scope: %d built, %d loaded, %d unloaded, %d clean\n", len(all), sum.outside, sum.built, sum.loaded, sum.unloaded, sum.clean)
	return err
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
