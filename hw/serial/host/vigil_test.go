//go:build unix

package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A door that nobody uses has no timer; one in use looks less and less often; what a client left
// behind has its time.
func TestVigil(t *testing.T) {
	start := time.Now()
	for name, steps := range map[string][]struct {
		inUse, known bool
		writes       uint
		at           time.Duration
		after        time.Duration
		giveUp       bool
	}{
		"nobody": {{after: -1}, {at: time.Hour, after: -1}},
		"a client that sends nothing": {
			{inUse: true, known: true, after: time.Millisecond},
			{inUse: true, known: true, after: 2 * time.Millisecond},
			{inUse: true, known: true, after: 4 * time.Millisecond},
			{inUse: true, known: true, after: 8 * time.Millisecond},
			{inUse: true, known: true, after: 16 * time.Millisecond},
			{inUse: true, known: true, after: pollMode},
			{inUse: true, known: true, after: pollMode},
			{after: -1},
		},
		"gone, and the line takes nothing": {
			{known: true, writes: 1, after: closingWait},
			{known: true, writes: 1, at: 10 * time.Second, after: closingWait - 10*time.Second},
			{known: true, writes: 1, at: closingWait, after: -1, giveUp: true},
			{writes: 2, at: closingWait, after: -1},
		},
		"gone, and the line is slow": {
			{known: true, writes: 1, after: closingWait},
			{known: true, writes: 3, at: closingWait, after: closingWait},
			{known: true, writes: 4, at: 2 * closingWait, after: closingWait},
			{writes: 4, at: 2 * closingWait, after: -1},
		},
		"gone, and another comes": {
			{known: true, writes: 1, after: closingWait},
			{inUse: true, known: true, writes: 1, at: closingWait, after: time.Millisecond},
			{known: true, writes: 1, at: closingWait, after: closingWait},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := vigil{soon: pollModeSoon}
			for i, s := range steps {
				after, giveUp := v.look(s.inUse, s.known, s.writes, start.Add(s.at))
				require.Equal(t, s.after, after, "step %d", i)
				require.Equal(t, s.giveUp, giveUp, "step %d", i)
			}
		})
	}
}
