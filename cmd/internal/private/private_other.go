//go:build !unix

package private

import (
	"io/fs"
	"os"
)

// Other systems keep a user's temporary folder to himself, and have no modes.
const (
	noFollow = 0
	closable = false
)

func owner(fs.FileInfo) (uid int, ok bool) { return 0, false }
func links(fs.FileInfo) uint64             { return 1 }

func hold(*os.File) (held bool, err error) { return false, nil }
