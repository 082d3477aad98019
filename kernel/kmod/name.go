package kmod

import (
	"path/filepath"
	"strings"
)

// moduleExtensions are the file names that depmod takes for modules: as in Debian's kmod, which is
// built without zlib, .ko.gz is none.
func moduleExtensions() [3]string { return [3]string{".ko", ".ko.xz", ".ko.zst"} }

// IsModuleFile reports whether a path is named like a module file.
func IsModuleFile(path string) bool {
	for _, ext := range moduleExtensions() {
		if len(path) > len(ext) && strings.HasSuffix(path, ext) {
			return true
		}
	}
	return false
}

// NormalizeName gives a module's name as the kernel has it: dashes are underscores, and
// everything from the first dot on is dropped.
func NormalizeName(name string) string {
	if i := strings.IndexByte(name, '.'); i >= 0 {
		name = name[:i]
	}
	return strings.ReplaceAll(name, "-", "_")
}

// ModuleName is the module's name that a path stands for: "extra/a-b.ko.xz" is "a_b".
func ModuleName(path string) string {
	return NormalizeName(path[strings.LastIndexByte(path, '/')+1:])
}

// NormalizeAlias turns dashes into underscores, but not inside a bracket expression.
// It reports false for an unmatched bracket.
func NormalizeAlias(alias string) (string, bool) {
	if !strings.ContainsAny(alias, "-[]") {
		return alias, true
	}
	out := []byte(alias)
	for i := 0; i < len(out); i++ {
		switch out[i] {
		case '-':
			out[i] = '_'
		case ']':
			return alias, false
		case '[':
			n := strings.IndexByte(alias[i:], ']')
			if n < 0 {
				return alias, false
			}
			i += n
		}
	}
	return string(out), true
}

// absPath makes a path absolute without cleaning it, as the tools print it.
func absPath(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	wd, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	return wd + "/" + path
}
