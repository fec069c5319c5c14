package mcpclient_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A session works even if its server refuses notifications/initialized or never answers it. A
// refusal of the session or of the credentials still ends the handshake.
func TestInitializedRefused(t *testing.T) {
	for name, row := range map[string]struct {
		reply func(w http.ResponseWriter, m *mcptest.Message)
		fails bool
	}{
		"400":     {status(400, ""), false},
		"405":     {status(405, ""), false},
		"silence": {func(http.ResponseWriter, *mcptest.Message) { time.Sleep(time.Hour) }, false},
		"401":     {status(401, ""), true},
		"404":     {status(404, ""), true},
		"500":     {status(500, ""), true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				quirk(srv, "notifications/initialized", func(w http.ResponseWriter, m *mcptest.Message) bool { row.reply(w, m); return true })
				start := time.Now()
				s, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
				if row.fails {
					require.ErrorContains(t, err, "(notifications/initialized)")
					return
				}
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(start), 5*time.Second)
				require.JSONEq(t, `{}`, string(srv.Requests("notifications/initialized")[0].Params), "some servers want params")
				echoes(t, s)
			})
		})
	}
}

// A gateway may join repeated Mcp-Session-Id headers with commas. Equal IDs are treated as one;
// different IDs are refused.
func TestJoinedSessionIDs(t *testing.T) {
	for header, works := range map[string]bool{"session-1, session-1": true, "session-1,session-1": true, "session-1, other": false} {
		t.Run(header, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m != nil && m.Method == "initialize" {
						w.Header().Add("X-Joined", header)
					}
					return false
				}
				link := srv.InMemory(t)
				rt := joining{link.Transport, header}
				s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: rt})
				require.Equal(t, works, err == nil, "%v", err)
				if err != nil {
					require.ErrorContains(t, err, "session ID")
					return
				}
				echoes(t, s)
				require.NoError(t, s.Close())
				require.Equal(t, "session-1", srv.Requests("DELETE")[0].Session)
			})
		})
	}
}

// joining replaces the session ID header in replies.
type joining struct {
	http.RoundTripper
	id string
}

func (j joining) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := j.RoundTripper.RoundTrip(req)
	if err == nil && resp.Header.Get("Mcp-Session-Id") != "" {
		resp.Header.Set("Mcp-Session-Id", j.id)
	}
	return resp, err
}

// Each retry is logged with the wait before it.
func TestRetriesAreLogged(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var log bytes.Buffer
		s := serve(t, srv, mcpclient.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		refused := false
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if refused || m == nil || m.Method != "tools/call" {
				return false
			}
			refused = true
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		echoes(t, s)
		require.Contains(t, log.String(), `level=INFO msg="retrying request" method=tools/call tries=1 pause=1m0s`)
	})
}
