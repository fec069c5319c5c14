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

// unhandled lists server requests that need no handler. The client answers each with a POST.
var unhandled = []string{"ping", "roots/list", "unknown/method"}

// flooded is a tool that sends n requests at once and returns without waiting for the responses.
func flooded(method string, n int) mcptest.ToolFunc {
	return func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
		for range n {
			c.Begin(method, nil)
		}
		c.Notify("notifications/n", nil)
		return mcptest.Text("done"), nil
	}
}

// If a server floods the client with requests that need no handler, 64 are answered at once, then
// 32 per second for 6 s. The client drops the others, logs this once, and keeps the stream open.
func TestFloodOfPingsIsAnsweredAtARate(t *testing.T) {
	for _, method := range unhandled {
		for _, where := range []string{"call", "shared stream"} {
			t.Run(method+" on the "+where, func(t *testing.T) {
				inBubble(t, func(t *testing.T, srv *mcptest.Server) {
					add(srv, "flood", flooded(method, 500))
					var delivered []time.Duration
					start := time.Now()
					var log bytes.Buffer
					s := serve(t, srv, mcpclient.Options{
						Logger: slog.New(slog.NewTextHandler(&log, nil)),
						Handlers: mcpclient.Handlers{Notification: func(context.Context, *mcpclient.Session, string, jsonRaw) {
							delivered = append(delivered, time.Since(start))
						}},
					})
					synctest.Wait()
					for range 2 {
						srv.Reset()
						start, delivered = time.Now(), nil
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
						require.Equal(t, []time.Duration{0}, delivered, "messages after the flood are not delayed")
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

// A server that waits for each response before its next request gets all responses, only more
// slowly.
func TestServerThatWaitsGetsEveryAnswer(t *testing.T) {
	for _, method := range unhandled {
		for _, where := range []string{"call", "shared stream"} {
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

// Pings at a normal rate are always answered at once.
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

// If a server does not read the responses, 16 are in flight and at most 256 wait. Close cancels all
// of them.
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
		require.LessOrEqual(t, srv.Count("response"), 16, "the waiting responses were not sent")
	})
}
