//go:build lockdep

package lockdep

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrder(t *testing.T) {
	var outer SleepMutex
	var inner, leaf Mutex
	outer.Init("outer", 1)
	Init(&inner, "inner", 2)
	Init(&leaf, "leaf", 3)

	outer.Lock()
	inner.Lock()
	leaf.Lock()
	inner.Unlock() // in any order
	outer.Unlock()
	leaf.Unlock()

	leaf.Lock()
	require.PanicsWithValue(t, "lockdep: inner is taken while leaf is held: the order is the other way round", inner.Lock)
	require.PanicsWithValue(t, "lockdep: outer is taken while leaf is held: the order is the other way round", outer.Lock)
	require.PanicsWithValue(t, "lockdep: leaf is taken while leaf is held: the order is the other way round", leaf.Lock)
	require.True(t, inner.TryLock(), "who does not wait may")
	inner.Unlock()
	leaf.Unlock()
	require.PanicsWithValue(t, "lockdep: leaf is given back by who does not hold it", leaf.Unlock)
	require.Empty(t, held.by)
}
