package dialogue

import (
	"testing"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

const instruments = `
spec: "1.1"
devices:
  generator:
    eom:
      USB INSTR: {q: "\n", r: "\n"}
      ASRL INSTR: {q: "\\r\\n", r: "\n"}
    error: ERROR
    dialogues:
      - {q: "?IDN", r: "LSG Serial #1234"}
      - {q: "!CAL", r: OK}
      - {q: "!QUIET"}
    properties:
      frequency:
        default: 100.0
        getter: {q: "?FREQ", r: "{:.2f}"}
        setter: {q: "!FREQ {:.2f}", r: OK, e: FREQ_ERROR}
        specs: {min: 1, max: 100000, type: float}
      wave:
        default: 0
        getter: {q: "?WVF", r: "{:d}"}
        setter: {q: "!WVF {:d}", r: OK}
        specs: {valid: [0, 1], type: int}
      rail:
        default: P6V
        getter: {q: "INST?", r: "{:s}"}
        setter: {q: "INST {:s}"}
        specs: {valid: [P6V, N25V], type: str}
  meter:
    eom: {GPIB INSTR: {q: "\n", r: "\n"}}
    dialogues: [{q: "*IDN?", r: "SCPI,MOCK"}]
    error:
      response: {command_error: BAD}
      status_register: [{q: "*ESR?", command_error: 32, query_error: 4}]
      error_queue: [{q: "ERR?", default: "0, No Error", command_error: "1, Command error"}]
    properties:
      selected_channel: {default: 1, getter: {q: "I?", r: "{}"}, setter: {q: "I {}"}}
      voltage:
        default: 1.0
        getter: {q: ":VOLT?", r: "{:+.8E}"}
        setter: {q: ":VOLT {:.3f}"}
        specs: {min: 1, max: 6, type: float}
    channels:
      A:
        ids: [1, 2]
        can_select: False
        dialogues: [{q: WHO, r: A}]
        properties:
          on: {default: 0, getter: {q: "ON?", r: "{:d}"}, setter: {q: "ON {:d}", r: OK}, specs: {type: int, valid: [0, 1]}}
      B:
        ids: [x, y]
        can_select: True
        dialogues: [{q: "N {ch_id}", r: named}]
        properties:
          level: {default: 5, getter: {q: "L {ch_id}?", r: "{:d}"}, setter: {q: "L {ch_id} {:d}", r: OK}, specs: {type: int, min: 0}}
resources:
  ASRL1::INSTR: {device: generator}
  GPIB::9::INSTR: {device: meter, channel_ids: {B: [y, z]}}
`

// What pyvisa-sim's own fixtures cover: dialogues, properties with their limits, errors, registers,
// queues, channels of both kinds.
func TestVisa(t *testing.T) {
	for _, c := range []struct {
		device, end, reply string
		talk               [][2]string // asked, and answered; "-" is nothing
	}{
		{"ASRL1::INSTR", "\r\n", "\n", [][2]string{
			{"?IDN", "LSG Serial #1234"}, {"!QUIET", "-"}, {"?FREQ", "100.00"}, {"!FREQ 12.345", "OK"}, {"?FREQ", "12.35"}, {"!FREQ 0", "FREQ_ERROR"},
			{"!FREQ x", "ERROR"}, {"?FREQ", "12.35"}, {"!WVF 1", "OK"}, {"!WVF 2", "ERROR"}, {"?WVF", "1"}, {"INST N25V", "-"}, {"INST?", "N25V"},
			{"INST P7V", "ERROR"}, {"nothing", "ERROR"}, {"?WVF;!CAL", "1\nOK"},
		}},
		{"GPIB::9::INSTR", "\n", "\n", [][2]string{
			{"*IDN?", "SCPI,MOCK"}, {"ERR?", "0, No Error"}, {":VOLT 9", "BAD"}, {"*ESR?", "32"}, {"*ESR?", "0"}, {"ERR?", "1, Command error"}, {"ERR?", "0, No Error"},
			{":VOLT 2.5", "-"}, {":VOLT?", "+2.50000000E+00"},
			{"WHO", "A"}, {"ON?", "0"}, {"ON 1", "OK"}, {"ON?", "1"}, {"I 2", "-"}, {"ON?", "0"}, {"I 3", "-"}, {"ON?", "BAD"},
			{"N y", "named"}, {"N x", "BAD"}, {"L z?", "5"}, {"L z 7", "OK"}, {"L z?", "7"}, {"L y?", "5"}, {"L y -1", "BAD"},
		}},
	} {
		tab, err := Parse("t.yaml", c.device, []byte(instruments))
		require.NoError(t, err)
		d := tab.New()
		for _, x := range c.talk {
			steps := d.hear([]byte(x[0]+c.end), false)
			require.Len(t, steps, 1, x[0])
			got := string(steps[0].say)
			if x[1] == "-" {
				require.Empty(t, got, x[0])
			} else {
				require.Equal(t, x[1]+c.reply, got, x[0])
			}
		}
	}
}

func TestVisaAtLine(t *testing.T) {
	const text = "spec: \"1.0\"\ndevices: {x: {eom: {ASRL INSTR: {q: \"\\r\", r: \"\\r\\n\"}}, dialogues: [{q: a, r: b}]}}\n"
	session(t, serial.Max, text, func(t *testing.T, p *serial.Port) {
		send(t, p, "a\ra\r")
		expect(t, p, "b\r\nb\r\n")
	})
}
