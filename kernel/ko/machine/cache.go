package machine

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/kobench/kobench/kernel/ko/object"
	"github.com/kobench/kobench/kernel/lib"
)

// keepCode is how many unused compiled modules a machine or a Cache holds on
// to, so that what is inserted again need not be compiled again.
const keepCode = 64

// Cache keeps compiled code for all machines that are made with it. Safe for
// concurrent use.
//
// wazero's cache forgets what no runtime holds any more. So a Cache has a
// runtime of its own that holds the modules compiled last.
type Cache struct {
	code wazero.CompilationCache

	mu      sync.Mutex
	keeper  wazero.Runtime                     // +checklocks:mu
	kept    map[[32]byte]wazero.CompiledModule // +checklocks:mu
	layouts map[layout]placed                  // +checklocks:mu
	lib     *object.Object                     // +checklocks:mu
	// oldest first
	order [][32]byte // +checklocks:mu
}

// library is kernel/lib, parsed once.
func (c *Cache) library() (*object.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lib == nil {
		o, err := object.Parse(lib.Object())
		if err != nil {
			return nil, err
		}
		c.lib = o
	}
	return c.lib, nil
}

// layout says what decides where the library's data lies; placed is the result.
type (
	layout struct {
		o             *object.Object
		pl            object.Placement
		stack, memory uint32
	}
	placed struct {
		img  *object.Image
		info *info
	}
)

func (c *Cache) layout(k layout) (placed, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.layouts[k]
	return l, ok
}

func (c *Cache) addLayout(k layout, l placed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.layouts) >= 8 {
		clear(c.layouts)
	}
	c.layouts[k] = l
}

// NewCache makes an empty cache. Close it when no machine uses it any more.
func NewCache() *Cache {
	return &Cache{code: wazero.NewCompilationCache(), kept: map[[32]byte]wazero.CompiledModule{}, layouts: map[layout]placed{}}
}

// Close forgets all code.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx := context.Background()
	for _, k := range c.kept {
		_ = k.Close(ctx)
	}
	clear(c.kept)
	c.order = nil
	clear(c.layouts)
	if c.keeper != nil {
		_ = c.keeper.Close(ctx)
		c.keeper = nil
	}
	return c.code.Close(ctx)
}

// use makes the keeper, with the configuration of the first machine.
func (c *Cache) use(rc wazero.RuntimeConfig) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keeper == nil {
		c.keeper = wazero.NewRuntimeWithConfig(context.Background(), rc.WithMemoryLimitPages(maxMemoryLimit/wasmPage))
	}
}

// keep holds on to a module's code.
func (c *Cache) keep(key [32]byte, wasm []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept[key] != nil || c.keeper == nil {
		return
	}
	ctx := context.Background()
	k, err := c.keeper.CompileModule(ctx, wasm)
	if err != nil {
		return // the machine's own attempt reports it
	}
	c.kept[key] = k
	c.order = append(c.order, key)
	if len(c.order) > keepCode {
		old := c.order[0]
		c.order = append(c.order[:0], c.order[1:]...)
		_ = c.kept[old].Close(ctx)
		delete(c.kept, old)
	}
}

// image is a compiled module of one machine.
type image struct {
	key      [32]byte
	compiled wazero.CompiledModule
	users    int
	last     uint64
}

// compile returns the compiled form of wasm and counts its user.
// The caller holds loadMu, or is alone.
//
// +checklocks:m.loadMu
func (m *Machine) compile(wasm []byte) (*image, error) {
	key := sha256.Sum256(wasm)
	m.codeSeq++
	if c := m.code[key]; c != nil {
		c.users++
		c.last = m.codeSeq
		return c, nil
	}
	if !m.own {
		m.cache.keep(key, wasm)
	}
	cm, err := m.rt.CompileModule(m.ctx, wasm)
	if err != nil {
		return nil, err
	}
	c := &image{key: key, compiled: cm, users: 1, last: m.codeSeq}
	m.code[key] = c
	return c, nil
}

// drop gives back a use of compiled code; the oldest unused code goes.
//
// +checklocks:m.loadMu
func (m *Machine) drop(c *image) {
	c.users--
	unused := 0
	var oldest *image
	for _, x := range m.code {
		if x.users == 0 {
			unused++
			if oldest == nil || x.last < oldest.last {
				oldest = x
			}
		}
	}
	if unused > keepCode {
		_ = oldest.compiled.Close(m.ctx)
		delete(m.code, oldest.key)
	}
}
