package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

func TestHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "my token")
	require.NoError(t, os.WriteFile(file, []byte("from-file-5561\n"), 0o600))
	srv := mcptest.New(mcptest.Modern)
	url := srv.Loopback(t).URL
	for given, sent := range map[string]string{
		"X-Key: plain-value-1":    "plain-value-1",
		"X-Key:tight-value":       "tight-value",
		"X-Key: env:TOKEN":        "from-env-4821",
		"X-Key: Bearer env:TOKEN": "Bearer from-env-4821",
		"X-Key: @" + file:         "from-file-5561",
		"X-Key: Bearer @" + file:  "Bearer from-file-5561",
		"X-Key: a me@host b":      "a me@host b",
	} {
		srv.Reset()
		r := machine{vars: map[string]string{"TOKEN": "from-env-4821"}}.hawser(t, "tools", url, "-v", "--header", given, "-H", "X-Other: second-value")
		require.Equal(t, exitOK, r.code, r.err)
		for _, request := range srv.Requests("") {
			require.Equal(t, sent, request.Header.Get("X-Key"))
			require.Equal(t, "second-value", request.Header.Get("X-Other"))
		}
		require.NotContains(t, r.out+r.err, sent)
	}
}

func TestBadHeaders(t *testing.T) {
	for given, want := range map[string]string{
		"sesame-123":             "hawser: --header: expected 'Name: value'\n",
		": sesame-123":           "hawser: --header: expected 'Name: value'\n",
		"X: env:NONE":            "hawser: header X: the environment variable NONE is not set\nhint: export NONE first\n",
		"X: Bearer env:EMPTY":    "hawser: header X: the environment variable EMPTY is not set\n",
		"X: @/no/such/file":      "hawser: header X: open /no/such/file: ",
		"Host: sesame-123":       "hawser: --header: header Host belongs to the protocol and cannot be set\nhint: omit this header\n",
		"X: sesame\n-123":        "hawser: --header: the value of header X has characters that HTTP forbids\nhint: write --header 'Name: value'",
		"Bearer sesame-123: yes": "hawser: --header: expected 'Name: value'\n",
	} {
		r := machine{vars: map[string]string{"EMPTY": ""}}.hawser(t, "tools", "http://127.0.0.1:1/mcp", "--header", given)
		require.Equal(t, exitUsage, r.code, given)
		require.Contains(t, r.err, want)
		require.NotContains(t, r.err, "sesame")
	}
}
