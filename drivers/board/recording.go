package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kobench/kobench/hw/serial/record"
	"github.com/kobench/kobench/hw/usb/pcap"
	"github.com/kobench/kobench/kernel"
)

// maxRecording is how long the file of one recording gets, in bytes.
const maxRecording = 256 << 20

// partFile is a file that is written beside the one it will replace, under that one's name and
// ".part".
type partFile struct {
	*os.File
	name string
}

func createPart(name string) (*partFile, error) {
	if to, err := filepath.EvalSymlinks(name); err == nil {
		name = to
	}
	// such as /dev/null, or a pipe: nothing to be replaced
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &partFile{f, ""}, err
	}
	f, err := os.Create(name + ".part")
	return &partFile{f, name}, err
}

// finish puts the file in its place, or takes it away again.
func (p *partFile) finish(keep bool) error {
	err := p.Close()
	switch {
	case p.name == "":
		return err
	case !keep:
		return errors.Join(err, os.Remove(p.Name()))
	}
	return errors.Join(err, os.Rename(p.Name(), p.name))
}

// recording is one recorded line.
type recording struct {
	file     *partFile
	recorder *record.Recorder
}

// record begins to record a port, or says why not.
func (m *Machine) record(p *Port) {
	f, err := createPart(p.record)
	if err != nil {
		m.problem("%s: record: %v", p.TTY, err)
		return
	}
	tty, file := p.TTY, p.record
	r, err := record.Stream(p.Near, f, record.FormatOf(file), maxRecording, func(err error) {
		m.problem("%s: record %s has ended: %v", tty, file, told(err))
	})
	if err != nil {
		m.problem("%s: record: %v", tty, errors.Join(err, f.finish(false)))
		return
	}
	p.recording = &recording{f, r}
}

// told is an error without the name of the file that is being written, which the sentence around it
// has.
func told(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// save ends a port's recording. Errors: the first there was; of a recording that is incomplete the
// part that there is keeps its name with ".part".
func (m *Machine) save(p *Port) error {
	r := p.recording
	if r == nil {
		return nil
	}
	err := r.recorder.Stop()
	var (
		no   *record.NoPlace
		full *record.Full
	)
	switch {
	case m.discarded.Load():
		return r.file.finish(false)
	case errors.As(err, &no):
		m.Kernel.Log.Printf(kernel.LevelNotice, "%s: %s holds the bytes alone, not %d breaks, modem-line changes and damaged characters", p.TTY, p.record, no.Events)
		err = nil
	case err != nil && !errors.As(err, &full):
		return fmt.Errorf("record %s: %w; %s has what was written until then", p.record, told(err), r.file.Name())
	}
	if err = errors.Join(err, r.file.finish(true)); err != nil {
		return fmt.Errorf("record %s: %w", p.record, err)
	}
	return nil
}

// busRecording is the USB bus's.
type busRecording struct {
	file     *partFile
	recorder *pcap.Recorder
}

// recordBus begins to record the bus, if the board asks for it, or says why not.
func (m *Machine) recordBus() {
	s := &m.usb
	name := m.Board.USB.Record
	if name == "" {
		return
	}
	f, err := createPart(name)
	if err == nil {
		rec, e := pcap.NewRecorder(f)
		if e != nil {
			err = errors.Join(e, f.finish(false))
		} else {
			rec.SetLimit(maxRecording, func(err error) { m.problem("usb: record %s has ended: %v", name, told(err)) })
			s.recording = &busRecording{f, rec}
			s.bus.Tap(rec)
		}
	}
	if err != nil {
		m.problem("usb: record: %v", err)
	}
}

// saveBus ends the bus's recording. Errors: as save.
func (m *Machine) saveBus() error {
	r := m.usb.recording
	if r == nil {
		return nil
	}
	err := r.recorder.Close()
	full := (*pcap.Full)(nil)
	switch {
	case m.discarded.Load():
		return r.file.finish(false)
	case err != nil && !errors.As(err, &full):
		return fmt.Errorf("record %s: %w; %s has what was written until then", m.Board.USB.Record, told(err), r.file.Name())
	}
	if err = errors.Join(err, r.file.finish(true)); err != nil {
		return fmt.Errorf("record %s: %w", m.Board.USB.Record, err)
	}
	return nil
}

// Discard says that the machine has not come up as it should and is about to be closed: what it has
// recorded replaces nothing.
func (m *Machine) Discard() { m.discarded.Store(true) }
