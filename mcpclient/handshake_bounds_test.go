package mcpclient_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A session ID of 8 KiB is accepted. A longer ID fails the handshake, and the client deletes the
// session.
func TestSessionIDOverTheLimit(t *testing.T) {
	for _, size := range []int{8 << 10, 8<<10 + 1, 100_000} {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			id := strings.Repeat("x", size)
			srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
				switch {
				case m != nil && m.Method == "initialize":
					w.Header().Set("Mcp-Session-Id", id)
					mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, map[string]any{
						"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "serverInfo": map[string]any{"name": "n", "version": "1"},
					}))
				case r.Method == http.MethodDelete, m != nil && m.Method == "notifications/initialized":
					require.Equal(t, id, r.Header.Get("Mcp-Session-Id"))
					w.WriteHeader(http.StatusAccepted)
				default:
					return false
				}
				return true
			})
			s, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{ProtocolVersion: "2025-11-25"})
			if size <= 8<<10 {
				require.NoError(t, err)
				require.NoError(t, s.Close())
			} else {
				limited(t, err, "bytes in the session ID", 8<<10)
				require.Less(t, len(err.Error()), 200)
				require.Equal(t, 1, srv.Count("initialize"), "the handshake is not retried")
				require.Zero(t, srv.Count("notifications/initialized"))
			}
			require.Equal(t, 1, srv.Count("DELETE"))
		})
	}
}

// A handshake reply of 100 MiB is refused as soon as the client has read more than 1 MiB, whatever
// the encoding. This holds even if the user's options disable all limits.
func TestHandshakeIsBoundedWhileItIsRead(t *testing.T) {
	const mib = 1 << 20
	for method, version := range map[string]string{"initialize": "2025-11-25", "server/discover": "2026-07-28"} {
		for _, row := range []struct{ contentType, prefix, what string }{
			{"application/json", `{"jsonrpc":"2.0","id":1,"result":{"instructions":"`, "body bytes"},
			{"text/event-stream", `data: {"jsonrpc":"2.0","id":1,"result":{"instructions":"`, "event bytes"},
		} {
			for _, encoding := range []string{"", "gzip"} {
				t.Run(method+" "+row.what+" "+encoding, func(t *testing.T) {
					f := &flood{method: method, body: floodBody{left: 100 * mib, fill: 'x'}}
					sent := &countedBody{Reader: io.MultiReader(strings.NewReader(row.prefix), &f.body)}
					if encoding == "gzip" {
						sent.Reader = bytes.NewReader(append(packed(row.prefix), bytes.Repeat(packed(strings.Repeat("x", mib)), 100)...))
					}
					f.write = func() *http.Response {
						header := http.Header{"Content-Type": {row.contentType}, "Content-Encoding": {encoding}}
						return &http.Response{StatusCode: http.StatusOK, Header: header, Body: sent}
					}
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					_, err := connectTo(t.Context(), "http://mcp.test/mcp", &mcpclient.Options{
						Transport: f, ProtocolVersion: version, AcceptGzip: true,
						Limits: mcpclient.Limits{Body: -1, Event: -1}, Retry: mcpclient.Retry{MaxTries: 1},
					})
					runtime.ReadMemStats(&after)
					limited(t, err, row.what, mib)
					require.True(t, sent.closed)
					require.LessOrEqual(t, sent.read, 2*mib)
					require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(8*mib))
				})
			}
		}
	}
}

// If the user's options set a smaller limit, it also applies during the handshake.
func TestHandshakeKeepsASmallerLimit(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Instructions = strings.Repeat("x", 10_000)
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{Limits: mcpclient.Limits{Body: 5000, Event: 5000}})
		what := "body bytes"
		if srv.SSE {
			what = "event bytes"
		}
		limited(t, err, what, 5000)
	})
}

// countedBody counts the bytes that are read from a body.
type countedBody struct {
	io.Reader
	read   int
	closed bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (b *countedBody) Close() error {
	b.closed = true
	return nil
}

// packed returns a text compressed with gzip.
func packed(text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text) // writes to memory, so it cannot fail
	_ = w.Close()
	return out.Bytes()
}
