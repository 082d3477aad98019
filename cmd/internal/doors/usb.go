package doors

import (
	"context"
	"path"
	"path/filepath"
	"slices"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/kernel"
)

// watch opens doors for the terminals of USB devices, those that are there and those that come, and
// shuts them when they go.
func (d *Doors) watch() {
	d.unwatch = d.m.Kernel.OnUevent(func(u kernel.Uevent) {
		if u.Subsystem != "tty" {
			return
		}
		name := path.Base(u.Devpath)
		switch u.Action {
		case "add":
			d.events.Put(func() { d.add(name) })
		case "remove":
			d.events.Put(func() { d.remove(name) })
		}
	})
	for _, p := range d.m.Plugged() {
		for _, name := range d.m.Nodes(p) {
			d.events.Put(func() {
				if door, ok := d.add(name); ok {
					d.List = append(d.List, door)
				}
			})
		}
	}
	d.events.Settle()
}

// add opens a terminal's door, unless it has one or is none of a USB device.
func (d *Doors) add(name string) (Door, bool) {
	var line board.Line
	var device board.Device
	found := false
	for _, p := range d.m.Plugged() {
		if p.Line != nil || p.From != "" {
			if slices.Contains(d.m.Nodes(p), name) {
				line, device, found = p.Line, p.Device, true
			}
		}
	}
	if d.plugged[name] != nil || !found {
		return Door{}, false
	}
	door := Door{TTY: name, Path: filepath.Join(d.dir, name)}
	pty, err := d.watching.OpenPTY(door.Path)
	if err != nil {
		d.m.Kernel.Log.Printf(kernel.LevelWarning, "%s: no door: %v", name, err)
		return Door{}, false
	}
	ctx, stop := context.WithCancel(d.ctx)
	d.plugged[name] = stop
	d.wg.Go(func() { d.servePTY(ctx, door, pty, line, device) })
	<-pty.Serving()
	return door, true
}

// remove shuts the door of a terminal that has gone.
func (d *Doors) remove(name string) {
	if stop := d.plugged[name]; stop != nil {
		stop()
		delete(d.plugged, name)
	}
}
