package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/cmd/internal/client"
	"github.com/kobench/kobench/kernel"
	"github.com/spf13/cobra"
)

// endLimit is how long everything may take to come down; the kernel's own end is bounded below it
// (kernel.Shutdown).
const endLimit = 60 * time.Second

// wait waits for the end and takes everything down.
//
// Errors: what was stuck, by name; after endLimit it is left behind.
func (b *bench) wait() error {
	err := <-b.done
	over := make(chan error, 1)
	go func() { over <- b.down() }()
	limit := time.NewTimer(endLimit)
	defer limit.Stop()
	select {
	case e := <-over:
		err = errors.Join(err, e)
	case <-limit.C:
		err = errors.Join(err, fmt.Errorf("after %v something is still in the way: a driver, or what hangs on a line; it is left behind", endLimit))
	}
	if err != nil {
		_ = os.WriteFile(endFile(b.socket), []byte(err.Error()+"\n"), 0o600)
	}
	_ = os.Remove(b.socket)
	return err
}

func (b *bench) down() (err error) {
	b.kerneld.end()
	if b.doors != nil {
		err = b.doors.Close()
		_ = os.Remove(b.doorsDir) // unless there is something else in it
	}
	return errors.Join(err, b.sim.Close())
}

// endFile is where a bench that did not end well says so, for "kobench down"; beside the socket, in
// a directory that is ours.
func endFile(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".end" }

func (s streams) downCommand() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End the running bench", Args: cobra.NoArgs,
		Long: `down ends the bench and waits for that, for a minute and a half at most. Its status is 1 when something did not end: a driver that does not come
back, a module that is in use for ever. What that is it says.`,
		RunE: func(*cobra.Command, []string) error {
			c := s.bench("kobench")
			defer c.Close()
			return end(c)
		},
	}
}

// end shuts a bench down. Errors: what was stuck.
func end(c *client.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		return err
	}
	text, err := os.ReadFile(endFile(c.Socket()))
	if err != nil {
		return nil
	}
	_ = os.Remove(endFile(c.Socket()))
	return fmt.Errorf("at the end: %s", strings.TrimSpace(string(text)))
}

// kinds are the words of --fail-on.
func kinds() []kernel.TroubleKind {
	return []kernel.TroubleKind{kernel.TroubleOops, kernel.TroubleWarn, kernel.TroubleLeft}
}

// parseFailOn reads "oops,warn"; "any" is all of them.
func parseFailOn(text string) (list []kernel.TroubleKind, err error) {
	for word := range strings.SplitSeq(text, ",") {
		switch word = strings.TrimSpace(word); {
		case word == "any":
			return kinds(), nil
		case slices.Contains(kinds(), kernel.TroubleKind(word)):
			list = append(list, kernel.TroubleKind(word))
		case word != "":
			return nil, fmt.Errorf("--fail-on=%s: want oops, warn, left or any, with commas between", text)
		}
	}
	return list, nil
}

// shownTroubles bounds what troubles says of each kind.
const shownTroubles = 5

// troubles says what went wrong in the kernel, and reports whether one of the kinds is among it.
func (s streams) troubles(all []kernel.Trouble, fail []kernel.TroubleKind) (failed bool) {
	for _, kind := range kinds() {
		n := 0
		for _, t := range all {
			if t.Kind != kind {
				continue
			}
			if n++; n <= shownTroubles {
				fmt.Fprintf(s.err, "kobench: %s\n", t)
			}
		}
		if n > shownTroubles {
			fmt.Fprintf(s.err, "kobench: %s: %d more\n", kind, n-shownTroubles)
		}
		failed = failed || n > 0 && slices.Contains(fail, kind)
	}
	return failed
}
