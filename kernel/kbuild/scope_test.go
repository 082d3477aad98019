package kbuild

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/kobench/kobench/kernel/include"
	"github.com/stretchr/testify/require"
)

// No header is both there and out of scope, and what the compiler prints leads back to the area.
func TestScope(t *testing.T) {
	for path, text := range scopeHeaders() {
		_, err := fs.Stat(include.FS, strings.TrimPrefix(path, "include/"))
		require.ErrorIs(t, err, fs.ErrNotExist, path)
		message := "net.c:3:2: error: " + strings.TrimPrefix(strings.TrimSpace(string(text)), "#error ")
		require.Contains(t, outOfScope(), Scope(message), path)
	}
	require.Empty(t, Scope("x.c:1:10: fatal error: 'linux/no.h' file not found"))
}
