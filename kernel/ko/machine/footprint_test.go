package machine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What an idle machine costs: figures in the log, a generous bound as the test.
func TestIdleFootprint(t *testing.T) {
	cache := NewCache()
	defer cache.Close()
	const n = 50
	warm, err := New(Config{Cache: cache})
	require.NoError(t, err)
	defer warm.Close()
	heap, res := settle(), rss(t)
	var list []*Machine
	for range n {
		m, err := New(Config{Cache: cache})
		require.NoError(t, err)
		list = append(list, m)
	}
	heap2, res2 := settle(), rss(t)
	per, perRes := (int64(heap2)-int64(heap))/n, (int64(res2)-int64(res))/n
	t.Logf("an idle machine: %d KiB of Go heap, %d KiB resident", per>>10, perRes>>10)
	require.Less(t, per, int64(1<<20))
	require.Less(t, perRes, int64(2<<20))
	for _, m := range list {
		require.NoError(t, m.Close())
	}
	list = nil
	heap3 := settle()
	require.Less(t, int64(heap3)-int64(heap), int64(1<<20), "closed machines are gone")
}
