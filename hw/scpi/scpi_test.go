package scpi

import (
	"bufio"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

func TestExecute(t *testing.T) {
	s := &Supply{}
	s.reset()
	for _, c := range [][2]string{
		{"*IDN?", "KOBENCH,PSU1,0,1.0"},
		{"SYST:ERR?", `0,"No error"`},
		{"VOLT 5", ""},
		{"volt?", "5.0000"},
		{"SOURCE:VOLTAGE?", "5.0000"},
		{"SOUR:VOLT?;CURR?", "5.0000;3.0000"},
		{"MEAS:VOLT?", "0.0000"},
		{"OUTP ON;:MEAS:VOLT?;CURR?", "5.0000;0.5000"},
		{"OUTPUT:STATE?", "1"},
		{"CURR 100 mA;:MEAS:VOLT?;*IDN?;CURR?", "1.0000;KOBENCH,PSU1,0,1.0;0.1000"},
		{"VOLT MAX;VOLT? MIN;VOLT?\r", "0.0000;30.0000"},
		{"*OPC?;*TST?;:SYST:VERS?", "1;0;1999.0"},
		{"*CLS;*ESE 32;*SRE 32;*STB?", "0"},
		{"FOO", ""},
		{"*STB?;*ESE?", "100;32"},
		{"*ESR?;*ESR?", "32;0"},
		{"SYST:ERR?;ERR?", `-113,"Undefined header";0,"No error"`},
		{"VOLT", ""}, {"SYST:ERR?", `-109,"Missing parameter"`},
		{"VOLT five", ""}, {"SYST:ERR?", `-104,"Data type error"`},
		{"VOLT 31", ""}, {"SYST:ERR?", `-222,"Data out of range"`},
		{"VOLT NaN", ""}, {"SYST:ERR?", `-104,"Data type error"`},
		{"VOLTA 1", ""}, {"SYST:ERR?", `-113,"Undefined header"`},
		{"MEAS:VOLT 5", ""}, {"SYST:ERR?", `-113,"Undefined header"`},
		{"OUTP MAYBE", ""}, {"*ESR?", "48"},
		{"*RST;VOLT?;OUTP?", "0.0000;0"},
		{strings.Repeat("X;", 12) + "*OPC", ""},
		{"*CLS;SYST:ERR?", `0,"No error"`},
		{";; ;", ""},
	} {
		require.Equal(t, c[1], s.Execute(c[0]), c[0])
	}
	s.Execute(strings.Repeat("X;", 12))
	for range 9 {
		s.Execute("SYST:ERR?")
	}
	require.Equal(t, `-350,"Queue overflow"`, s.Execute("SYST:ERR?"))
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.NullModem(serial.Paced)
		s := &Supply{ID: "A,B,C,D", Load: 5}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx, dce) }()
		dte.SetReadDeadline(time.Now().Add(time.Minute))
		r := bufio.NewScanner(dte)
		ask := func(cmd string) string {
			dte.Write([]byte(cmd + "\r\n"))
			require.True(t, r.Scan(), r.Err())
			return r.Text()
		}
		require.Equal(t, "A,B,C,D", ask("*IDN?"))
		require.Equal(t, "128", ask("*ESR?"), "power on")
		require.Equal(t, "10.0000", ask("VOLT 10;:OUTP 1;:MEAS:VOLT?"))
		v, a := s.Output()
		require.Equal(t, []float64{10, 2}, []float64{v, a})
		require.Equal(t, `-363,"Input buffer overrun"`, ask(strings.Repeat("x", 2000)+"\nSYST:ERR?"))
		cancel()
		require.NoError(t, <-done)
	})
}

func FuzzExecute(f *testing.F) {
	f.Add("VOLT 5;:OUTP ON;:MEAS:VOLT?")
	f.Add(":;*;?;*?; :?")
	f.Fuzz(func(t *testing.T, line string) {
		s := &Supply{}
		s.reset()
		s.Execute(line)
		require.LessOrEqual(t, len(s.errs), 10)
		v, a := s.Output()
		require.True(t, v >= 0 && v <= 30 && a >= 0 && a <= 3, "%v V, %v A", v, a)
	})
}
