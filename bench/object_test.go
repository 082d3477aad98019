package bench

import (
	"testing"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/object"
	"github.com/stretchr/testify/require"
)

// The module called large has the size that it is named for, and all of it is linked.
func TestLarge(t *testing.T) {
	m := large()
	require.InDelta(t, 1<<20, len(m.bytes), 1<<14)
	o, err := object.Parse(m.bytes)
	require.NoError(t, err)
	img, err := o.Link(object.Placement{Core: 1 << 20, Init: 1 << 22, Slot: 1}, object.LinkOptions{Name: m.name})
	require.NoError(t, err)
	require.Greater(t, len(img.Wasm), 500<<10)
}

// Each module of the chain uses the one before, in the order of their loading; one that gets
// another answer is not loaded.
func TestChain(t *testing.T) {
	k, shutdown := bootKO()
	defer func() { require.NoError(t, shutdown()) }()
	task := k.Init()
	images := chain()
	require.ErrorIs(t, task.InitModule(images[1].bytes, "", 0), kernel.ENOENT)
	for i, m := range images {
		require.NoError(t, task.InitModule(m.bytes, "", 0), m.name)
		require.Len(t, k.Modules(), i+1)
	}
	for _, m := range images[:len(images)-1] {
		require.ErrorIs(t, task.DeleteModule(m.name, 0), kernel.EWOULDBLOCK, m.name)
	}
	wrong := module{name: "wrong", uses: "link5", want: 4}
	require.ErrorIs(t, task.InitModule(wrong.file(), "", 0), kernel.EPERM, "4 - 5 is -EPERM")
}

func TestRename(t *testing.T) {
	m := image{"hello", []byte("license=GPL\x00name=hello\x00depends=\x00")}
	require.NoError(t, m.rename(35))
	require.Equal(t, image{"h000z", []byte("license=GPL\x00name=h000z\x00depends=\x00")}, m)
	require.NoError(t, m.rename(36))
	require.Equal(t, "h0010", m.name)
	m.name = "other"
	require.ErrorContains(t, m.rename(1), `"other"`)
}
