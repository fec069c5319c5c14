package streamablehttp

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEncodeHeaderValue(t *testing.T) {
	plain := []string{
		"", "a", "get weather", "file:///a/b?c=d#e", "0", "true", "~!@#$%^&*()", "a  b",
		"=?base64?", "?=", "=?base64?YQ==", "x=?base64?YQ==?=", "=?base64?YQ==?= ?", "=?BASE64?YQ==?=", "=?utf-8?q?a?=",
	}
	for _, value := range plain {
		require.Equal(t, value, encodeHeaderValue(value))
	}
	encoded := map[string]string{
		" ":                  "=?base64?IA==?=",
		" a":                 "=?base64?IGE=?=",
		"a ":                 "=?base64?YSA=?=",
		"\t":                 "=?base64?CQ==?=",
		"a\tb":               "=?base64?YQli?=",
		"a\r\nX-Evil: 1":     "=?base64?YQ0KWC1FdmlsOiAx?=",
		"\x00":               "=?base64?AA==?=",
		"\x7f":               "=?base64?fw==?=",
		"Łódź":               "=?base64?xYHDs2TFug==?=",
		"日本":                 "=?base64?5pel5pys?=",
		"\xff":               "=?base64?/w==?=",
		"=?base64??=":        "=?base64?PT9iYXNlNjQ/Pz0=?=",
		"=?base64?=":         "=?base64?PT9iYXNlNjQ/PQ==?=",
		"=?base64?YQ==?=":    "=?base64?PT9iYXNlNjQ/WVE9PT89?=",
		"=?base64?not b64?=": "=?base64?PT9iYXNlNjQ/bm90IGI2ND89?=",
	}
	for value, want := range encoded {
		require.Equal(t, want, encodeHeaderValue(value), "%q", value)
	}
}

// decodeHeaderValue decodes a header value in the way that the specification requires of servers.
func decodeHeaderValue(value string) (string, error) {
	inner, start := strings.CutPrefix(value, "=?base64?")
	inner, end := strings.CutSuffix(inner, "?=")
	if !start || !end {
		return value, nil
	}
	raw, err := base64.StdEncoding.DecodeString(inner)
	return string(raw), err
}

func FuzzEncodeHeaderValue(f *testing.F) {
	for _, seed := range []string{"", "a", " a", "a ", "\t", "é", "=?base64?YQ==?=", "=?base64?=", "a\r\nb: c", "\xff\x00", "=?base64?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		encoded := encodeHeaderValue(value)
		for i := range len(encoded) {
			require.True(t, ' ' <= encoded[i] && encoded[i] <= '~', "%q has byte %#x", encoded, encoded[i])
		}
		decoded, err := decodeHeaderValue(encoded)
		require.NoError(t, err)
		require.Equal(t, value, decoded)

		// A real HTTP request carries the encoded value unchanged.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://server/", nil)
		require.NoError(t, err)
		req.Header[headerName] = []string{encoded}
		var wire bytes.Buffer
		require.NoError(t, req.Write(&wire))
		got, err := http.ReadRequest(bufio.NewReader(&wire))
		require.NoError(t, err)
		require.Equal(t, []string{encoded}, got.Header[headerName])
	})
}

func TestCheckHeader(t *testing.T) {
	for _, good := range []http.Header{
		nil, {},
		{"Authorization": {"Bearer x"}, "X-Tenant": {"a", "b"}, "x-lower": {""}},
		{"Cookie": {"a=b\tc"}, "User-Agent": {"é"}, "Mcp-Other": {"x"}, "X-None": nil},
	} {
		require.NoError(t, CheckHeader(good))
	}
	for _, name := range []string{
		"Accept", "accept", "ACCEPT-encoding", "Content-Type", "Content-Length", "Content-Encoding", "Host", "Connection",
		"Transfer-Encoding", "TE", "Trailer", "Upgrade", "Last-Event-ID", "last-event-id", "Mcp-Session-Id", "mcp-session-id",
		"MCP-Protocol-Version", "Mcp-Method", "MCP-NAME", "Mcp-Param-", "mcp-param-x",
	} {
		require.Error(t, CheckHeader(http.Header{name: {"x"}}), name)
	}
	for _, name := range []string{"", "a b", "a:", "a\r\nb", "é", "a\x1b[31m"} {
		err := CheckHeader(http.Header{name: {"x"}})
		require.Error(t, err, "%q", name)
		requireOneLine(t, err)
	}
	for _, value := range []string{"a\nb", "a\rb", "\x00", "\x7f", "\x1b"} {
		err := CheckHeader(http.Header{"Authorization": {"fine", "secret" + value}})
		require.Error(t, err, "%q", value)
		require.NotContains(t, err.Error(), "secret", "values may be secrets")
	}
}

func TestCheckSessionID(t *testing.T) {
	require.NoError(t, CheckSessionID("!~1868a90c-abc_DEF.=/+"))
	for _, id := range []string{"a b", "a\tb", "a\r\nX: y", "é", "\x00", "\x7f"} {
		err := CheckSessionID(id)
		require.Error(t, err, "%q", id)
		require.NotContains(t, err.Error(), id, "the ID is a secret")
	}
}

func TestCheckSessionIDBoundsItsLength(t *testing.T) {
	require.NoError(t, CheckSessionID(strings.Repeat("x", 8<<10)))
	err := CheckSessionID(strings.Repeat("x", 8<<10+1))
	require.Equal(t, &LimitError{What: "bytes in the session ID", Limit: 8 << 10}, err)
	require.IsType(t, errSessionID, CheckSessionID(strings.Repeat("é", 8<<10)), "the ID cannot be sent back, whatever its length")
}
