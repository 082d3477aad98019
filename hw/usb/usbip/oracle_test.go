package usbip_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/usbip"
)

const guest = "../../../fixtures/oracle/"

// boot runs a script of fixtures/oracle/usb in the real kernel, with the programs built beside it,
// and returns what it printed.
func boot(t *testing.T, script string, env []string, args ...string) string {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "root"), 0o755))
	for _, name := range []string{"testusb", "lines"} {
		out, err := exec.Command("gcc", "-O2", "-static", "-o", filepath.Join(dir, "root", name), guest+"usb/"+name+".c").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	file := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o644))
	cmd := exec.Command(guest+"run", append([]string{"-t", "180", "-n", "-o", dir}, append(args, "-f", file)...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the guest: %v", err)
	}
	return string(out)
}

func script(t *testing.T, name, port string) string {
	b, err := os.ReadFile(guest + "usb/" + name)
	require.NoError(t, err)
	return strings.ReplaceAll(string(b), "PORT", port)
}

// TestOracleAttach: the real vhci_hcd and the real drivers take our devices for real ones.
func TestOracleAttach(t *testing.T) {
	oracle.Need(t)
	r := serve(t)
	for _, p := range r.far {
		p.SetAuto(true)
		require.NoError(t, p.SetSignals(serial.DTEOutputs, serial.DTEOutputs))
		t.Cleanup(mirror(p, func() { require.NoError(t, r.bus.Unplug("2")) }))
	}
	_, port, _ := net.SplitHostPort(r.addr)
	out := boot(t, script(t, "attach.sh", port), nil)
	for _, want := range []string{
		"/dev/ttyUSB0\n", "/dev/ttyACM0\n", "/dev/usbtmc0\n", "Boot Keyboard",
		"echo: through /dev/ttyUSB0 at 115200", "echo: through /dev/ttyUSB0 at 9600", "echo: through /dev/ttyACM0 at 115200", "big: 20000",
		"KOBENCH,PSU1,0,1.0", "5.0000", "FTDI USB Serial Device converter now attached to ttyUSB0", "Detected FT232R",
		"ttyACM0: USB ACM device", "# end", "lines /dev/ttyUSB0: ok", "lines /dev/ttyACM0: ok",
		"/dev/ttyUSB0 is gone", "/dev/ttyACM0 is gone", "reader of /dev/ttyUSB0 ends", "reader of /dev/ttyACM0 ends",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, bad := range []string{"vhci_hcd: cannot find", "Oops", "BUG", "no module"} {
		if strings.Contains(out, bad) {
			t.Errorf("%q is there", bad)
		}
	}
	cases := 0
	for line := range strings.SplitSeq(out, "\n") {
		if strings.HasPrefix(line, "case ") {
			require.True(t, strings.HasSuffix(line, ": ok"), line)
			cases++
		}
	}
	require.Equal(t, 31, cases)
}

// mirror sends back what comes to a line's end: characters, breaks, and RTS and DTR, which the
// other end sees as CTS and DSR. The word UNPLUG is for unplug.
func mirror(p *serial.Port, unplug func()) (stop func()) {
	ctx, cancel := context.WithCancel(bg)
	var all sync.WaitGroup
	all.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, flags, err := p.Receive(buf)
			switch {
			case err != nil:
				return
			case flags&serial.Break != 0:
				p.SetBreak(true)
				time.Sleep(20 * time.Millisecond)
				p.SetBreak(false)
			case strings.HasPrefix(string(buf[:n]), "UNPLUG"):
				unplug()
			default:
				p.Write(buf[:n])
			}
		}
	})
	all.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(2 * time.Millisecond)
			in, err := p.Signals()
			if err != nil {
				return
			}
			var out serial.Signals
			if in&serial.CTS != 0 {
				out |= serial.RTS
			}
			if in&serial.DSR != 0 {
				out |= serial.DTR
			}
			p.SetSignals(serial.DTEOutputs, out)
		}
	})
	return func() {
		cancel()
		p.Close()
		all.Wait()
	}
}

// TestOracleImport: our client drives a real gadget that a real usbipd exports.
func TestOracleImport(t *testing.T) {
	oracle.Need(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port for the guest's
	require.NoError(t, err)
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	share := t.TempDir()
	done := make(chan string, 1)
	go func() {
		done <- boot(t, script(t, "serve.sh", port), []string{"HOSTFWD=tcp:127.0.0.1:" + port + "-:3240"}, "-S", share)
	}()
	stop := sync.OnceFunc(func() {
		os.WriteFile(filepath.Join(share, "stop"), nil, 0o644)
		t.Log(strings.Count(<-done, "\n"), "lines from the guest")
	})
	defer stop()
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(share, "up")); return err == nil }, 60*time.Second, 50*time.Millisecond)

	infos, err := usbip.List(bg, addr)
	require.NoError(t, err)
	require.Len(t, infos, 1)
	require.EqualValues(t, 0xa4a7, infos[0].Device.Product)
	_, err = usbip.Import(bg, addr, "7-7")
	require.ErrorIs(t, err, usb.ENODEV)
	d, err := usbip.Import(bg, addr, infos[0].BusID)
	require.NoError(t, err)
	require.Equal(t, usb.HighSpeed, d.Speed())
	desc, err := usb.ReadDescriptors(bg, d)
	require.NoError(t, err)
	require.NoError(t, desc.Validate(usb.HighSpeed))
	require.Contains(t, desc.String(desc.Device.ProductS), "Gadget Serial")
	configure(t, d, uint16(desc.Configs[0].Value))
	_, err = usb.Request(bg, d, 0x21, 0x22, 3, 0, nil) // DTR and RTS
	require.NoError(t, err)
	_, err = usb.Request(bg, d, usb.DirIn|usb.TypeVendor, 99, 0, 0, make([]byte, 4))
	require.ErrorIs(t, err, usb.EPIPE)
	out, in := usb.NewPipe(d, 0x02, usb.Bulk), usb.NewPipe(d, 0x81, usb.Bulk)
	ctx, cancel := context.WithTimeout(bg, 20*time.Second)
	defer cancel()
	for _, want := range []string{"hello", strings.Repeat("0123456789", 1000)} {
		_, err = out.Transfer(ctx, []byte(want))
		require.NoError(t, err)
		got := ""
		for len(got) < len(want) {
			b := make([]byte, 4096)
			n, err := in.Transfer(ctx, b)
			require.NoError(t, err)
			got += string(b[:n])
		}
		require.Equal(t, want, got)
	}
	short, cancel2 := context.WithTimeout(bg, 50*time.Millisecond)
	defer cancel2()
	_, err = in.Transfer(short, make([]byte, 512)) // an unlink that the kernel answers
	require.ErrorIs(t, err, usb.ETIMEDOUT)
	_, err = out.Transfer(ctx, []byte("again"))
	require.NoError(t, err)
	b := make([]byte, 512)
	n, err := in.Transfer(ctx, b)
	require.NoError(t, err)
	require.Equal(t, "again", string(b[:n]))
	d.Unplug()
	<-d.Gone()
	require.NoError(t, d.Err())
	stop()
}
