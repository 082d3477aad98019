//go:build unix

package private

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nobody is the second user of these tests, who needs root.
const nobody = 65534

func needRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else for a moment")
	}
}

func TestDir(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(t *testing.T, dir string)
		want  string // in the error; "" is none
	}{
		{"missing", func(*testing.T, string) {}, ""},
		{"ours and closed", func(t *testing.T, d string) { require.NoError(t, os.Mkdir(d, 0o700)) }, ""},
		{"others may enter", func(t *testing.T, d string) { require.NoError(t, os.Mkdir(d, 0o755)) }, "others may enter it (mode 0755)"},
		{"a file", func(t *testing.T, d string) { require.NoError(t, os.WriteFile(d, nil, 0o600)) }, "it is no directory"},
		{"a link to one of ours", func(t *testing.T, d string) { require.NoError(t, os.Symlink(t.TempDir(), d)) }, "it is no directory"},
		{"somebody else's", func(t *testing.T, d string) {
			needRoot(t)
			require.NoError(t, os.Mkdir(d, 0o700))
			require.NoError(t, os.Chown(d, nobody, nobody))
		}, "it belongs to user 65534, not to you"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			c.setup(t, dir)
			err := Dir(dir)
			if c.want == "" {
				require.NoError(t, err)
				st, err := os.Stat(dir)
				require.NoError(t, err)
				require.Equal(t, os.FileMode(0o700), st.Mode().Perm())
				return
			}
			require.ErrorIs(t, err, os.ErrPermission)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, dir)
		})
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  os.FileMode
		owner int
		want  string
	}{
		{"ours", 0o700, -1, ""},
		{"ours, others may look", 0o755, -1, ""},
		{"others may write", 0o777, -1, "others may write there (mode 0777)"},
		{"a group may write", 0o770, -1, "others may write there"},
		{"as /tmp is", os.ModeSticky | 0o777, -1, ""},
		{"somebody else's", 0o755, nobody, "it belongs to user 65534"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.Chmod(dir, c.mode))
			if c.owner >= 0 {
				needRoot(t)
				require.NoError(t, os.Chown(dir, c.owner, c.owner))
			}
			if c.want == "" {
				require.NoError(t, Place(dir))
				return
			}
			require.ErrorContains(t, Place(dir), c.want)
		})
	}
	missing := filepath.Join(t.TempDir(), "a", "run")
	require.NoError(t, Place(missing))
	require.NoError(t, Dir(missing))
}

// A log's name that somebody else has prepared leads nowhere.
func TestCreate(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(t *testing.T, name, victim string)
		want  string
	}{
		{"missing", func(*testing.T, string, string) {}, ""},
		{"of before", func(t *testing.T, name, _ string) {
			require.NoError(t, os.WriteFile(name, []byte("old, and longer"), 0o644))
		}, ""},
		{"a link", func(t *testing.T, name, victim string) { require.NoError(t, os.Symlink(victim, name)) }, "it is a link"},
		{"a second name", func(t *testing.T, name, victim string) { require.NoError(t, os.Link(victim, name)) }, "it has a second name"},
		{"a pipe", func(t *testing.T, name, _ string) { require.NoError(t, unix.Mkfifo(name, 0o600)) }, "it is no plain file"},
		{"a directory", func(t *testing.T, name, _ string) { require.NoError(t, os.Mkdir(name, 0o700)) }, "is a directory"},
		{"somebody else's", func(t *testing.T, name, _ string) {
			needRoot(t)
			require.NoError(t, os.WriteFile(name, nil, 0o666))
			require.NoError(t, os.Chown(name, nobody, nobody))
		}, "it belongs to user 65534"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			name, victim := filepath.Join(dir, "log"), filepath.Join(dir, "victim")
			require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
			c.setup(t, name, victim)
			f, err := Create(name)
			if c.want == "" {
				require.NoError(t, err)
				_, err = f.WriteString("new")
				require.NoError(t, err)
				require.NoError(t, f.Close())
				text, err := os.ReadFile(name)
				require.NoError(t, err)
				require.Equal(t, "new", string(text))
				st, err := os.Stat(name)
				require.NoError(t, err)
				require.Equal(t, os.FileMode(0o600), st.Mode().Perm())
			} else {
				require.ErrorContains(t, err, c.want)
			}
			text, err := os.ReadFile(victim)
			require.NoError(t, err)
			require.Equal(t, "precious", string(text))
		})
	}
}

// What killed processes have left goes, what living ones have stays.
func TestTempDir(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	mkdir := func(name string, lock bool) string {
		dir := filepath.Join(temp, name)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o700))
		if lock {
			require.NoError(t, os.WriteFile(filepath.Join(dir, lockName), nil, 0o600))
		}
		return dir
	}
	mine, end, err := TempDir("", "kobench-run")
	require.NoError(t, err)
	require.Regexp(t, `/kobench-run-\d+$`, mine)
	dead, other, unlocked := mkdir("kobench-run-1", true), mkdir("kobench-root-1", true), mkdir("kobench-run-2", false)
	young, old := mkdir(newborn+"1", false), mkdir(newborn+"2", false)
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-2*age)))

	second, end2, err := TempDir("", "kobench-run")
	require.NoError(t, err)
	require.NotEqual(t, mine, second)
	require.NoDirExists(t, dead)
	require.NoDirExists(t, old)
	for _, dir := range []string{mine, second, other, unlocked, young} {
		require.DirExists(t, dir)
	}
	end()
	end2()
	require.NoDirExists(t, mine)
	require.NoDirExists(t, second)
}

// A server is trusted by who has called listen.
func TestTrust(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	require.NoError(t, err)
	defer l.Close()
	c, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, Trust(c, socket))
}
