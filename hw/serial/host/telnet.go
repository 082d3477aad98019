package host

// Telnet's bytes [RFC854].
const (
	tnSE   = 240
	tnNOP  = 241
	tnBRK  = 243
	tnAYT  = 246
	tnSB   = 250
	tnWILL = 251
	tnWONT = 252
	tnDO   = 253
	tnDONT = 254
	tnIAC  = 255

	optBinary  = 0 // [RFC856]
	optEcho    = 1
	optSGA     = 3
	optComPort = 44 // [RFC2217]

	maxSub = 1024 // a longer sub-negotiation is cut; the longest real one is a signature
)

// telnetHandler hears what the parser finds.
type telnetHandler interface {
	data(p []byte)            // valid during the call
	option(verb, opt byte)    // WILL, WONT, DO, DONT
	sub(opt byte, arg []byte) // valid during the call
	command(c byte)           // NOP, BRK, AYT …
}

// telnet takes a byte stream apart. It accepts any bytes, keeps at most maxSub of them, and never
// fails: what makes no sense is skipped.
type telnet struct {
	state  tnState
	verb   byte
	opt    byte
	arg    []byte
	binary bool // the other side sends 8-bit data: CR needs no NUL
	cr     bool
}

type tnState uint8

const (
	tnData tnState = iota
	tnCmd
	tnOpt
	tnSubOpt
	tnSub
	tnSubIAC
)

func (t *telnet) parse(in []byte, h telnetHandler) {
	start := 0 // of plain data in in
	flush := func(end int) {
		if end > start {
			h.data(in[start:end])
		}
	}
	for i, c := range in {
		switch t.state {
		case tnData:
			cr := t.cr
			t.cr = c == '\r' && !t.binary
			switch {
			case c == tnIAC:
				flush(i)
				t.state = tnCmd
			case c == 0 && cr: // NVT: CR NUL is CR
				flush(i)
				start = i + 1
			}
		case tnCmd:
			start = i + 1
			switch c {
			case tnIAC:
				start = i // the byte itself is data
				t.state = tnData
			case tnWILL, tnWONT, tnDO, tnDONT:
				t.verb, t.state = c, tnOpt
			case tnSB:
				t.state = tnSubOpt
			default:
				t.state = tnData
				h.command(c)
			}
		case tnOpt:
			start = i + 1
			t.state = tnData
			h.option(t.verb, c)
		case tnSubOpt:
			t.opt, t.arg, t.state = c, t.arg[:0], tnSub
		case tnSub:
			if c == tnIAC {
				t.state = tnSubIAC
			} else {
				t.keep(c)
			}
		case tnSubIAC:
			switch c {
			case tnIAC:
				t.keep(c)
				t.state = tnSub
			default: // SE; anything else ends a broken one too
				start = i + 1
				t.state = tnData
				h.sub(t.opt, t.arg)
			}
		}
	}
	if t.state == tnData {
		flush(len(in))
	}
}

func (t *telnet) keep(c byte) {
	if len(t.arg) < maxSub {
		t.arg = append(t.arg, c)
	}
}

// escape appends p with each 255 doubled.
func escape(dst, p []byte) []byte {
	for _, c := range p {
		if c == tnIAC {
			dst = append(dst, tnIAC)
		}
		dst = append(dst, c)
	}
	return dst
}

// subnegotiation is IAC SB COM-PORT cmd arg IAC SE.
func subnegotiation(cmd byte, arg []byte) []byte {
	b := append(make([]byte, 0, 8+2*len(arg)), tnIAC, tnSB, optComPort, cmd)
	return append(escape(b, arg), tnIAC, tnSE)
}

// options is what has been agreed on, so that each offer is answered once and nothing is answered
// for ever.
type options struct {
	us, them [256]bool // on
	askUs    [256]bool // we said WILL and wait
	askThem  [256]bool // we said DO and wait
	may      func(opt byte) bool
}

// answer is what to send for verb opt, or nothing.
func (o *options) answer(verb, opt byte) []byte {
	reply := func(v byte) []byte { return []byte{tnIAC, v, opt} }
	switch verb {
	case tnDO, tnDONT:
		asked := o.askUs[opt]
		o.askUs[opt] = false
		on := verb == tnDO && o.may(opt)
		if on == o.us[opt] && (on || asked || verb == tnDONT) {
			return nil
		}
		o.us[opt] = on
		switch {
		case asked && on:
			return nil
		case on:
			return reply(tnWILL)
		default:
			return reply(tnWONT)
		}
	case tnWILL, tnWONT:
		asked := o.askThem[opt]
		o.askThem[opt] = false
		on := verb == tnWILL && o.may(opt)
		if on == o.them[opt] && (on || asked || verb == tnWONT) {
			return nil
		}
		o.them[opt] = on
		switch {
		case asked && on:
			return nil
		case on:
			return reply(tnDO)
		default:
			return reply(tnDONT)
		}
	}
	return nil
}

// offer asks for an option on our side (WILL) or theirs (DO).
func (o *options) offer(verb, opt byte) []byte {
	if verb == tnWILL {
		o.askUs[opt] = true
	} else {
		o.askThem[opt] = true
	}
	return []byte{tnIAC, verb, opt}
}

func common(opt byte) bool { return opt == optBinary || opt == optSGA || opt == optComPort }
