package daemon

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kobench/kobench/kernel"
)

// Stat is kernel.Stat as JSON.
type Stat struct {
	Name   string    `json:"name"`
	Mode   uint32    `json:"mode"` // S_IF* and permission bits
	Nlink  int       `json:"nlink"`
	UID    uint32    `json:"uid"`
	GID    uint32    `json:"gid"`
	Major  uint32    `json:"major,omitempty"`
	Minor  uint32    `json:"minor,omitempty"`
	Size   int64     `json:"size"`
	Mtime  time.Time `json:"mtime"`
	Target string    `json:"target,omitempty"`
}

func statOf(s kernel.Stat) Stat {
	return Stat{s.Name, s.Mode, s.Nlink, s.UID, s.GID, s.Rdev.Major(), s.Rdev.Minor(), s.Size, s.Mtime, s.Target}
}

func (s *Server) fileRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /v1/file", s.readFile)
	m.HandleFunc("POST /v1/file", s.writeFile)
	m.HandleFunc("DELETE /v1/file", s.call(func(t *kernel.Task, _ http.ResponseWriter, r *http.Request) error {
		path := r.FormValue("path")
		err := t.Unlink(path)
		if err == kernel.EISDIR {
			err = t.Rmdir(path)
		}
		return err
	}))
	m.HandleFunc("GET /v1/stat", func(w http.ResponseWriter, r *http.Request) {
		t, done := s.taskOf(r)
		defer done()
		stat := t.Stat
		if r.FormValue("link") != "" {
			stat = t.Lstat
		}
		st, err := stat(r.FormValue("path"))
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, statOf(st))
	})
	m.HandleFunc("GET /v1/dir", func(w http.ResponseWriter, r *http.Request) {
		t, done := s.taskOf(r)
		defer done()
		list, err := t.ReadDir(r.FormValue("path"))
		if err != nil {
			fail(w, err)
			return
		}
		all := make([]Stat, 0, len(list))
		for _, st := range list {
			all = append(all, statOf(st))
		}
		answer(w, all)
	})
	m.HandleFunc("POST /v1/mknod", s.call(func(t *kernel.Task, _ http.ResponseWriter, r *http.Request) error {
		return t.Mknod(query(r, "path"), uint32(number(r, "mode")), kernel.MkDev(uint32(number(r, "major")), uint32(number(r, "minor"))))
	}))
	m.HandleFunc("POST /v1/mkdir", s.call(func(t *kernel.Task, _ http.ResponseWriter, r *http.Request) error {
		return t.Mkdir(query(r, "path"), uint32(number(r, "mode")))
	}))
	m.HandleFunc("POST /v1/chmod", s.call(func(t *kernel.Task, _ http.ResponseWriter, r *http.Request) error {
		return t.Chmod(query(r, "path"), uint32(number(r, "mode")))
	}))
}

// query is a value of the URL, never of the body.
func query(r *http.Request, key string) string { return r.URL.Query().Get(key) }

// ProblemTrailer is the trailer in which a file's content that ends with an error says which, as
// JSON. It is for clients that send "TE: trailers"; for others the connection breaks off, so that
// they do not take what they have for all.
const ProblemTrailer = "Kobench-Problem"

// readFile streams a file's content as it comes.
func (s *Server) readFile(w http.ResponseWriter, r *http.Request) {
	t, done := s.taskOf(r)
	defer done()
	fd, err := t.Open(query(r, "path"), kernel.O_RDONLY)
	if err != nil {
		fail(w, err)
		return
	}
	defer t.Close(fd)
	left := int64(-1)
	if n := query(r, "n"); n != "" {
		if left, err = strconv.ParseInt(n, 0, 64); err != nil || left < 0 {
			bad(w, "n: want a number of bytes")
			return
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	trailers := r.Header.Get("TE") == "trailers"
	if trailers {
		w.Header().Set("Trailer", ProblemTrailer)
	}
	flush := http.NewResponseController(w)
	buf := make([]byte, 64<<10)
	for started := false; left != 0; started = true {
		p := buf
		if left > 0 && left < int64(len(p)) {
			p = p[:left]
		}
		n, err := t.Read(fd, p)
		switch {
		case err == nil:
		case trailers:
			p, _ := problemOf(err)
			text, _ := json.Marshal(p)
			w.Header().Set(ProblemTrailer, string(text))
			return
		case !started:
			w.Header().Del("Content-Type")
			fail(w, err)
			return
		default:
			panic(http.ErrAbortHandler)
		}
		if n == 0 {
			return
		}
		if _, err := w.Write(p[:n]); err != nil {
			return
		}
		_ = flush.Flush()
		if left > 0 {
			left -= int64(n)
		}
	}
}

// leftEvery is how often a write looks whether its client is still there. The request's context
// does not tell before all of the body has been read.
const leftEvery = 200 * time.Millisecond

// writeFile writes a file's content as it comes.
func (s *Server) writeFile(w http.ResponseWriter, r *http.Request) {
	t, done := s.taskOf(r)
	defer done()
	over := make(chan struct{})
	defer close(over)
	go func() {
		tick := time.NewTicker(leftEvery)
		defer tick.Stop()
		for !left(r.Context().Value(connKey{}).(*conn).c) {
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
		t.Kill(kernel.SIGKILL)
	}()
	flags := uint32(kernel.O_WRONLY | kernel.O_CREAT | kernel.O_TRUNC)
	if query(r, "append") != "" {
		flags = kernel.O_WRONLY | kernel.O_CREAT | kernel.O_APPEND
	}
	fd, err := t.Open(query(r, "path"), flags)
	if err != nil {
		fail(w, err)
		return
	}
	defer t.Close(fd)
	buf := make([]byte, 64<<10)
	total := 0
	for {
		n, rerr := r.Body.Read(buf)
		for p := buf[:n]; len(p) > 0; {
			k, err := t.Write(fd, p)
			// it would go on for ever; programs say the same (gnulib's full_write)
			if k == 0 && err == nil {
				err = kernel.ENOSPC
			}
			if err != nil {
				fail(w, err)
				return
			}
			total += k
			p = p[k:]
		}
		if rerr == io.EOF {
			answer(w, map[string]int{"n": total})
			return
		}
		if rerr != nil {
			return
		}
	}
}
