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

// onSharedStream adds a tool to a legacy server. The tool sends a request on the shared stream, as
// some servers do because they do not know which call a request belongs to. Requests that are sent
// before the stream is open are lost.
func onSharedStream(srv *mcptest.Server) {
	add(srv, "ask", func(context.Context, *mcptest.Call) (jsonRaw, error) {
		answer, err := srv.SendRequest(elicit, aForm)
		if err != nil {
			return nil, err
		}
		return mcptest.Text(string(answer.Result)), nil
	})
}

// slowGet delays the handling of each GET by the given time.
func slowGet(srv *mcptest.Server, by time.Duration) {
	srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		if r.Method == http.MethodGet {
			select {
			case <-time.After(by):
			case <-r.Context().Done():
			}
		}
		return false
	})
}

const namedKen = `{"action":"accept","content":{"name":"Ken"}}`

// The first call after Connect, and the first in each new session, waits until the shared stream is
// open.
func TestFirstCallWaitsForTheSharedStream(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		onSharedStream(srv)
		slowGet(srv, time.Second)
		s := serve(t, srv, mcpclient.Options{Handlers: answersForm(named("Ken"), nil)})
		for _, want := range []time.Duration{time.Second, 0} {
			got := <-begin(t.Context(), s, "ask")
			require.NoError(t, got.err)
			require.JSONEq(t, namedKen, text(t, got.res))
			require.Equal(t, want, got.at)
		}
		srv.LoseSessions()
		got := <-begin(t.Context(), s, "ask")
		require.NoError(t, got.err)
		require.JSONEq(t, namedKen, text(t, got.res))
		require.Equal(t, 2, srv.Count("initialize"))
		require.Equal(t, time.Second, got.at)
	})
}

// If the shared stream does not open, calls wait for it only once. Calls do not wait if the stream
// was refused or if there are no handlers for server requests. Client requests during which the
// server can send no request never wait.
func TestWhichCallsWaitForTheSharedStream(t *testing.T) {
	ask := answersForm(named("Ken"), nil)
	for name, test := range map[string]struct {
		handlers mcpclient.Handlers
		get      time.Duration
		refused  bool
		want     time.Duration
	}{
		"held back":           {handlers: ask, get: time.Hour, want: 2 * time.Second},
		"refused":             {handlers: ask, refused: true},
		"no request handlers": {handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) {}}, get: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				slowGet(srv, test.get)
				srv.NoSharedStream = test.refused
				s := serve(t, srv, mcpclient.Options{Handlers: test.handlers})
				start := time.Now()
				require.NoError(t, s.Ping(t.Context()))
				listed(t, s)
				require.Zero(t, time.Since(start))
				for _, want := range []time.Duration{test.want, 0} {
					got := <-begin(t.Context(), s, "echo")
					require.NoError(t, got.err)
					require.Equal(t, want, got.at)
				}
			})
		})
	}
}

// The wait for the shared stream ends when the caller's context ends, when the call's total timeout
// expires, or on Close. The call has not been sent then.
func TestWaitForTheSharedStreamEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(cancel context.CancelFunc, s *mcpclient.Session)
		opts []mcpclient.CallOption
		kind mcpclient.Kind
		at   time.Duration
	}{
		"context": {end: func(cancel context.CancelFunc, _ *mcpclient.Session) { cancel() }, kind: mcpclient.KindCanceled},
		"close":   {end: func(_ context.CancelFunc, s *mcpclient.Session) { _ = s.Close() }, kind: mcpclient.KindClosed},
		"timeout": {opts: []mcpclient.CallOption{mcpclient.WithTotalTimeout(time.Second)}, kind: mcpclient.KindTimeout, at: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				slowGet(srv, time.Hour)
				s := serve(t, srv, mcpclient.Options{Handlers: answersForm(named("Ken"), nil)})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				call := begin(ctx, s, "echo", test.opts...)
				synctest.Wait()
				if test.end != nil {
					test.end(cancel, s)
				}
				got := <-call
				e := failure(t, got.err)
				require.Equal(t, test.kind, e.Kind, "%v", e)
				require.Equal(t, mcpclient.NotRun, e.Outcome)
				require.Equal(t, test.at, got.at)
				require.Zero(t, srv.Executions("echo"))
			})
		})
	}
}
