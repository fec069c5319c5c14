package mcpclient_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// asks are server requests that need no handler: each is answered by a POST.
var asks = []string{"ping", "roots/list", "unknown/method"}

// flooded is a tool that sends many requests at once and returns without waiting for the responses.
func flooded(method string, n int) mcptest.ToolFunc {
	return func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
		for range n {
			c.Begin(method, nil)
		}
		c.Notify("notifications/n", nil)
		return mcptest.Text("done"), nil
	}
}

// Of a flood of requests that need no handler, 64 are answered at once, then 32 a second for 6 s.
// The rest is dropped and logged once. The stream goes on.
func TestFloodOfPingsIsAnsweredAtARate(t *testing.T) {
	for _, method := range asks {
		for _, where := range []string{"call", "standing stream"} {
			t.Run(method+" on the "+where, func(t *testing.T) {
				inBubble(t, func(t *testing.T, srv *mcptest.Server) {
					add(srv, "flood", flooded(method, 500))
					var told []time.Duration
					start := time.Now()
					var log bytes.Buffer
					s := serve(t, srv, mcpclient.Options{
						Logger: slog.New(slog.NewTextHandler(&log, nil)),
						Handlers: mcpclient.Handlers{Notification: func(context.Context, *mcpclient.Session, string, jsonRaw) {
							told = append(told, time.Since(start))
						}},
					})
					synctest.Wait()
					for range 2 {
						srv.Reset()
						start, told = time.Now(), nil
						if where == "call" {
							got := <-begin(t.Context(), s, "flood")
							require.NoError(t, got.err)
							require.Zero(t, got.at)
						} else {
							for range 500 {
								srv.Begin(method, nil)
							}
							srv.Notify("notifications/n", nil)
						}
						synctest.Wait()
						require.Equal(t, []time.Duration{0}, told, "what comes behind the flood is not delayed")
						require.Equal(t, 64, srv.Count("response"))
						time.Sleep(time.Second)
						synctest.Wait()
						require.Equal(t, 64+32, srv.Count("response"))
						time.Sleep(time.Minute)
						require.Equal(t, 64+6*32, srv.Count("response"))
					}
					require.Equal(t, 1, strings.Count(log.String(), "arrive too fast"), "%s", log.String())
				})
			})
		}
	}
}

// A server that waits for each response before its next request gets all of them, only more slowly.
func TestServerThatWaitsGetsEveryAnswer(t *testing.T) {
	for _, method := range asks {
		for _, where := range []string{"call", "standing stream"} {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				const n = 500
				add(srv, "patient", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
					for range n {
						ask := func() (*mcptest.Message, error) { return srv.SendRequest(method, nil) }
						if where == "call" {
							ask = func() (*mcptest.Message, error) { return c.SendRequest(ctx, method, nil) }
						}
						if _, err := ask(); err != nil {
							return nil, err
						}
					}
					return mcptest.Text("done"), nil
				})
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				got := <-begin(t.Context(), s, "patient")
				require.NoError(t, got.err)
				require.Equal(t, n, srv.Count("response"))
				require.Equal(t, (n-64)*time.Second/32, got.at)
			})
		}
	}
}

// Pings at a usual rate are answered at once, for as long as they come.
func TestUsualPingsAreAnsweredAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		for round := range 20 {
			for range 60 {
				srv.Begin("ping", nil)
			}
			synctest.Wait()
			require.Equal(t, 60*(round+1), srv.Count("response"))
			time.Sleep(2 * time.Second)
		}
	})
}

// A server that does not accept the responses gets 16 at once, and at most 256 wait. Close ends
// them.
func TestAnswersThatTheServerDoesNotRead(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		answers := srv.HoldIf(func(r *mcptest.Request) bool { return r.Method == "response" })
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		for range 20 {
			for range 100 {
				srv.Begin("ping", nil)
			}
			time.Sleep(time.Second)
		}
		require.Len(t, answers.Arrived(), 16)
		echoes(t, s)
		start := time.Now()
		require.NoError(t, s.Close())
		require.Less(t, time.Since(start), mcpclient.DefaultCloseTimeout)
		answers.Release()
		require.LessOrEqual(t, srv.Count("response"), 16, "what waited was not sent")
	})
}
