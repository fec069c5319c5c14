package mcpclient_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// logOf is how each event appears in the log. Here, an observer logs its events like that.
func logOf(e mcpclient.Event) string {
	switch e := e.(type) {
	case mcpclient.Negotiated:
		return "DEBUG negotiated"
	case mcpclient.Connected:
		return "INFO connected"
	case mcpclient.Retrying:
		if e.Wait > 0 {
			return "INFO retrying request"
		}
		return "DEBUG retrying request"
	case mcpclient.RecoveryStarted:
		if e.Recovery.Doubted {
			return "DEBUG session may be lost"
		}
		return "INFO session lost"
	case mcpclient.RecoveryEnded:
		switch {
		case e.Replaced:
			return "INFO session restored"
		case e.Err != nil:
			return "WARN session recovery failed"
		}
		return "DEBUG session is alive"
	case mcpclient.StreamOpened:
		return "DEBUG stream opened"
	case mcpclient.StreamLost:
		if e.Final {
			return "DEBUG stream ended"
		}
		return "DEBUG stream lost"
	case mcpclient.StreamGap:
		return "INFO notifications may have been missed"
	case mcpclient.AuthorizationStarted:
		return "INFO authorizing"
	case mcpclient.AuthorizationEnded:
		if e.Err != nil {
			return "WARN authorization failed"
		}
		return "INFO authorized"
	case mcpclient.ToolRedefined:
		return "WARN a tool's definition has changed"
	case mcpclient.Closed:
		return "INFO closed"
	}
	return ""
}

var logLine = regexp.MustCompile(`level=(\w+) msg="?([^"=]+?)"? ?(?:\w+=|\n)`)

// The log has one record for each event, in the same order, and no secret of the client.
func TestEventsAreLogged(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var log logged
		var mu sync.Mutex
		var want []string
		wants, d := new(sync.Map), &doorkeeper{token: "token-8472"}
		wants.Store("token", "token-8472")
		locked(srv, wants)
		d.ask = func(context.Context, int, http.Header) error { return errors.New("declined") }
		link := srv.InMemory(t)
		s, err := tryConnect(t, link, mcpclient.Options{Logger: log.logger(), Auth: d, Handlers: new(observed).noting(), Observer: func(_ context.Context, e mcpclient.Event) {
			mu.Lock()
			defer mu.Unlock()
			want = append(want, logOf(e))
		}})
		require.NoError(t, err)
		synctest.Wait()
		d.set("token-old-8472")
		_, err = s.ListTools(t.Context(), nil)
		require.Error(t, err)
		d.set("token-8472")
		_, err = s.ListTools(t.Context(), nil)
		require.NoError(t, err)
		srv.Tools[0].Schema = `{"type":"object","title":"other"}`
		_, err = s.ListTools(t.Context(), nil)
		require.NoError(t, err)
		srv.CutSharedStreams(true)
		pass(time.Minute)
		onceAt(srv, "tools/call", withStatus(http.StatusTooManyRequests))
		echoes(t, s)
		onceAt(srv, "tools/call", withStatus(http.StatusBadRequest))
		_, err = s.CallTool(t.Context(), "echo", nil)
		require.Error(t, err)
		loseIn(srv)
		echoes(t, s)
		synctest.Wait()
		require.NoError(t, s.Close())
		var got []string
		for line := range strings.Lines(log.String()) {
			require.NotContains(t, line, "8472")
			found := logLine.FindStringSubmatch(line)
			require.NotNil(t, found, line)
			got = append(got, found[1]+" "+found[2])
		}
		require.Equal(t, want, got)
		require.Greater(t, len(want), 14)
	})
}
