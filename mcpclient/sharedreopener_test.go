package mcpclient_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// After a cut, the server refuses a second stream until it notices that the first one is gone. The
// session is alive, so the client opens the stream again later. A session that is lost meanwhile is
// still noticed.
func TestSharedStreamThatIsStillTaken(t *testing.T) {
	for name, row := range map[string]struct {
		say   string
		lost  bool
		ids   bool
		later []string
	}{
		"session exists":   {say: "session already exists", later: []string{"missed 0", "tools"}},
		"stream exists":    {say: "there is a stream already", later: []string{"missed 0", "tools"}},
		"with a cursor":    {say: "session already exists", ids: true, later: []string{"missed 0", "tools"}},
		"session is gone":  {say: "session already exists", lost: true, later: []string{"restored", "tools"}},
		"only one allowed": {say: "Only one SSE stream is allowed per session", later: []string{"missed 0", "tools"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.EventIDs = row.ids
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				srv.Notify(toolsChanged, nil)
				time.Sleep(debounce) // fake time
				d.take()
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
					if r.Method != http.MethodGet {
						return false
					}
					mcptest.WriteError(w, http.StatusBadRequest, nil, -32000, row.say)
					return true
				})
				srv.CutSharedStreams(true)
				time.Sleep(2 * time.Minute) // fake time
				require.LessOrEqual(t, srv.Count("GET"), 25, "paced")
				require.LessOrEqual(t, srv.Count("ping"), 25, "paced")
				require.Equal(t, 1, srv.Count("initialize"))
				if row.lost {
					srv.LoseSessions()
				}
				srv.SetIntercept(nil)
				time.Sleep(time.Minute) // fake time
				synctest.Wait()
				srv.Notify(toolsChanged, nil)
				time.Sleep(debounce) // fake time
				synctest.Wait()
				require.ElementsMatch(t, row.later, d.take())
				echoes(t, s)
			})
		})
	}
}

// The server refuses the first GET, because it has not noticed the end of a stream that an earlier
// GET opened without a reply.
func TestSharedStreamThatIsTakenAtFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet || srv.Count("GET") > 5 {
				return false
			}
			mcptest.WriteError(w, http.StatusBadRequest, nil, -32000, "stream already open")
			return true
		})
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		time.Sleep(time.Minute) // fake time
		srv.Notify(toolsChanged, nil)
		time.Sleep(debounce) // fake time
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		require.Equal(t, 1, srv.Count("initialize"))
		echoes(t, s)
	})
}

// A server that keeps saying so is asked for about eight minutes. Then the end is reported.
func TestSharedStreamThatStaysTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		h := d.handlers()
		h.MissedEvents = func(_ context.Context, _ *mcpclient.Session, g mcpclient.MissedEvents) { d.notef("ended %v", g.Ended) }
		s := serve(t, srv, mcpclient.Options{Handlers: h})
		synctest.Wait()
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet {
				return false
			}
			mcptest.WriteError(w, http.StatusBadRequest, nil, -32000, "session already exists")
			return true
		})
		srv.CutSharedStreams(true)
		time.Sleep(time.Hour) // fake time
		synctest.Wait()
		require.Equal(t, 1+1+40, srv.Count("GET"))
		require.Equal(t, []string{"ended true"}, d.take())
		echoes(t, s)
	})
}
