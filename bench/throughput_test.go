package bench

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// broken fails after some bytes.
type broken struct{ left int }

var errBroken = errors.New("broken")

func (x *broken) Read(p []byte) (int, error) { return x.take(p) }

func (x *broken) Write(p []byte) (int, error) { return x.take(p) }

func (x *broken) take(p []byte) (int, error) {
	n := min(len(p), x.left)
	if x.left -= n; n == 0 {
		return 0, errBroken
	}
	return n, nil
}

// A side that fails ends the other one, which waits for it, and its error is what one hears.
func TestStreamFailure(t *testing.T) {
	for _, c := range []struct {
		name    string
		reading bool // by the near end
		broken  string
	}{
		{"the reader that is measured", true, "near"},
		{"its feeder", true, "far"},
		{"the writer that is measured", false, "near"},
		{"its drain", false, "far"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := io.Pipe()
			e := ends{near: halves{r, w}, far: halves{r, w}, close: func() error { return w.CloseWithError(io.ErrClosedPipe) }}
			if c.broken == "near" {
				e.near = &broken{left: 100}
			} else {
				e.far = &broken{left: 100}
			}
			require.ErrorIs(t, e.stream(4, 200, c.reading, func() {}), errBroken)
		})
	}
}

// Every byte passes, in calls of the size asked for.
func TestStream(t *testing.T) {
	for _, reading := range []bool{true, false} {
		r, w := io.Pipe()
		in, out := &counter{Reader: r}, &counter{Writer: w}
		e := ends{near: halves{in, out}, far: halves{in, out}, close: w.Close}
		begun := false
		require.NoError(t, e.stream(100_000, 700_000, reading, func() { begun = in.calls+out.calls == 0 }))
		require.True(t, begun, "before the first byte")
		require.Equal(t, []int{700_000, 700_000}, []int{in.bytes, out.bytes})
		if reading {
			require.Equal(t, 11, out.calls, "700,000 bytes, 65,536 at a time")
		} else {
			require.Equal(t, 7, out.calls)
		}
	}
}

// counter counts what passes.
type counter struct {
	io.Reader
	io.Writer
	bytes, calls int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes, c.calls = c.bytes+n, c.calls+1
	return n, err
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.bytes, c.calls = c.bytes+n, c.calls+1
	return n, err
}
