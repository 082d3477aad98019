package board

import "github.com/kobench/kobench/hw/bounds"

// CheckYAML looks, before anything parses it, whether a text is one that a parser can be given
// ([bounds.YAML]); name is for its error.
//
// Errors: *Error too long, too many keys, or nested too deeply.
func CheckYAML(name string, text []byte) error {
	if e := bounds.YAML(text); e != nil {
		return &Error{name, e.Line, e.Col, e.Msg}
	}
	return nil
}
