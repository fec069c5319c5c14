package mcpclient_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// After a restart of its server, an idle session is back after four requests: the refused GET,
// initialize and initialized, and the GET of the new session. The session ID worked before, so no
// ping is needed.
func TestLostSessionOfAnOpenStreamNeedsFourRequests(t *testing.T) {
	for name, ids := range map[string]bool{"with a cursor": true, "without a cursor": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.EventIDs = ids
				var d diary
				serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				srv.Notify(toolsChanged, nil)
				time.Sleep(debounce) // fake time
				d.take()
				srv.CutSharedStreams(true)
				srv.LoseSessions()
				time.Sleep(time.Minute) // fake time
				synctest.Wait()
				require.Equal(t, []string{"restored"}, d.take())
				require.Equal(t, []int{3, 2, 2, 0}, []int{
					srv.Count("GET"), srv.Count("initialize"), srv.Count("notifications/initialized"), srv.Count("ping"),
				})
			})
		})
	}
}

// A server may refuse only the stream with 404, although the session is alive. A ping then shows
// that, and the session is kept.
func TestRefusedStreamOfALiveSessionKeepsIt(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"no text":        func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"only one":       func(w http.ResponseWriter) { refuseStream(w, -32000, "Only one SSE stream is allowed per session") },
		"taken":          func(w http.ResponseWriter) { refuseStream(w, -32000, "this session already listens") },
		"no event":       func(w http.ResponseWriter) { refuseStream(w, -32000, "the session has no such event") },
		"unknown method": func(w http.ResponseWriter) { refuseStream(w, mcpclient.CodeMethodNotFound, "sessions have no GET") },
		"text too long":  func(w http.ResponseWriter) { refuseStream(w, -32000, "session "+strings.Repeat("x", 64<<10)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
					if r.Method == http.MethodGet {
						refuse(w)
					}
					return r.Method == http.MethodGet
				})
				srv.CutSharedStreams(true)
				time.Sleep(time.Minute) // fake time
				synctest.Wait()
				require.Equal(t, 1, srv.Count("initialize"))
				require.NotZero(t, srv.Count("ping"))
				echoes(t, s)
			})
		})
	}
}

// A stream that was never open proves nothing about the session, even if its refusal names the
// session.
func TestRefusedFirstStreamKeepsTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method == http.MethodGet {
				refuseStream(w, -32001, "Session not found")
			}
			return r.Method == http.MethodGet
		}
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		time.Sleep(time.Hour) // fake time
		synctest.Wait()
		require.Equal(t, []int{1, 1, 1}, []int{srv.Count("GET"), srv.Count("initialize"), srv.Count("ping")})
		echoes(t, s)
	})
}

func refuseStream(w http.ResponseWriter, code int64, text string) {
	mcptest.WriteError(w, http.StatusNotFound, nil, code, text)
}

// Sessions that lose their streams together open them again at different times.
func TestSessionsThatLoseTheirStreamsTogetherSpread(t *testing.T) {
	const sessions = 200
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		for range sessions {
			connect(t, link, mcpclient.Options{Handlers: new(diary).handlers()})
		}
		synctest.Wait()
		var at []time.Duration
		cut := time.Now()
		srv.SetIntercept(func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m != nil && m.Method == "initialize" {
				at = append(at, time.Since(cut))
			}
			return false
		})
		srv.CutSharedStreams(true)
		srv.LoseSessions()
		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		require.Len(t, at, sessions)
		most, bars := 0, make(map[time.Duration]int)
		for _, when := range at {
			bar := when / (100 * time.Millisecond)
			bars[bar]++
			most = max(most, bars[bar])
		}
		require.Less(t, most, sessions/4, "initializes in 100 ms: %v", bars)
	})
}
