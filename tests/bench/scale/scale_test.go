package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" || os.Getenv(asExecutor) != "" {
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// Every part measures something and cleans up. A recovery takes four requests.
func TestParts(t *testing.T) {
	var out bytes.Buffer
	o := options{sessions: 20, servers: 2, carried: 20, tools: 1000, members: 20, parts: "idle,recovery,executor,lists,group", out: &out}
	require.NoError(t, o.measure())
	require.Contains(t, out.String(), "| 2026-07-28 | 20 |")
	require.Contains(t, out.String(), "| GET (404) | 1.00 |")
	require.NotContains(t, out.String(), "| ping")
	require.Contains(t, out.String(), "20 sessions through one executor, 2 servers")
	require.Contains(t, out.String(), "| 1000 |")
	require.Contains(t, out.String(), "A group of 20 servers, 3 tools each")
	o.parts = "idle,nothing"
	require.ErrorContains(t, o.measure(), "unknown part nothing")
}

func TestHistogram(t *testing.T) {
	require.Equal(t, []int{0}, histogram(nil))
	require.Equal(t, []int{2, 0, 1}, histogram([]time.Duration{0, 99 * time.Millisecond, 200 * time.Millisecond}))
}
