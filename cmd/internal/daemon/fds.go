package daemon

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kobench/kobench/kernel"
)

const maxIO = 16 << 20 // bytes of one read or write

// fdCall is one system call on a descriptor of the connection's task.
type fdCall func(t *kernel.Task, fd int, w http.ResponseWriter, r *http.Request) (any, error)

func (s *Server) fdRoutes(m *http.ServeMux) {
	m.HandleFunc("POST /v1/open", func(w http.ResponseWriter, r *http.Request) {
		t, done := s.taskOf(r)
		defer done()
		fd, err := t.Open(query(r, "path"), uint32(number(r, "flags")))
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, map[string]int{"fd": fd})
	})
	for pattern, call := range map[string]fdCall{
		"POST /v1/fd/{fd}/read":  readFD,
		"POST /v1/fd/{fd}/write": writeFD,
		"POST /v1/fd/{fd}/ioctl": ioctlFD,
		"POST /v1/fd/{fd}/lseek": func(t *kernel.Task, fd int, _ http.ResponseWriter, r *http.Request) (any, error) {
			pos, err := t.Lseek(fd, int64(number(r, "off")), number(r, "whence"))
			return map[string]int64{"pos": pos}, err
		},
		"POST /v1/fd/{fd}/poll": func(t *kernel.Task, fd int, _ http.ResponseWriter, r *http.Request) (any, error) {
			wait := time.Duration(-1)
			if query(r, "ms") != "" {
				wait = time.Duration(number(r, "ms")) * time.Millisecond
			}
			fds := []kernel.PollFD{{FD: fd, Events: kernel.Events(number(r, "events"))}}
			_, err := t.Poll(fds, wait)
			return map[string]kernel.Events{"revents": fds[0].Revents}, err
		},
		"POST /v1/fd/{fd}/fcntl": func(t *kernel.Task, fd int, _ http.ResponseWriter, r *http.Request) (any, error) {
			ret, err := t.Fcntl(fd, number(r, "cmd"), uint32(number(r, "arg")))
			return map[string]int{"ret": ret}, err
		},
		"POST /v1/fd/{fd}/dup": func(t *kernel.Task, fd int, _ http.ResponseWriter, _ *http.Request) (any, error) {
			n, err := t.Dup(fd)
			return map[string]int{"fd": n}, err
		},
		"DELETE /v1/fd/{fd}": func(t *kernel.Task, fd int, _ http.ResponseWriter, _ *http.Request) (any, error) {
			return struct{}{}, t.Close(fd)
		},
	} {
		m.HandleFunc(pattern, s.onFD(call))
	}
}

func (s *Server) onFD(call fdCall) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fd, err := strconv.Atoi(r.PathValue("fd"))
		if err != nil {
			bad(w, "fd: want a number")
			return
		}
		t, done := s.taskOf(r)
		defer done()
		v, err := call(t, fd, w, r)
		switch {
		case err != nil:
			fail(w, err)
		case v != nil:
			answer(w, v)
		}
	}
}

func readFD(t *kernel.Task, fd int, w http.ResponseWriter, r *http.Request) (any, error) {
	n := number(r, "n")
	if n < 0 || n > maxIO {
		return nil, kernel.EINVAL
	}
	buf := make([]byte, n)
	n, err := t.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	_, _ = w.Write(buf[:n])
	return nil, nil
}

func writeFD(t *kernel.Task, fd int, w http.ResponseWriter, r *http.Request) (any, error) {
	p, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxIO))
	if err != nil {
		return nil, kernel.EFBIG
	}
	n, err := t.Write(fd, p)
	return map[string]int{"n": n}, err
}

// ioctlFD passes the body as the memory that the argument points to, and gives it back after the
// call with the result in a header. Without a body the argument is the number val.
func ioctlFD(t *kernel.Task, fd int, w http.ResponseWriter, r *http.Request) (any, error) {
	p, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil {
		return nil, kernel.EFBIG
	}
	if len(p) == 0 {
		p = nil
	}
	val, _ := strconv.ParseUint(query(r, "val"), 0, 64)
	ret, err := t.Ioctl(fd, uint32(number(r, "cmd")), kernel.Arg{Val: val, Buf: p})
	if err != nil {
		return nil, err
	}
	w.Header().Set("Kobench-Result", strconv.Itoa(ret))
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(p)
	return nil, nil
}
