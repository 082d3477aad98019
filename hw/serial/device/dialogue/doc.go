// Package dialogue is a device that is a table: when this arrives, answer that.
//
//	mode: 9600 8N1                   # its own rate and format; without it, its terminal's
//	frame: {end: "\r", out: "\r\n"}  # a message ends so; the device's with out, if that is not
//	                                 # the same
//	vars: {weight: 12.5, tare: 0}
//	rules:
//	  - {when: W, say: "{weight - tare:+08.3f} kg"}
//	  - {when: {regex: "T=([0-9.]+)"}, if: num(m1) < 100, set: {tare: m1}, say: OK}
//	  - {when: Z, delay: 200ms, set: {tare: weight}, say: OK}
//	else: ERROR
//	timers:
//	  - {every: 1s, set: {weight: weight + rand(-0.01, 0.01)}}
//
// A file of pyvisa-sim is taken as it is: it begins with spec. See [Parse].
//
// # Frames
//
//	frame: {end: TEXT}        up to these characters
//	frame: {length: 8}        of so many bytes; with gap, one that is not finished by then is
//	                          forgotten
//	frame: {gap: 20ms}        what comes without a pause
//	(none)                    no frames: whatever of a rule's text or bytes comes; what fits no
//	                          rule is left out
//	check: modbus             frames end in a CRC-16, low byte first; xor and sum: one byte; nmea:
//	                          $…*hh. A wrong one is not heard.
//
// # Rules
//
// The first that fits does what it says, and no other:
//
//	when       W, or {text: W}; {hex: "01 03 {addr:u16} ?? {rest:*}"}; {regex: "T(?P<tare>.*)"},
//	           of a whole frame; {any: true};
//	           {on: DTR} and {off: DTR}: the terminal's modem lines; {break: true}
//	in         the state, or a list of states, in which the rule holds
//	if         an expression
//	set        variables and what they become, in order
//	say        a text with {expression:format}; {hex: "01 04 {n:u8} {list:u16}"}; a list of them;
//	           {text: "> ", bare: true} without end and check
//	delay      before it says so; a device that waits hears nothing meanwhile
//	go         the next state
//	lines      {DCD: on, RI: off}
//	break      how long the wire is held at 0, before it says something
//	mode       a new rate and format, after it has said something
//
// Timers have every, or after (the state in which they hold was entered; of all states: the device
// began), and the same actions. Expressions are Go's, over numbers, texts and lists, with frame
// (what has come), m1, m2 … (groups), and the functions floor, ceil, round, abs, int, sqrt, sin,
// cos, min, max, num, text, hex(n, digits), unhex, upper, lower, trim, len, list(…), put(list, i,
// v), choose(cond, a, b), time() in seconds, clock(layout) in UTC, rand(low, high), from the
// table's seed.
//
// References:
//
//	[pyvisa-sim] pyvisa-sim.readthedocs.io, definitions; pyvisa_sim/devices.py, component.py,
//	             channels.py
package dialogue
