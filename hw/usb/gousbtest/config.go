package gousbtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/kobench/kobench/hw/usb"
)

// Config is a device in one of its configurations. It must be closed.
type Config struct {
	Desc ConfigDesc

	dev *Device // nil after Close

	mu      sync.Mutex
	claimed map[int]bool
}

func (c *Config) String() string { return fmt.Sprintf("%s,config=%d", c.dev, c.Desc.Number) }

// Close gives the configuration back; the device stays in it.
//
// Errors: interfaces are still open.
func (c *Config) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dev == nil {
		return nil
	}
	if len(c.claimed) > 0 {
		return fmt.Errorf("failed to release %s, interfaces %v are still open", c, slices.Sorted(maps.Keys(c.claimed)))
	}
	c.dev.mu.Lock()
	defer c.dev.mu.Unlock()
	c.dev.claimed = nil
	c.dev = nil
	return nil
}

// Interface claims an interface and chooses its alternate setting. It must be closed.
//
// Errors: no such interface or setting; it is claimed already, here or by somebody else (the text
// of ErrorBusy); the text of another [Error].
func (c *Config) Interface(num, alt int) (*Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dev == nil {
		return nil, fmt.Errorf("Interface(%d, %d) called on config %d after Close", num, alt, c.Desc.Number)
	}
	setting, err := c.Desc.setting(num, alt)
	if err != nil {
		return nil, fmt.Errorf("descriptor of interface (%d, %d) in %s: %v", num, alt, c, err)
	}
	if c.claimed[num] {
		return nil, fmt.Errorf("interface %d on %s is already claimed", num, c)
	}
	n := c.dev.node
	if err := n.claim(c.dev, num); err != nil {
		return nil, fmt.Errorf("failed to claim interface %d on %s: %v", num, c, err)
	}
	if len(c.Desc.iface(num).AltSettings) > 1 {
		_, err := usb.Request(context.Background(), n.slot, usb.ToInterface, usb.SetInterface, uint16(alt), uint16(num), nil)
		if err := otherwise(err); err != nil {
			n.release(c.dev, num)
			return nil, fmt.Errorf("failed to set alternate config %d on interface %d of %s: %v", alt, num, c, err)
		}
	}
	c.claimed[num] = true
	return &Interface{Setting: *setting, config: c, dev: c.dev, done: make(chan struct{})}, nil
}

// Interface is a claimed interface in one of its settings. It must be closed.
type Interface struct {
	Setting InterfaceSetting

	config *Config
	dev    *Device
	done   chan struct{} // closed by Close
	once   sync.Once
}

func (i *Interface) String() string {
	config := "<nil>" // as gousb says after Close
	if !i.closed() {
		config = fmt.Sprintf("%s,config=%d", i.dev, i.config.Desc.Number)
	}
	return fmt.Sprintf("%s,if=%d,alt=%d", config, i.Setting.Number, i.Setting.Alternate)
}

// Close gives the interface back.
func (i *Interface) Close() {
	i.once.Do(func() {
		close(i.done)
		i.dev.node.release(i.dev, i.Setting.Number)
		i.config.mu.Lock()
		delete(i.config.claimed, i.Setting.Number)
		i.config.mu.Unlock()
	})
}

func (i *Interface) closed() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

func (i *Interface) endpoint(method string, number int, addr EndpointAddress) (*endpoint, error) {
	if i.closed() {
		return nil, fmt.Errorf("%s(%d) called on %s after Close", method, number, i)
	}
	desc, ok := i.Setting.Endpoints[addr]
	if !ok {
		return nil, fmt.Errorf("%s does not have endpoint with address %s. Available endpoints: %v", i, addr, i.Setting.endpointNames())
	}
	return &endpoint{InterfaceSetting: i.Setting, Desc: desc, iface: i}, nil
}

// InEndpoint is the IN endpoint with this number, 1 to 15.
//
// Errors: the setting has no such endpoint; the interface is closed.
func (i *Interface) InEndpoint(epNum int) (*InEndpoint, error) {
	e, err := i.endpoint("InEndpoint", epNum, EndpointAddress(0x80|epNum))
	if err != nil {
		return nil, err
	}
	return &InEndpoint{e}, nil
}

// OutEndpoint is the OUT endpoint with this number, 1 to 15.
//
// Errors: the setting has no such endpoint; the interface is closed.
func (i *Interface) OutEndpoint(epNum int) (*OutEndpoint, error) {
	e, err := i.endpoint("OutEndpoint", epNum, EndpointAddress(epNum))
	if err != nil {
		return nil, err
	}
	return &OutEndpoint{e}, nil
}
