package program

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// RunBytes is a device at p whose two wires are a program's standard input and output, until ctx
// ends (nil) or the program is over for good. CTS, DSR and DCD are on while it runs. It takes on
// the host's rate and format; breaks and characters with errors are left out.
//
// Errors: what is wrong with the command; it could not be started; it failed and is not to be
// started again. Each has been logged.
func (c *Command) RunBytes(ctx context.Context, p *serial.Port) error {
	p.SetAuto(true)
	return c.supervise(ctx, p, false, func(ctx context.Context, proc *process, _ <-chan struct{}) error {
		_ = p.SetSignals(serial.DCEOutputs, serial.CTS|serial.DSR|serial.DCD)
		free := bindDeadline(ctx, p)
		var feed sync.WaitGroup
		defer func() {
			_ = p.SetReadDeadline(time.Now())
			_ = proc.in.SetWriteDeadline(time.Now())
			feed.Wait()
			free()
		}()
		feed.Go(func() { feedProgram(p, proc.in) })
		end := context.AfterFunc(ctx, func() { proc.out.Close() })
		defer end()
		buf := make([]byte, 4096)
		for {
			n, err := proc.out.Read(buf)
			if n > 0 {
				if _, werr := p.Write(buf[:n]); werr != nil {
					return lineError(ctx, werr)
				}
			}
			if err != nil { // it has ended, or says no more
				select {
				case <-proc.exited:
				case <-ctx.Done():
				}
				return nil
			}
		}
	})
}

// feedProgram gives the program what the host sends. A program that does not read lets the line
// wait; one that has closed its input hears nothing.
func feedProgram(p *serial.Port, in *os.File) {
	buf := make([]byte, 4096)
	deaf := false
	for {
		n, f, err := p.Receive(buf)
		switch {
		case err != nil:
			return
		case f != 0 || deaf:
			continue
		}
		if _, err := in.Write(buf[:n]); errors.Is(err, syscall.EPIPE) {
			deaf = true
		} else if err != nil {
			return
		}
	}
}

// bindDeadline ends p's waiting methods when ctx ends; free makes p wait again.
func bindDeadline(ctx context.Context, p *serial.Port) (free func()) {
	_ = p.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = p.SetDeadline(time.Now()) })
	return func() {
		stop()
		_ = p.SetDeadline(time.Time{})
	}
}

// lineError is nil where the line ended because it was told to.
func lineError(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
