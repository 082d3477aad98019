package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/kobench/kobench/hw/bounds"
	"github.com/kobench/kobench/hw/serial/device/dialogue/learn"
	"github.com/kobench/kobench/hw/usb/function/described"
	"github.com/kobench/kobench/hw/usb/pcap"
	"github.com/spf13/cobra"
)

func (s streams) learnCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "learn RECORDING", Short: "Write a device's table or description from a recording of it", Args: cobra.ExactArgs(1),
		Long: `learn reads a recording of a serial line, a .script or .pcapng as record: on a board writes it (or umockdev-record), and writes a table that
answers as the device did. What varies is marked: counters, times, checksums, and values that are given in turn. Of a USB capture with one device
it writes the device's description: its descriptors, and its answers to control requests.`,
		Example: "  kobench learn session.script -o learned.yaml && kobench plug learned.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			text, err := learned(filepath.Base(args[0]), f)
			if err != nil {
				return err
			}
			if out != "" {
				return os.WriteFile(out, text, 0o644)
			}
			_, err = s.out.Write(text)
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the file to write; without it, standard output")
	return cmd
}

// learned is the table of a line's recording, or the description of a captured USB device.
func learned(name string, f *os.File) ([]byte, error) {
	script, err := learn.Read(f)
	if err == nil {
		return learn.Table(name, script)
	}
	if !errors.Is(err, learn.ErrOther) {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	events, err := pcap.Read(f)
	if err != nil {
		return nil, err
	}
	return described.Learn(name, events, 0, 0)
}

// ownDevice turns the file of a device of one's own into what plug is asked for: a description of a
// USB device, or a table behind a USB serial port.
func ownDevice(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if e := bounds.YAML(text); e != nil {
		return nil, fmt.Errorf("%s:%w", file, e)
	}
	var keys map[string]any
	if err := yaml.Unmarshal(text, &keys); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if _, usb := keys["vendor"]; usb {
		return map[string]any{"device": "described", "from": path}, nil
	}
	return map[string]any{"device": "ftdi", "line": map[string]any{"table": path}}, nil
}

// isOwn reports whether what shall be plugged in is a file.
func isOwn(device string) bool {
	switch strings.ToLower(filepath.Ext(device)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
