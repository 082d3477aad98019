package usbtmc_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kobench/kobench/drivers/usb/usbtmc"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// script is an instrument that answers as the last message tells it to.
func script() *liar {
	l := newLiar()
	mode := ""
	l.out = func(b []byte) ([]byte, error) {
		if b[0] == 1 {
			mode = string(b[12 : 12+binary.LittleEndian.Uint32(b[4:])])
		}
		if b[0] != 2 {
			return nil, nil
		}
		switch tag := b[1]; mode {
		case "good":
			return append(header(2, tag, 4), "good"...), nil
		case "short":
			return header(2, tag, 1)[:11], nil
		case "id":
			return append(header(1, tag, 1), 'x'), nil
		case "tag":
			return append(header(2, tag+1, 1), 'x'), nil
		case "much":
			return append(header(2, tag, 100_000), 'x'), nil
		case "less":
			return append(header(2, tag, 100), "abc"...), nil
		case "exact": // and no short packet behind it
			l.unended = true
			return append(header(2, tag, 4084), make([]byte, 4084)...), nil
		}
		return nil, nil
	}
	return l
}

// What a program sees, call by call: the right column is what Debian's kernel 6.1 gave it over
// vhci_hcd for this very instrument.
func TestAsLinux(t *testing.T) {
	r := start(t)
	r.plug(script(), hw.HighSpeed)
	i := r.open()
	var said []string
	errno := func(err error) string {
		var e kernel.Errno
		if errors.As(err, &e) {
			return " " + e.Name()
		}
		return ""
	}
	query := func(mode string) func() string {
		return func() string {
			i.write(mode)
			n, err := i.task.Read(i.fd, make([]byte, 10_000))
			return fmt.Sprintf("%d%s", n, errno(err))
		}
	}
	ioctl := func(cmd uint32, b ...byte) func() string {
		return func() string {
			n, b, err := i.ioctl(cmd, b...)
			if err == nil && len(b) < 5 && cmd>>30 == 2 {
				return fmt.Sprintf("%d %x", n, b)
			}
			return fmt.Sprintf("%d%s", n, errno(err))
		}
	}
	for _, c := range []struct {
		name string
		call func() string
		want string
	}{
		{"time-out 99", ioctl(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(99)...), "0 EINVAL"},
		{"time-out 300", ioctl(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(300)...), "0"},
		{"good", query("good"), "4"},
		{"short header", query("short"), "0"},
		{"wrong MsgID", query("id"), "0"},
		{"wrong tag", query("tag"), "0"},
		{"too much", query("much"), "0"},
		{"less than said", query("less"), "3"},
		{"good after all that", query("good"), "4"},
		{"a full transfer without an end", query("exact"), "0 ETIMEDOUT"},
		{"good after that", query("good"), "4"},
		{"no answer", query("none"), "0 ETIMEDOUT"},
		{"abort in", ioctl(usbtmc.USBTMC_IOCTL_ABORT_BULK_IN), "0 ENOMSG"},
		{"abort out", ioctl(usbtmc.USBTMC_IOCTL_ABORT_BULK_OUT), "0 EPERM"},
		{"clear", ioctl(usbtmc.USBTMC_IOCTL_CLEAR), "0"},
		{"good after a clear", query("good"), "4"},
		{"number 5", ioctl(0x5b05), "0 EBADRQC"},
		{"TCGETS", ioctl(0x5401, make([]byte, 60)...), "0 EBADRQC"},
		{"capabilities", ioctl(usbtmc.USBTMC488_IOCTL_GET_CAPS, 0), "0 e6"},
		{"no service request", ioctl(usbtmc.USBTMC_IOCTL_GET_SRQ_STB, 0), "0 ENOMSG"},
		{"wait for one", ioctl(usbtmc.USBTMC488_IOCTL_WAIT_SRQ, le32(10)...), "0 ETIMEDOUT"},
		{"API", ioctl(usbtmc.USBTMC_IOCTL_API_VERSION, le32(0)...), "0 03000000"},
		{"trigger", ioctl(usbtmc.USBTMC488_IOCTL_TRIGGER), "0"},
		{"EOM 2", ioctl(usbtmc.USBTMC_IOCTL_EOM_ENABLE, 2), "0 EINVAL"},
		{"asynchronous read", ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, 1)...), "0 EAGAIN"},
		{"write result", ioctl(usbtmc.USBTMC_IOCTL_WRITE_RESULT, le32(0)...), "0"},
		{"cancel", ioctl(usbtmc.USBTMC_IOCTL_CANCEL_IO), "0"},
		{"write result after it", ioctl(usbtmc.USBTMC_IOCTL_WRITE_RESULT, le32(0)...), "0 ECANCELED"},
		{"read after it", ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, 0, make([]byte, 100)...)...), "0 ECANCELED"},
		{"read after that", ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, 0, make([]byte, 100)...)...), "0 ETIMEDOUT"},
		{"poll", func() string { return fmt.Sprintf("%x", i.poll(0)) }, "c"},
		{"remote", ioctl(usbtmc.USBTMC488_IOCTL_REN_CONTROL, 1), "0"},
	} {
		require.Equal(t, c.want, c.call(), c.name)
	}
	for line := range strings.SplitSeq(r.k.Log.Text(), "\n") {
		if _, line, ok := strings.Cut(line, "usbtmc 1-1:1.0: "); ok {
			said = append(said, line)
		}
	}
	const killed = "usbtmc_read_bulk_cb - nonzero read bulk status received: -2"
	require.Equal(t, []string{
		"Device sent too small first packet: 11 < 12", "Device sent reply with wrong MsgID: 1 != 2", "Device sent reply with wrong bTag: 9 != 8",
		"Device wants to return more data than requested: 100000 > 10000", killed, "INITIATE_ABORT_BULK_OUT returned 81", killed, killed,
	}, said)
}
