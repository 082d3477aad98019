package daemon

import (
	"fmt"
	"path/filepath"

	"github.com/kobench/kobench/kernel"
)

// Mount shows the machine's name space at a directory of the host.
//
// Errors: EBUSY it is mounted there; ENOSYS this system has no FUSE; what the mount met.
func (s *Server) Mount(dir string) error {
	if !filepath.IsAbs(dir) {
		return kernel.EINVAL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mounts[dir] != nil {
		return kernel.EBUSY
	}
	end, err := mountFUSE(s.Sim.Kernel, dir)
	if err != nil {
		s.Sim.Kernel.Log.Printf(kernel.LevelErr, "kobench: cannot mount at %s: %v", dir, err)
		return err
	}
	s.mounts[dir] = end
	return nil
}

// Unmount takes it away. Errors: ENOENT nothing is mounted there; EBUSY files are open.
func (s *Server) Unmount(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.mounts[dir]
	if end == nil {
		return kernel.ENOENT
	}
	if err := end(); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, kernel.EBUSY)
	}
	delete(s.mounts, dir)
	return nil
}

func (s *Server) unmountAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, end := range s.mounts {
		_ = end()
	}
	clear(s.mounts)
}
