// Package record writes down what happens on a serial line, and plays it back.
//
//	r := record.Start(port)          // port is the host's (DTE's) end
//	…
//	r.Stop()
//	r.Trace().WriteScript(f)         // umockdev's .script, for Replay and umockdev-run
//	r.Trace().WritePcapng(f)         // for Wireshark and tshark
//	r.Trace().WriteVCD(f)            // the levels of all wires, for sigrok and GTKWave
//
//	r, err := record.Stream(port, f, record.FormatPcapng, 1<<30, nil)   // written as it happens
//	…
//	err = r.Stop()
//
//	s, err := record.ParseScript(f)
//	rp := record.NewReplay(s)
//	go rp.Run(ctx, dce)              // is the recorded device
//	…
//	err = rp.Close()                // says what was not as recorded, and what was never asked for
//
// References:
//
//	[umockdev] github.com/martinpitt/umockdev docs/script-format.txt
//	[pcapng]   draft-ietf-opsawg-pcapng; link type 250, LINKTYPE_RTAC_SERIAL
//	[VCD]      IEEE 1364-2005 clause 18, value change dump files
package record
