package gps

import (
	"bufio"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

func TestChecksum(t *testing.T) {
	// The example that every NMEA text quotes.
	f, err := Parse("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n")
	require.NoError(t, err)
	require.Equal(t, "4807.038", f[2])
	for _, bad := range []string{"", "GPGGA*00", "$GPGGA", "$GPGGA,*00"} {
		_, err := Parse(bad)
		require.Error(t, err, bad)
	}
}

func TestAngle(t *testing.T) {
	require.Equal(t, "5231.2000,N", angle(52.52, 2, "N", "S"))
	require.Equal(t, "00007.6500,W", angle(-0.1275, 3, "E", "W"))
	require.Equal(t, "0100.0000,N", angle(0.9999999999, 2, "N", "S"), "no 60 minutes")
}

// An hour at 60 knots to the north is a degree; reports come once a second, at line speed, with a
// pulse on DCD.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.Straight(serial.Paced)
		dte.SetMode(serial.Format8N1(4800))
		r := &Receiver{Lat: 10, Lon: 20, Alt: 35, Speed: 60}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, dce) }()
		dte.SetTrigger(32)
		sc := bufio.NewScanner(dte)
		types := map[string]int{}
		start := time.Now()
		var last []string
		for time.Since(start) < 3600*time.Second {
			require.True(t, sc.Scan())
			f, err := Parse(sc.Text())
			require.NoError(t, err)
			types[f[0]]++
			if f[0] == "GPGGA" {
				last = f
			}
		}
		require.InDelta(t, 3600, types["GPRMC"], 1)
		require.InDelta(t, 3600, types["GPGSA"], 1)
		require.Equal(t, []string{"N", "02000.0000", "E"}, last[3:6])
		require.Regexp(t, `^10(59\.98|59\.99|60\.00)`, last[2])
		require.InDelta(t, 7200, dte.Counters().DCDEdge, 3, "two edges a second")
		r.SetFix(false)
		time.Sleep(3 * time.Second)
		cancel()
		go func() {
			for sc.Scan() {
				if f, err := Parse(sc.Text()); err == nil {
					last = f
				}
			}
		}()
		require.NoError(t, <-done)
		time.Sleep(2 * time.Second)
		dte.Close()
		synctest.Wait()
		require.Equal(t, "1", last[2], "GSA: no fix")
	})
}

// A receiver on a machine that is late is late with it: it says nothing in a time that the machine
// has not had.
func TestMachineTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.Straight(serial.Paced)
		dte.SetMode(serial.Format8N1(4800))
		r := &Receiver{Every: 500 * time.Millisecond}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, dce) }()
		clock := dte.Clock()
		time.Sleep(900 * time.Millisecond)
		clock.Hold()
		time.Sleep(2500 * time.Millisecond)
		clock.Release()
		time.Sleep(1100 * time.Millisecond)
		cancel()
		require.NoError(t, <-done)
		time.Sleep(time.Second)
		dte.Close()
		require.Less(t, clock.Now(), 3300*time.Millisecond, "the machine has lost the rest")
		require.EqualValues(t, 2*5, dte.Counters().DCDEdge, "at 0, 0.5, 1.0, 1.5 and 2.0 s")
	})
}
