package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"syscall"

	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/kernel"
)

// ClearLog hides the records so far. Errors: EPERM; those of every request.
func (c *Client) ClearLog() error { return c.call("DELETE", "log", nil, nil, nil) }

// Log calls each for every record; with follow it goes on until ctx ends, from what comes next only
// where onlyNew is set.
//
// Errors: each's; those of every request.
func (c *Client) Log(ctx context.Context, follow, onlyNew bool, each func(daemon.Record) error) error {
	q := make(url.Values)
	if follow {
		q.Set("follow", "1")
	}
	if onlyNew {
		q.Set("new", "1")
	}
	res, err := c.do(ctx, "GET", "log", q, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return lines(ctx, res.Body, each)
}

// Requests calls each for every module that the kernel asks for, until ctx or the bench ends. ready
// is called once it is known to listen.
//
// Errors: EBUSY another process does this.
func (c *Client) Requests(ctx context.Context, ready func(), each func(daemon.Request) error) error {
	// for as long as it takes, also where somebody stops the bench and lets it go on
	patient := c.Another()
	patient.unwatched = true
	defer patient.Close()
	res, err := patient.do(ctx, "GET", "requests", nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	ready()
	return lines(ctx, res.Body, each)
}

// Answer tells what became of a request; 0 is that the module is there. text answers a control
// word.
//
// Errors: ENOENT nobody waits for that request; EPERM; those of every request.
func (c *Client) Answer(id uint64, e kernel.Errno, text string) error {
	return c.call("POST", "requests/"+strconv.FormatUint(id, 10), values("errno", strconv.Itoa(int(e)), "text", text), nil, nil)
}

// Control hands a word to the running kerneld and gives its answer. Errors: ENOENT no kerneld runs.
func (c *Client) Control(word string) (string, error) {
	var a struct {
		Text string `json:"text"`
	}
	err := c.call("POST", "kerneld", values("word", word), nil, &a)
	return a.Text, err
}

func lines[T any](ctx context.Context, r io.Reader, each func(T) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			return err
		}
		if err := each(v); err != nil {
			return err
		}
	}
	if ctx.Err() != nil || errors.Is(sc.Err(), io.ErrUnexpectedEOF) || errors.Is(sc.Err(), syscall.ECONNRESET) {
		return nil
	}
	return sc.Err()
}
