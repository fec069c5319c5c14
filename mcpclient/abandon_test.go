package mcpclient_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// beginOnly answers an initialize with the session ID of a new session and a body that never ends.
func beginOnly(srv *mcptest.Server, w http.ResponseWriter, r *http.Request, id, contentType string) {
	w.Header().Set("Mcp-Session-Id", id)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	srv.Hang(r)
}

// If the context of Connect ends after the server has started a session, the client deletes the
// session, even if the DELETE needs a new connection to a distant server.
func TestCanceledConnectDeletesItsSession(t *testing.T) {
	const (
		patience = time.Second
		latency  = 150 * time.Millisecond // to open a connection: three round trips of 50 ms
	)
	for name, contentType := range map[string]string{
		"initialized in flight": "", "JSON body missing": "application/json", "SSE body missing": "text/event-stream",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					switch {
					case m == nil:
						return false
					case contentType == "" && m.Method == "notifications/initialized":
						srv.Hang(r)
					case contentType != "" && m.Method == "initialize":
						beginOnly(srv, w, r, "begun", contentType)
					default:
						return false
					}
					return true
				})
				link := srv.InMemory(t)
				far := transport.NewDirect(&transport.DirectOptions{NoProxy: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					if err := mcptest.Sleep(ctx, latency); err != nil {
						return nil, err
					}
					return link.Network.DialContext(ctx, network, addr)
				}})
				defer func() { require.NoError(t, far.Close()) }()
				ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errPatience)
				defer cancel()
				start := time.Now()
				_, err := connectTo(ctx, link.URL, &mcpclient.Options{Transport: far, ProtocolVersion: "2025-11-25"})
				require.Equal(t, mcpclient.KindCanceled, failure(t, err).Kind)
				require.ErrorIs(t, err, errPatience)
				require.LessOrEqual(t, time.Since(start), patience+250*time.Millisecond)
				deletes := srv.Requests("DELETE")
				require.Len(t, deletes, 1)
				require.Equal(t, map[bool]string{true: "session-1", false: "begun"}[contentType == ""], deletes[0].Session)
				now, _ := srv.Sessions()
				require.Zero(t, now)
			})
		})
	}
}

// Each try of initialize may start a session. The client deletes unused sessions when Connect fails
// and when a later try succeeds, whether or not that try starts a session.
func TestSessionsOfFailedTriesAreDeleted(t *testing.T) {
	for _, row := range []struct {
		name, last string // the session ID of the last try; "-" means that the last try never ends
		deleted    []string
	}{
		{"success", "b", []string{"a"}},
		{"success with the same ID", "a", nil},
		{"success without a session", "", []string{"a"}},
		{"failure", "-", []string{"a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				tries := 0
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					switch {
					case m == nil || m.Method != "initialize":
						w.WriteHeader(http.StatusAccepted)
						return true
					case row.last == "-" && tries > 0:
						srv.Hang(r)
						return true
					case tries > 0:
						if row.last != "" {
							w.Header().Set("Mcp-Session-Id", row.last)
						}
						mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, map[string]any{
							"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "serverInfo": map[string]any{"name": "n", "version": "1"},
						}))
						return true
					}
					tries++
					w.Header().Set("Mcp-Session-Id", "a")
					w.Header().Set("Content-Length", "100")
					w.WriteHeader(http.StatusOK)
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				})
				link := srv.InMemory(t)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				s, err := connectTo(ctx, link.URL, &mcpclient.Options{Transport: link.Transport, ProtocolVersion: "2025-11-25"})
				if row.last == "-" {
					require.Equal(t, mcpclient.KindCanceled, failure(t, err).Kind)
				} else {
					require.NoError(t, err)
				}
				synctest.Wait()
				var deleted []string
				for _, r := range srv.Requests("DELETE") {
					deleted = append(deleted, r.Session)
				}
				require.Equal(t, row.deleted, deleted)
				if s != nil {
					require.NoError(t, s.Close())
				}
			})
		})
	}
}
