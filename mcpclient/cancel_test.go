package mcpclient_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// When a call is cancelled, a legacy server gets one notification with the right ID. A modern
// server sees the stream close and gets nothing else.
func TestCancellationReachesTheTool(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		ended := make(chan time.Time, 1)
		add(srv, "never", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			res, err := never(ctx, c)
			ended <- time.Now()
			return res, err
		})
		s := serve(t, srv, mcpclient.Options{})
		echoes(t, s)
		ctx, cancel := context.WithCancelCause(t.Context())
		call := begin(ctx, s, "never")
		synctest.Wait()
		at := time.Now()
		cancel(errPatience)
		got := <-call
		e := failure(t, got.err)
		require.Equal(t, mcpclient.KindCanceled, e.Kind)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.ErrorIs(t, got.err, context.Canceled)
		require.ErrorIs(t, got.err, errPatience)
		require.Zero(t, got.at)
		require.Equal(t, at.Add(lag(srv)), <-ended, "the tool was cancelled at once")
		synctest.Wait()
		if srv.Era == mcptest.Modern {
			require.Zero(t, srv.Count("notifications/cancelled"))
		} else {
			calls := srv.Requests("tools/call")
			require.Equal(t, []string{calls[1].ID}, srv.Cancelled())
		}
		echoes(t, s)
	})
}

// A call that exceeds the session's timeout is also cancelled on the server. The test must end
// within a minute. After a minute, the server closes a spare connection of net/http, and the
// cancellation might be sent on that connection.
func TestTimeoutCancelsTheTool(t *testing.T) {
	const patience = 50 * time.Second
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		ended := make(chan time.Time, 1)
		add(srv, "never", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			res, err := never(ctx, c)
			ended <- time.Now()
			return res, err
		})
		s := serve(t, srv, mcpclient.Options{Timeouts: mcpclient.Timeouts{Idle: patience}})
		got := <-begin(t.Context(), s, "never")
		at := time.Now()
		idle(t, got.err)
		require.Equal(t, patience, got.at)
		require.Equal(t, at.Add(lag(srv)), <-ended)
		synctest.Wait()
		if srv.Era == mcptest.Legacy {
			require.Equal(t, []string{srv.Requests("tools/call")[0].ID}, srv.Cancelled())
		}
	})
}

// A list request that timed out is cancelled like a call (2025-11-25, "Timeouts").
func TestTimeoutCancelsAList(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		hangOn(srv, "tools/list")
		_, err := s.ListTools(t.Context(), nil)
		require.True(t, mcpclient.KindOf(err) == mcpclient.KindTimeout, "%v", err)
		synctest.Wait()
		var ids []string
		for _, r := range srv.Requests("tools/list") {
			ids = append(ids, r.ID)
		}
		require.Equal(t, ids, srv.Cancelled())
	})
}

// The client sends no cancellation for a call that was not sent or was already answered.
func TestNothingToCancel(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.CallTool(ctx, "echo", nil)
		require.NoError(t, err)
		cancel()
		_, err = s.CallTool(ctx, "echo", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindCanceled, e.Kind)
		require.True(t, unsent(err))
		require.Equal(t, mcpclient.NotRun, e.Outcome)
		synctest.Wait()
		require.Zero(t, srv.Count("notifications/cancelled"))
		require.Equal(t, 1, srv.Count("tools/call"))
	})
}

// If a progress callback cancels the context of its call, the call ends and the client cancels it
// on the server.
func TestCallbackCancelsItsCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "work", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Progress(1, 2, "")
			return never(ctx, c)
		})
		s := serve(t, srv, mcpclient.Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		enough := errors.New("enough")
		_, err := s.CallTool(ctx, "work", nil, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { cancel(enough) }))
		require.ErrorIs(t, err, enough)
		require.Equal(t, mcpclient.KindCanceled, failure(t, err).Kind)
		echoes(t, s)
	})
}

// Cancelling one call does not affect other calls. It works even while the call's stream is being
// resumed.
func TestCancellationDuringResumption(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Prime, srv.RetryField = true, "30000"
		add(srv, "work", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Cut(true)
			return never(ctx, c)
		})
		s := serve(t, srv, mcpclient.Options{})
		e := endedAfter(t, 7*time.Second, func(ctx context.Context) error {
			_, err := s.CallTool(ctx, "work", nil)
			return err
		})
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		synctest.Wait()
		require.Zero(t, srv.Count("GET"))
		require.Equal(t, []string{srv.Requests("tools/call")[0].ID}, srv.Cancelled())
		srv.RetryField = ""
		echoes(t, s)
	})
}
