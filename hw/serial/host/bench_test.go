//go:build linux

package host

import (
	"context"
	"io"
	"testing"

	"github.com/kobench/kobench/hw/serial"
)

// streamTo measures one direction in 4 KiB writes.
func streamTo(b *testing.B, to io.Reader, from io.Writer) {
	data := make([]byte, 4096)
	b.SetBytes(int64(len(data)))
	b.ResetTimer()
	go func() {
		for range b.N {
			from.Write(data)
		}
	}()
	buf := make([]byte, 64<<10)
	for n := 0; n < b.N*len(data); {
		k, err := to.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
}

// The way in for other programs, beside a bare pty of the host.
func BenchmarkPTY(b *testing.B) {
	b.Run("bare/out", func(b *testing.B) { m, s := ptyPair(b); streamTo(b, m, s) })
	b.Run("bare/in", func(b *testing.B) { m, s := ptyPair(b); streamTo(b, s, m) })
	for _, out := range []bool{true, false} {
		b.Run(map[bool]string{true: "door/out", false: "door/in"}[out], func(b *testing.B) {
			p, err := OpenPTY("")
			if err != nil {
				b.Skip(err)
			}
			x, y := serial.NullModem(serial.Max)
			y.SetAuto(true)
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			go func() { done <- p.Serve(ctx, x) }()
			f, err := openControl(p.Path())
			if err != nil {
				b.Fatal(err)
			}
			client := newTTY(p.Path(), f, fileIO{f}, true)
			client.SetMode(serial.Format8N1(115200))
			for { // what is sent while no client is there is lost
				if c, err := y.WaitChange(b.Context()); err != nil || c&serial.Inputs != 0 {
					break
				}
			}
			if out {
				streamTo(b, y, client)
			} else {
				streamTo(b, client, y)
			}
			b.StopTimer()
			client.Close()
			cancel()
			<-done
			p.Close()
		})
	}
}
