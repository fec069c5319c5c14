//go:build unix

package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Servers that are suspended for a moment cost no call, and no call runs twice.
func TestStops(t *testing.T) {
	var out bytes.Buffer
	o := options{sessions: 20, servers: 2, stop: 300 * time.Millisecond, parts: "stops", out: &out}
	require.NoError(t, o.measure())
	require.Contains(t, out.String(), "20 sessions are back")
	require.Contains(t, out.String(), ", 0 of them twice")
	require.Contains(t, out.String(), "| tool | success |")
	require.NotContains(t, out.String(), "| tool | not sent")
}
