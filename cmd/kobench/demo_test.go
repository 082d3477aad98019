package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemo(t *testing.T) {
	var out, errw bytes.Buffer
	require.Zero(t, run([]string{"kobench", "demo"}, nil, &out, &errw), "%s%s", &out, &errw)
	require.Contains(t, out.String(), "18 checks, 0 failed")
	require.NotContains(t, out.String(), "FAILED")
}

func TestHelpOfEveryCommand(t *testing.T) {
	for _, c := range commands(streams{}).Commands() {
		// a tool, or a topic of help
		if c.DisableFlagParsing || !c.Runnable() && !c.HasSubCommands() {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			var out, errw bytes.Buffer
			require.Zero(t, run([]string{"kobench", c.Name(), "--help"}, nil, &out, &errw))
			require.Contains(t, out.String(), "Usage:")
			require.NotEmpty(t, c.Short)
		})
	}
	var out, errw bytes.Buffer
	require.Equal(t, 1, run([]string{"kobench", "nosuch"}, nil, &out, &errw))
	require.Contains(t, errw.String(), `unknown command "nosuch"`)
}
