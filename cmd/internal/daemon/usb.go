package daemon

import (
	"errors"
	"io"
	"net/http"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/kernel"
)

// Plugged is a device on the machine's bus.
type Plugged struct {
	Name       string   `json:"name"` // "1-2"
	Port       string   `json:"port"`
	Device     string   `json:"device"`
	Enumerated bool     `json:"enumerated"` // the kernel knows it
	Nodes      []string `json:"nodes"`      // below /dev
	Faults     any      `json:"faults,omitempty"`
}

// Exported is what the machine's USB/IP server offers.
type Exported struct {
	Address string   `json:"address"`
	Devices []string `json:"devices"`
}

const maxSpec = 64 << 10 // bytes of a device's description

func (s *Server) usbRoutes(m *http.ServeMux) {
	root := func(do func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			t, done := s.taskOf(r)
			defer done()
			if !t.Capable() {
				fail(w, kernel.EPERM)
				return
			}
			v, err := do(w, r)
			if err != nil {
				told(w, err)
				return
			}
			answer(w, v)
		}
	}
	m.HandleFunc("GET /v1/usb", func(w http.ResponseWriter, _ *http.Request) {
		list := []Plugged{}
		for _, p := range s.Sim.Plugged() {
			list = append(list, s.plugged(p))
		}
		answer(w, list)
	})
	m.HandleFunc("POST /v1/usb", root(func(w http.ResponseWriter, r *http.Request) (any, error) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSpec))
		if err != nil {
			return nil, kernel.EFBIG
		}
		spec, err := board.ParseUSB("device", text, s.reach())
		if err != nil {
			return nil, err
		}
		p, err := s.Sim.Plug(spec)
		if err != nil {
			return nil, err
		}
		s.Sim.Settle()
		return s.plugged(p), nil
	}))
	m.HandleFunc("DELETE /v1/usb", root(func(_ http.ResponseWriter, r *http.Request) (any, error) {
		if err := s.Sim.Unplug(query(r, "port")); err != nil {
			return nil, err
		}
		s.Sim.Settle()
		return struct{}{}, nil
	}))
	m.HandleFunc("GET /v1/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"report": s.Sim.FaultReport()})
	})
	m.HandleFunc("POST /v1/usbip", root(func(_ http.ResponseWriter, r *http.Request) (any, error) {
		addr, devices, err := s.Sim.Export(query(r, "listen"), r.URL.Query()["port"])
		return Exported{addr, devices}, err
	}))
	m.HandleFunc("DELETE /v1/usbip", root(func(http.ResponseWriter, *http.Request) (any, error) { return struct{}{}, s.Sim.EndExport() }))
}

// reach is what a request may make the daemon open.
func (s *Server) reach() board.Reach {
	if s.NoHostFiles {
		return board.NoHostFiles
	}
	return board.HostFiles
}

func (s *Server) plugged(p *board.Plugged) Plugged {
	v := Plugged{Name: p.Slot.Name(), Port: p.Slot.Path(), Device: p.USBDevice.String(), Enumerated: s.Sim.Enumerated(p), Nodes: s.Sim.Nodes(p)}
	if p.Broken != nil {
		v.Faults = p.Broken.Report()
	}
	return v
}

// told is fail with the whole text, for errors that say more than their number.
func told(w http.ResponseWriter, err error) {
	var e kernel.Errno
	if errors.As(err, &e) && err.Error() == e.Error() {
		fail(w, err)
		return
	}
	bad(w, err.Error())
}
