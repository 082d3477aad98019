package program

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Protocol is the version that the first event names.
const Protocol = 1

// Bytes are data in a message: a JSON string in which U+0000 to U+00FF are the bytes.
type Bytes []byte

// MarshalJSON implements [json.Marshaler].
func (b Bytes) MarshalJSON() ([]byte, error) {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return json.Marshal(string(r))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (b *Bytes) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return errors.New("data: want a string in which each character is a byte")
	}
	*b = make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return fmt.Errorf("data: character %q is no byte: want U+0000 to U+00FF", r)
		}
		*b = append(*b, byte(r))
	}
	return nil
}

// Event is what the bench tells a device. Name is the first word of the documentation's table; the
// other fields go with it.
type Event struct {
	Name string  `json:"event"`
	Time float64 `json:"time"` // seconds since the program began, of the machine

	Data  Bytes    `json:"data,omitempty"`
	Error string   `json:"error,omitempty"` // of a character: "parity", "framing", "overrun"
	On    []string `json:"on,omitempty"`    // modem lines
	Mode  string   `json:"mode,omitempty"`  // "115200 8N1"
	ID    string   `json:"id,omitempty"`    // timer

	Protocol int    `json:"protocol,omitempty"` // of start
	Port     string `json:"name,omitempty"`
	Speed    string `json:"speed,omitempty"`
	Options  any    `json:"options,omitempty"`

	Setup    *Setup `json:"setup,omitempty"` // of a USB control request
	Endpoint int    `json:"endpoint,omitempty"`
	Length   int    `json:"length,omitempty"` // room that the host has for it
	Value    int    `json:"value,omitempty"`  // configuration; alternate setting
	Iface    int    `json:"interface,omitempty"`
}

// Setup is a control request [USB2] 9.3.
type Setup struct {
	Type    uint8  `json:"type"`
	Request uint8  `json:"request"`
	Value   uint16 `json:"value"`
	Index   uint16 `json:"index"`
	Length  uint16 `json:"length"`
}

// Action is what a device tells the bench.
type Action struct {
	Do string `json:"do"`

	Data     Bytes    `json:"data,omitempty"`
	Error    string   `json:"error,omitempty"`
	On       []string `json:"on,omitempty"`
	Off      []string `json:"off,omitempty"`
	Seconds  float64  `json:"seconds,omitempty"`
	Mode     string   `json:"mode,omitempty"`
	Auto     *bool    `json:"auto,omitempty"`
	ID       string   `json:"id,omitempty"`
	Rules    string   `json:"rules,omitempty"`
	Seed     uint64   `json:"seed,omitempty"`
	Text     string   `json:"text,omitempty"`
	Endpoint int      `json:"endpoint,omitempty"`
}
