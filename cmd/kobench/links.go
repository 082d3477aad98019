package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (s streams) linksCommand() *cobra.Command {
	relative := false
	cmd := &cobra.Command{
		Use: "links DIRECTORY", Short: "Make links to the program under its tools' names", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if relative {
				return relativeLinks(args[0], self)
			}
			return writeLinks(args[0], self, self)
		},
	}
	cmd.Flags().BoolVar(&relative, "relative", false, "links that stay right when directory and program are moved together")
	return cmd
}

// relativeLinks is writeLinks with the way from the directory to the program.
func relativeLinks(dir, self string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	from, err := filepath.EvalSymlinks(dir)
	if err == nil {
		from, err = filepath.Abs(from)
	}
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return err
	}
	target, err := filepath.Rel(from, self)
	if err != nil {
		return err
	}
	return writeLinks(dir, self, target)
}

// writeLinks makes a directory that holds the tools by name, and kobench itself. target is what the
// links say.
func writeLinks(dir, self, target string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range linkNames() {
		link := filepath.Join(dir, name)
		if same(link, self) {
			continue
		}
		_ = os.Remove(link)
		if err := os.Symlink(target, link); err != nil {
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
