package kerneltest_test

import (
	"os/exec"
	"testing"

	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// TestCommand runs a program of the host's against the test's own kernel.
func TestCommand(t *testing.T) {
	k := kerneltest.Boot(t)
	kerneltest.Load(t, k, loopback.New(), "")
	out, err := kerneltest.Command(t, k, "sh", "-c", "echo hello >/dev/loop0; head -c 6 /dev/loop0; test -c /dev/loop0").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "hello\n", string(out))

	out, err = kerneltest.Command(t, k, "sh", "-c", "echo bad; exit 3").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
	require.Equal(t, "bad\n", string(out))

	require.Error(t, kerneltest.Command(t, k, "/nosuch/program").Run())
}
