package peers_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// By default, codex runs one request at a time on each link. A slow tool must not block other
// requests. If its call is cancelled, the server must be notified, although the executor protocol
// has no cancel message.
func TestCodexWithOneRequestAtATime(t *testing.T) {
	codex := peer.StartCodex(t, "--concurrent-requests", "1")
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		t.Run(era.String(), func(t *testing.T) {
			rt := openExecutor(t, codex.URL, nil)
			srv := mcptest.New(era)
			srv.Tools = []*mcptest.Tool{{Name: "echo"}, {Name: "slow"}}
			held, gone := make(chan struct{}, 1), make(chan struct{}, 1)
			srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" || !isCallOf("slow", m) {
					return false
				}
				held <- struct{}{}
				srv.Hang(r)
				gone <- struct{}{}
				return true
			})
			url := srv.Loopback(t).URL
			connect := func() *mcpclient.Session {
				s, err := mcpclient.Connect(t.Context(), url, &mcpclient.Options{Transport: rt})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			s, other := connect(), connect()
			defer s.Close()
			ctx, cancel := context.WithCancelCause(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := s.CallTool(ctx, "slow", nil)
				failed <- err
			}()
			within(t, held, "the slow call")
			// The headers of the slow call are withheld from here on.
			_, callErr := s.CallTool(t.Context(), "echo", nil)
			if err := errors.Join(callErr, s.Ping(t.Context()), other.Close()); err != nil {
				t.Fatalf("during a slow call: %v", err)
			}
			if n := srv.Count("DELETE"); era == mcptest.Legacy && n != 1 {
				t.Errorf("%d DELETEs", n)
			}
			if len(gone)+len(failed) > 0 {
				t.Fatal("the slow call ended before it was cancelled")
			}
			cancel(errPatience)
			if err := within(t, failed, "the end of the slow call"); !errors.Is(err, errPatience) {
				t.Errorf("slow call: %v", err)
			}
			within(t, gone, "the cancel at the server")
		})
	}
}

// isCallOf reports whether m is a call of this tool.
func isCallOf(tool string, m *mcptest.Message) bool {
	var params struct{ Name string }
	return json.Unmarshal(m.Params, &params) == nil && params.Name == tool
}

// connections tracks the open connections of a server.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]struct{} // guarded by mu
	most int                   // guarded by mu
	none chan struct{}         // receives a value each time the last open connection closes
}

func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state { //nolint:exhaustive // the other states count as open
	case http.StateNew:
		c.open[conn] = struct{}{}
		c.most = max(c.most, len(c.open))
	case http.StateClosed, http.StateHijacked:
		if delete(c.open, conn); len(c.open) == 0 {
			c.none <- struct{}{}
		}
	}
}

// Closing the body of an open stream also closes the stream at the server.
func TestCodexLeavesNoStreamBehind(t *testing.T) {
	const streams = 50
	conns := &connections{open: map[net.Conn]struct{}{}, none: make(chan struct{}, streams)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	server.Config.ConnState = conns.changed
	server.Start()
	t.Cleanup(server.Close)
	codex := peer.StartCodex(t, "--concurrent-requests", "1")
	relay := peer.StartRelay(t, codex.URL)
	rt := openExecutor(t, relay.URL, nil)
	bodies := make([]io.Closer, streams)
	for i := range bodies {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = resp.Body
		if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	conns.mu.Lock()
	most := conns.most
	conns.mu.Unlock()
	if most != streams {
		t.Errorf("%d streams used %d connections", streams, most)
	}
	for _, body := range bodies {
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}
	within(t, conns.none, "the end of the last connection")
	if relay.Count(http.MethodPost, server.URL) != streams {
		t.Errorf("the executor received %v", relay.Exchanges())
	}
}
