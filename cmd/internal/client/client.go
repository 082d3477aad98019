// Package client talks to a running bench. One Client is one connection, and so one task of the
// simulated kernel: its descriptors are closed when it is.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/cmd/internal/private"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

// Client is a connection to a bench. Calls that wait hold up others of the same Client; New one for
// each thing that goes on at a time.
//
// Errors of every request: *ErrNoBench nobody answers; *ErrSilent the bench is there and does not
// answer; *private.Error it is somebody else's; the kernel's, as a kernel.Errno.
type Client struct {
	socket string
	comm   string
	http   http.Client
	pid    atomic.Int64 // of the bench, 0 where it is not known
	// unwatched leaves the look-out out.
	unwatched bool
	pace      pace
}

var _ kmod.System = (*Client)(nil)

// New prepares a connection to the bench behind a socket; comm is the name of the program, as the
// kernel's log shows it.
func New(socket, comm string) *Client {
	c := &Client{socket: socket, comm: comm, pace: usual()}
	c.http.Transport = &http.Transport{
		MaxConnsPerHost: 1,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", socket)
			if err != nil {
				return nil, err
			}
			if err := private.Trust(conn, socket); err != nil {
				conn.Close()
				return nil, err
			}
			if p, ok := private.PeerOf(conn); ok {
				c.pid.Store(int64(p.PID))
			}
			return conn, nil
		},
	}
	return c
}

// Another is a second connection to the same bench.
func (c *Client) Another() *Client { return New(c.socket, c.comm) }

// Socket is where the bench listens.
func (c *Client) Socket() string { return c.socket }

// Close ends the connection and the task behind it.
func (c *Client) Close() { c.http.CloseIdleConnections() }

var errGone = errors.New("it went away in the middle of a request")

// ErrNoBench says that nobody answers on the socket.
type ErrNoBench struct {
	Socket string
	Err    error
}

func (e *ErrNoBench) Error() string {
	why := "nothing listens there"
	if errors.Is(e.Err, fs.ErrNotExist) {
		why = "there is no such socket"
	} else if errors.Is(e.Err, fs.ErrPermission) {
		why = "it belongs to somebody else"
	} else if errors.Is(e.Err, errGone) {
		why = e.Err.Error()
	}
	return fmt.Sprintf("no bench at %s: %s; start one with `kobench up -d`, or set KOBENCH_SOCKET", e.Socket, why)
}

// Unwrap is what the system said.
func (e *ErrNoBench) Unwrap() error { return e.Err }

// do makes a request. The caller closes the body.
//
// Errors: *ErrNoBench; *ErrSilent; *private.Error somebody else listens there; kernel.Errno and
// kernel.ErrKilled as the kernel answered.
func (c *Client) do(ctx context.Context, method, path string, q url.Values, body io.Reader) (*http.Response, error) {
	u := "http://kobench/v1/" + path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	ctx, watch := c.watch(ctx)
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		watch.end()
		return nil, err
	}
	req.Header.Set("Kobench-Comm", c.comm)
	req.Header.Set("TE", "trailers")
	if uid := os.Getenv("KOBENCH_UID"); uid != "" {
		req.Header.Set("Kobench-Uid", uid)
	}
	res, err := c.http.Do(req)
	if err != nil {
		watch.end()
		if why := watch.why(); why != nil {
			return nil, why
		}
		var strange *private.Error
		if errors.As(err, &strange) {
			return nil, strange
		}
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, &ErrNoBench{c.socket, op.Err}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return nil, &ErrNoBench{c.socket, errGone}
		}
		return nil, err
	}
	res.Body = &watched{res.Body, watch}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err == nil {
		if err = problem(text); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the bench answered %s", res.Status)
}

// problem is the error in an answer's JSON text, nil if there is none.
func problem(text []byte) error {
	var p struct {
		Errno  int    `json:"errno"`
		Error  string `json:"error"`
		Killed bool   `json:"killed"`
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Errno == 0 {
		return nil
	}
	if p.Killed {
		return kernel.ErrKilled
	}
	e := kernel.Errno(p.Errno)
	if p.Error != e.Error() {
		return &Error{e, p.Error}
	}
	return e
}

// Error is what the bench says about a request, in more words than its number has.
type Error struct {
	Errno kernel.Errno
	Text  string
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives the number.
func (e *Error) Unwrap() error { return e.Errno }

// get makes a request and decodes the answer into v.
func (c *Client) call(method, path string, q url.Values, body io.Reader, v any) error {
	res, err := c.do(context.Background(), method, path, q, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if v == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(v)
}

func values(kv ...string) url.Values {
	q := make(url.Values)
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	return q
}

// Info tells what runs.
func (c *Client) Info() (info daemon.Info, err error) {
	return info, c.call("GET", "info", nil, nil, &info)
}

// FinitModule loads a module. Errors: init_module(2)'s; those of every request.
func (c *Client) FinitModule(image []byte, params string, flags int) error {
	return c.call("POST", "modules", values("params", params, "flags", strconv.Itoa(flags)), bytes.NewReader(image), nil)
}

// DeleteModule removes one. Errors: delete_module(2)'s; those of every request.
func (c *Client) DeleteModule(name string, flags int) error {
	return c.call("DELETE", "modules/"+url.PathEscape(name), values("flags", strconv.Itoa(flags)), nil, nil)
}

// Open streams a file's content as it comes; n limits it to so many bytes, -1 does not.
func (c *Client) Open(ctx context.Context, path string, n int64) (io.ReadCloser, error) {
	q := values("path", path)
	if n >= 0 {
		q.Set("n", strconv.FormatInt(n, 10))
	}
	res, err := c.do(ctx, "GET", "file", q, nil)
	if err != nil {
		return nil, err
	}
	return &content{res}, nil
}

// content is a file's; the error that ends it is in the trailer.
type content struct{ res *http.Response }

func (r *content) Read(p []byte) (int, error) {
	n, err := r.res.Body.Read(p)
	if err == io.EOF {
		if e := problem([]byte(r.res.Trailer.Get(daemon.ProblemTrailer))); e != nil {
			err = e
		}
	}
	return n, err
}

func (r *content) Close() error { return r.res.Body.Close() }

// ReadFile reads a file to its end.
func (c *Client) ReadFile(path string) ([]byte, error) {
	r, err := c.Open(context.Background(), path, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// WriteFile writes what r gives to a file, as it comes, and returns how much the kernel took.
func (c *Client) WriteFile(ctx context.Context, path string, appendTo bool, r io.Reader) (int, error) {
	q := values("path", path)
	if appendTo {
		q.Set("append", "1")
	}
	res, err := c.do(ctx, "POST", "file", q, r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var a struct {
		N int `json:"n"`
	}
	return a.N, json.NewDecoder(res.Body).Decode(&a)
}

// ReadDir gives a directory's names.
func (c *Client) ReadDir(path string) ([]string, error) {
	list, err := c.List(path)
	names := make([]string, 0, len(list))
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names, err
}

// List describes what is in a directory.
func (c *Client) List(path string) (list []daemon.Stat, err error) {
	return list, c.call("GET", "dir", values("path", path), nil, &list)
}

// Lstat describes a name.
func (c *Client) Lstat(path string) (s daemon.Stat, err error) {
	return s, c.call("GET", "stat", values("path", path, "link", "1"), nil, &s)
}

// Mknod makes a device node, Mkdir a directory, Remove takes a name away. Errors: mknod(2)'s; those
// of every request.
func (c *Client) Mknod(path string, mode, major, minor uint32) error {
	return c.call("POST", "mknod", values("path", path, "mode", utoa(mode), "major", utoa(major), "minor", utoa(minor)), nil, nil)
}

// Mkdir makes a directory. Errors: mkdir(2)'s; those of every request.
func (c *Client) Mkdir(path string, mode uint32) error {
	return c.call("POST", "mkdir", values("path", path, "mode", utoa(mode)), nil, nil)
}

// Remove takes a name away. Errors: unlink(2)'s and rmdir(2)'s; those of every request.
func (c *Client) Remove(path string) error {
	return c.call("DELETE", "file", values("path", path), nil, nil)
}

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// DevTables are the dispatch tables.
func (c *Client) DevTables() (t []kernel.DevTable, err error) {
	return t, c.call("GET", "devtab", nil, nil, &t)
}

// Programs has the bench serve the programs behind this process's descriptor of a seccomp listener.
func (c *Client) Programs(listener int) error {
	return c.call("POST", "programs", values("fd", strconv.Itoa(listener)), nil, nil)
}

// Mount shows the machine's files at a directory of the host; Unmount ends that.
//
// Errors: EPERM not root, or kobench up --no-host-files; those of the host; those of every request.
func (c *Client) Mount(dir string) error {
	return c.call("POST", "mount", values("dir", dir), nil, nil)
}

// Unmount takes them away. Errors: EINVAL nothing is mounted there; EPERM; those of every request.
func (c *Client) Unmount(dir string) error {
	return c.call("DELETE", "mount", values("dir", dir), nil, nil)
}

// Shutdown ends the bench and waits until its socket is gone.
//
// Errors: EPERM; ctx's, the bench is still there; those of every request.
func (c *Client) Shutdown(ctx context.Context) error {
	if err := c.call("POST", "shutdown", nil, nil, nil); err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Lstat(c.socket); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the bench at %s does not come to its end: %w", c.socket, ctx.Err())
		case <-tick.C:
		}
	}
}
