package mcpclient_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// onDiscover answers server/discover with a function.
func onDiscover(srv *mcptest.Server, answer func(w http.ResponseWriter, m *mcptest.Message)) {
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "server/discover" {
			return false
		}
		answer(w, m)
		return true
	}
}

// rpc answers with an HTTP status (code) and a JSON-RPC error that has the request's ID.
func rpc(code int, rpcCode int64, data any) func(http.ResponseWriter, *mcptest.Message) {
	return func(w http.ResponseWriter, m *mcptest.Message) {
		mcptest.WriteJSON(w, code, mcptest.ErrorResponse(m.ID, &mcptest.Error{Code: rpcCode, Message: "no", Data: data}))
	}
}

// noID answers with an HTTP status (code) and a JSON-RPC error without an ID.
func noID(code int, rpcCode int64) func(http.ResponseWriter, *mcptest.Message) {
	return func(w http.ResponseWriter, _ *mcptest.Message) { mcptest.WriteError(w, code, nil, rpcCode, "no") }
}

// evidence lists replies to server/discover and what each proves about the era.
func evidence() []evidenceRow {
	return []evidenceRow{
		{"400 plain", status(400, "Bad Request"), 0},
		{"400 empty", status(400, ""), 0},
		{"400 -32000 without an id", noID(400, -32000), 0},
		{"400 -32000", rpc(400, -32000, nil), 0},
		{"400 -32600", rpc(400, -32600, nil), 0},
		{"404 plain", status(404, "page not found"), 0},
		{"405", status(405, ""), 0},
		{"406", status(406, ""), 0},
		{"415", status(415, ""), 0},
		{"200 -32601", rpc(200, -32601, nil), 0},
		{"200 -32602", rpc(200, -32602, nil), 0},
		{"200 HTML", body("text/html", "<html>"), 0},
		{"200 empty", body("application/json", ""), 0},
		{"200 empty result", func(w http.ResponseWriter, m *mcptest.Message) {
			mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, struct{}{}))
		}, 0},
		{"202", status(202, ""), 0},
		{"404 -32601", rpc(404, -32601, nil), 0},
		{"404 -32601 without an id", noID(404, -32601), 0},
		{"400 -32020 is modern", rpc(400, -32020, nil), mcpclient.KindServer},
		{"400 -32021 is modern", rpc(400, -32021, nil), mcpclient.KindServer},
		{"400 -32022 without a list is modern", rpc(400, -32022, nil), mcpclient.KindVersion},
		{"400 -32022 with unknown versions", rpc(400, -32022, map[string]any{"supported": []string{"2099-01-01"}}), mcpclient.KindVersion},
		{"401", status(401, ""), mcpclient.KindAuthRequired},
		{"403", status(403, ""), 0},
		{"408", status(408, ""), mcpclient.KindHTTP},
		{"429", status(429, ""), mcpclient.KindHTTP},
		{"302 elsewhere", redirect(302, "http://elsewhere.test/login"), mcpclient.KindHTTP},
	}
}

type evidenceRow struct {
	name   string
	answer func(http.ResponseWriter, *mcptest.Message)
	kind   mcpclient.Kind // 0 if Connect succeeds with a legacy session
}

// The client sends initialize once if the reply proves a legacy server. It sends no initialize if
// the reply proves a modern server or proves nothing.
func TestEvidenceAboutTheEra(t *testing.T) {
	for _, row := range evidence() {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				onDiscover(srv, row.answer)
				cache := new(mcpclient.EraCache)
				link := srv.InMemory(t)
				s, err := tryConnect(t, link, mcpclient.Options{EraCache: cache})
				if row.kind != 0 {
					require.Equal(t, row.kind, failure(t, err).Kind, "%v", err)
					require.Zero(t, srv.Count("initialize"))
					require.Equal(t, mcpclient.EraUnknown, cache.Lookup(link.URL))
					return
				}
				require.NoError(t, err)
				require.Equal(t, mcpclient.EraLegacy, s.Era())
				require.Equal(t, 1, srv.Count("initialize"))
				want := 1
				if row.name == "406" { // the request is sent again with the types of Accept in the other order
					want = 2
				}
				require.Equal(t, want, srv.Count("server/discover"))
				require.Equal(t, mcpclient.EraLegacy, cache.Lookup(link.URL))
				echoes(t, s)
			})
		})
	}
}

// The conformance server refuses the first request, although the request has the version that the
// server supports.
func TestVersionRefusedThoughSupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, false})
		n := 0
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if n++; n > 1 {
				return false
			}
			rpc(400, -32022, map[string]any{"supported": []string{"2026-07-28"}, "requested": "2026-07-28"})(w, m)
			return true
		}
		s := serve(t, srv, mcpclient.Options{})
		require.Equal(t, mcpclient.EraModern, s.Era())
		require.Equal(t, []string{"server/discover", "server/discover"}, srv.Methods())
		echoes(t, s)
	})
}

// If the server keeps refusing a version that it supports, the client retries only once.
func TestVersionRefusedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, false})
		onDiscover(srv, rpc(400, -32022, map[string]any{"supported": []string{"2026-07-28"}}))
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
		require.Equal(t, mcpclient.KindVersion, failure(t, err).Kind)
		require.Equal(t, 2, srv.Count("server/discover"))
		require.Zero(t, srv.Count("initialize"))
	})
}

// If a server names only legacy versions, the client sends initialize with the newest common
// version.
func TestOnlyLegacyVersionsSupported(t *testing.T) {
	supported := []string{"2024-11-05", "2025-03-26", "2025-06-18"}
	for name, answer := range map[string]func(http.ResponseWriter, *mcptest.Message){
		"as an error": rpc(400, -32022, map[string]any{"supported": supported}),
		"as a result": func(w http.ResponseWriter, m *mcptest.Message) {
			mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, map[string]any{"supportedVersions": supported}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Versions = []string{"2025-06-18", "2025-03-26"}
				onDiscover(srv, answer)
				s := serve(t, srv, mcpclient.Options{})
				require.Equal(t, "2025-06-18", s.ProtocolVersion())
				require.Contains(t, string(srv.Requests("initialize")[0].Params), `"protocolVersion":"2025-06-18"`)
				require.Equal(t, 1, srv.Count("initialize"))
				echoes(t, s)
			})
		})
	}
}

// An outage proves nothing. If every server/discover got a 5xx reply, the client tries one
// initialize. The resulting era is not cached.
func TestOutageAllowsOneInitialize(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		onDiscover(srv, status(503, ""))
		cache := new(mcpclient.EraCache)
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{EraCache: cache})
		require.Equal(t, mcpclient.EraLegacy, s.Era())
		require.Equal(t, 4, srv.Count("server/discover"))
		require.Equal(t, 1, srv.Count("initialize"))
		require.Equal(t, mcpclient.EraUnknown, cache.Lookup(link.URL), "not remembered")
		echoes(t, s)
	})
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
		require.Equal(t, mcpclient.KindHTTP, failure(t, err).Kind)
		require.ErrorContains(t, err, "(server/discover)", "the error is that of the outage")
		require.Equal(t, 1, srv.Count("initialize"), "one try, no retries")
	})
}

// A cached era saves a round trip. A wrong entry is corrected, whichever era it names.
func TestEraCache(t *testing.T) {
	cache := new(mcpclient.EraCache)
	t.Run("legacy is remembered", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			link := srv.InMemory(t)
			connect(t, link, mcpclient.Options{EraCache: cache})
			srv.Reset()
			connect(t, link, mcpclient.Options{EraCache: cache})
			require.Equal(t, []string{"initialize", "notifications/initialized"}, srv.Methods())
		})
	})
	t.Run("the server became modern", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(mode{mcptest.Modern, true})
			link := srv.InMemory(t)
			require.Equal(t, mcpclient.EraLegacy, cache.Lookup(link.URL))
			s := connect(t, link, mcpclient.Options{EraCache: cache})
			require.Equal(t, mcpclient.EraModern, s.Era())
			require.Equal(t, []string{"initialize", "server/discover"}, srv.Methods())
			require.Equal(t, mcpclient.EraModern, cache.Lookup(link.URL))
		})
	})
	t.Run("the server became legacy again", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			link := srv.InMemory(t)
			s := connect(t, link, mcpclient.Options{EraCache: cache})
			require.Equal(t, mcpclient.EraLegacy, s.Era())
			require.Equal(t, 1, srv.Count("server/discover"))
			require.Equal(t, mcpclient.EraLegacy, cache.Lookup(link.URL))
		})
	})
}

// The cache is bounded and forgets the oldest entry.
func TestEraCacheIsBounded(t *testing.T) {
	var cache mcpclient.EraCache
	for i := range 2000 {
		cache.Store(fmt.Sprint("http://host", i), mcpclient.EraModern)
		cache.Store(fmt.Sprint("http://host", i), mcpclient.EraLegacy)
	}
	known := 0
	for i := range 2000 {
		if cache.Lookup(fmt.Sprint("http://host", i)) != mcpclient.EraUnknown {
			known++
		}
	}
	require.Equal(t, 1024, known)
	require.Equal(t, mcpclient.EraLegacy, cache.Lookup("http://host1999"))
	require.Equal(t, mcpclient.EraUnknown, cache.Lookup("http://host0"))
	var none *mcpclient.EraCache
	none.Store("x", mcpclient.EraLegacy)
	require.Equal(t, mcpclient.EraUnknown, none.Lookup("x"))
}

// A pinned version is used without negotiation. If the server does not support it, Connect fails.
func TestPinnedVersion(t *testing.T) {
	t.Run("legacy", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{ProtocolVersion: "2025-06-18"})
			require.Equal(t, "2025-06-18", s.ProtocolVersion())
			require.Zero(t, srv.Count("server/discover"))
			srv.LoseSessions()
			echoes(t, s)
			require.Equal(t, "2025-06-18", s.ProtocolVersion(), "even after a recovery")
		})
	})
	t.Run("modern", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, newServer(mode{mcptest.Modern, true}), mcpclient.Options{ProtocolVersion: "2026-07-28"})
			require.Equal(t, mcpclient.EraModern, s.Era())
		})
	})
	t.Run("modern, from a legacy server", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{ProtocolVersion: "2026-07-28"})
			require.Error(t, err)
			require.Equal(t, []string{"server/discover"}, srv.Methods())
		})
	})
	t.Run("legacy, from a server that chooses another", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			srv.Negotiate = func(string) string { return "2025-03-26" }
			_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{ProtocolVersion: "2025-11-25"})
			require.Equal(t, mcpclient.KindVersion, failure(t, err).Kind)
		})
	})
}

// A server may negotiate an older revision. The client sends the version header only in revision
// 2025-06-18 and later.
func TestNegotiatedDown(t *testing.T) {
	for _, version := range []string{"2025-06-18", "2025-03-26", "2024-11-05"} {
		t.Run(version, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Negotiate = func(string) string { return version }
				s := serve(t, srv, mcpclient.Options{})
				require.Equal(t, version, s.ProtocolVersion())
				echoes(t, s)
				header := srv.Requests("tools/call")[0].Header
				_, there := header["Mcp-Protocol-Version"]
				require.Equal(t, version == "2025-06-18", there)
			})
		})
	}
}

// If the server negotiates an unknown version, Connect fails and deletes the session that the
// server started.
func TestNegotiatedToTheUnknown(t *testing.T) {
	for _, version := range []string{"2099-01-01", "2024-10-07", "2026-07-28", ""} {
		t.Run(version, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Negotiate = func(string) string { return version }
				// Other tests cover the steps after this one.
				srv.Intercept = func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
					if r.Method == http.MethodDelete {
						srv.LoseSessions()
					}
					return r.Method == http.MethodDelete
				}
				_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
				e := failure(t, err)
				require.Equal(t, mcpclient.KindVersion, e.Kind, "%v", err)
				if version != "" {
					require.ErrorContains(t, err, fmt.Sprintf("%q", version))
				} else {
					require.ErrorContains(t, err, "the server names no protocol version")
				}
				require.Equal(t, 1, srv.Count("DELETE"))
				require.Equal(t, "session-1", srv.Requests("DELETE")[0].Session)
				require.Zero(t, srv.Count("notifications/initialized"))
			})
		})
	}
}

// If the handshake fails halfway, the session on the server is deleted.
func TestHalfAHandshakeIsCleanedUp(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "notifications/initialized" {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
		require.Equal(t, mcpclient.KindForbidden, failure(t, err).Kind)
		require.Equal(t, 1, srv.Count("DELETE"))
		now, ever := srv.Sessions()
		require.Equal(t, []int{0, 1}, []int{now, ever})
	})
}

// Connect refuses a session ID that cannot be sent in a header.
func TestImpossibleSessionID(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "initialize" {
				return false
			}
			w.Header().Set("Mcp-Session-Id", "a b\tü")
			mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, map[string]any{"protocolVersion": "2025-11-25", "capabilities": struct{}{}}))
			return true
		}
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
		require.Equal(t, mcpclient.KindProtocol, failure(t, err).Kind)
		require.NotContains(t, err.Error(), "a b")
	})
}

// A stateless legacy server sends no session ID, so there is no session to lose or to delete.
func TestStatelessLegacyServer(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Stateless = true
		link := srv.InMemory(t)
		onDiscover(srv, status(400, ""))
		s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: link.Transport})
		require.NoError(t, err)
		echoes(t, s)
		require.NoError(t, s.Close())
		require.Zero(t, srv.Count("DELETE"))
	})
}

// If the negotiated version is refused later, the client negotiates again once and resends the
// call.
func TestVersionRefusedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		var refuse atomic.Int32
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" || refuse.Add(-1) < 0 {
				return false
			}
			rpc(400, -32022, map[string]any{"supported": []string{"2026-07-28"}})(w, m)
			return true
		}
		s := serve(t, srv, mcpclient.Options{})
		refuse.Store(1)
		srv.Reset()
		echoes(t, s)
		require.Equal(t, []string{"tools/call", "server/discover", "tools/call"}, srv.Methods())
		require.Equal(t, 1, srv.Executions("echo"))

		refuse.Store(1000)
		srv.Reset()
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.KindVersion, failure(t, err).Kind)
		require.False(t, mcpclient.MayHaveRun(err))
		require.Equal(t, []string{"tools/call", "server/discover", "tools/call"}, srv.Methods())
	})
}

// If the connection is refused, nothing was sent and nothing is known about the era.
func TestConnectToAClosedPort(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		link.Network.Refuse(true)
		start := time.Now()
		_, err := tryConnect(t, link, mcpclient.Options{})
		require.Equal(t, mcpclient.KindNotSent, failure(t, err).Kind)
		require.LessOrEqual(t, time.Since(start), 15*time.Second)
		require.Zero(t, srv.Count(""))
	})
}
