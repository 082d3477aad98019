//go:build !linux

package daemon

import "net/http"

// programs of this system cannot be shown another kernel.
type programs struct{}

func (s *Server) endPrograms() {}

func (s *Server) attach(w http.ResponseWriter, _ *http.Request) {
	bad(w, "programs that see the bench take Linux")
}
