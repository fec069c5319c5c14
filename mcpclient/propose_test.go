package mcpclient_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// quirk passes the requests of one method to answer. The server handles all other requests, and
// those for which answer returns false.
func quirk(srv *mcptest.Server, method string, answer func(w http.ResponseWriter, m *mcptest.Message) bool) {
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		return m != nil && m.Method == method && answer(w, m)
	}
}

// A legacy server, or a gateway in front of it, never answers server/discover or closes the
// connection. The client then sends one initialize.
func TestDiscoverWithoutAnAnswer(t *testing.T) {
	for name, fail := range map[string]func(){
		"silence": func() { time.Sleep(time.Hour) },
		"cut":     func() { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				onDiscover(srv, func(http.ResponseWriter, *mcptest.Message) { fail() })
				start := time.Now()
				s := serve(t, srv, mcpclient.Options{})
				require.LessOrEqual(t, time.Since(start), 15*time.Second)
				require.Equal(t, mcpclient.EraLegacy, s.Era())
				require.Equal(t, 1, srv.Count("initialize"))
				echoes(t, s)
			})
		})
	}
}

// If both server/discover and initialize fail, Connect returns the error of server/discover, which
// also says how to skip server/discover.
func TestNeitherDiscoverNorInitialize(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m.Method == "initialize" {
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			time.Sleep(time.Hour)
			return true
		}
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
		require.Equal(t, mcpclient.KindTimeout, failure(t, err).Kind)
		require.ErrorContains(t, err, "(server/discover)")
		require.ErrorContains(t, err, "initialize failed too: mcp initialize: forbidden: HTTP status 403 Forbidden")
		require.ErrorContains(t, err, "set ProtocolVersion")
		require.Equal(t, 1, srv.Count("initialize"))
	})
}

// If a server refuses the proposed revision instead of negotiating, the client sends initialize
// once more.
func TestInitializeProposedAgain(t *testing.T) {
	for name, refusal := range map[string]func(w http.ResponseWriter, m *mcptest.Message){
		"400, list in the text": status(400, "Bad Request: Unsupported protocol version (supported versions: 2025-06-18, 2025-03-26, 2024-11-05)"),
		"400, list in the data": rpc(400, -32000, map[string]any{"supported": []string{"2025-06-18"}}),
		"-32602, list in data":  rpc(200, -32602, map[string]any{"supported": []string{"2025-06-18", "2025-03-26"}, "requested": "2025-11-25"}),
		"400, no list":          status(400, `{"error":"x"}`),
		"400, only the refused": status(400, "unsupported protocol version 2025-11-25"),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Versions = []string{"2025-06-18"}
				quirk(srv, "initialize", func(w http.ResponseWriter, m *mcptest.Message) bool {
					if !strings.Contains(string(m.Params), `"2025-11-25"`) {
						return false
					}
					refusal(w, m)
					return true
				})
				s := serve(t, srv, mcpclient.Options{})
				require.Equal(t, "2025-06-18", s.ProtocolVersion())
				require.Equal(t, 2, srv.Count("initialize"))
				echoes(t, s)
			})
		})
	}
}

// If client and server have no revision in common, the error lists the server's revisions. A pinned
// revision is proposed only once.
func TestInitializeRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		refuse := status(400, "supported: 2024-10-07, 2030-01-01")
		quirk(srv, "initialize", func(w http.ResponseWriter, m *mcptest.Message) bool { refuse(w, m); return true })
		link := srv.InMemory(t)
		_, err := tryConnect(t, link, mcpclient.Options{})
		require.Equal(t, mcpclient.KindVersion, failure(t, err).Kind)
		require.ErrorContains(t, err, `the server names "2024-10-07", "2030-01-01"`)
		require.NotContains(t, err.Error(), "TLS")
		var versions *mcpclient.VersionError
		require.ErrorAs(t, err, &versions)
		require.Equal(t, []string{"2024-10-07", "2030-01-01"}, versions.Found)
		require.Equal(t, []string{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}, versions.Wanted)
		require.Equal(t, link.URL, versions.URL)
		require.ErrorAs(t, versions.Err, new(*mcpclient.HTTPError))
		require.Equal(t, 1, srv.Count("initialize"))
		_, err = tryConnect(t, link, mcpclient.Options{ProtocolVersion: "2025-11-25"})
		require.ErrorAs(t, err, &versions)
		require.Equal(t, []string{"2025-11-25"}, versions.Wanted)
		require.Equal(t, 2, srv.Count("initialize"))
	})
}

// If the server uses the HTTP+SSE transport of 2024-11-05, the client recognises it by the answer
// to a POST or to a GET, and the error names the transport.
func TestOldTransportIsNamed(t *testing.T) {
	endpoint := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, "event: endpoint\ndata: /messages?session=1\n\n")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(time.Hour)
	}
	for name, post := range map[string]func(w http.ResponseWriter){
		"405":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusMethodNotAllowed) },
		"404":    func(w http.ResponseWriter) { http.Error(w, "<html>Not Found</html>", http.StatusNotFound) },
		"stream": endpoint,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, false})
				srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
					if r.Method == http.MethodPost {
						post(w)
					} else {
						endpoint(w)
					}
					return true
				}
				start := time.Now()
				_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
				require.Equal(t, mcpclient.KindProtocol, failure(t, err).Kind)
				require.ErrorContains(t, err, "old HTTP+SSE transport (2024-11-05)")
				require.NotContains(t, err.Error(), "Many end in /mcp")
				require.NotContains(t, err.Error(), "<html>")
				require.Less(t, time.Since(start), 5*time.Second)
			})
		})
	}
}
