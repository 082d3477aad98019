package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (s streams) linksCommand() *cobra.Command {
	return &cobra.Command{
		Use: "links DIRECTORY", Short: "Make links to the program under its tools' names", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return writeLinks(args[0]) },
	}
}

// writeLinks makes a directory that holds the tools by name, and kobench itself.
func writeLinks(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range linkNames() {
		link := filepath.Join(dir, name)
		if same(link, self) {
			continue
		}
		_ = os.Remove(link)
		if err := os.Symlink(self, link); err != nil {
			return err
		}
	}
	return nil
}

func same(a, b string) bool {
	sa, errA := os.Lstat(a)
	sb, errB := os.Lstat(b)
	return errA == nil && errB == nil && os.SameFile(sa, sb)
}
