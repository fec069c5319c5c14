package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// A cancelled call returns immediately, the context of the server's handler ends, and the session
// continues. The client cancels with a notification in the legacy era and by closing the stream in
// the modern era.
func TestCancel(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		s := connect(t, f, nil)
		cause := errors.New("the user changed their mind")
		ctx, cancel := context.WithCancelCause(limit(t))
		failed := make(chan error, 1)
		go func() {
			_, err := s.CallTool(ctx, "wait", nil)
			failed <- err
		}()
		receive(t, w.entered, "the call")
		cancel(cause)
		err := receive(t, failed, "the end of the call")
		require.Equal(t, mcpclient.KindCanceled, mcpclient.KindOf(err), "%v", err)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.True(t, mcpclient.MayHaveRun(err))
		require.ErrorIs(t, receive(t, w.ended, "the end of the handler"), context.Canceled)

		notified := called("notifications/cancelled")
		if modern(p) {
			requireEcho(t, s)
			require.Zero(t, f.count(notified))
			return
		}
		cancelled := f.await(t, notified)
		var params struct {
			RequestID json.RawMessage `json:"requestId"`
		}
		require.NoError(t, json.Unmarshal(cancelled.params, &params))
		require.Equal(t, string(f.await(t, called("tools/call")).id), string(params.RequestID))
		requireEcho(t, s)
	})
}

// Close ends running calls on the client and on the server. It also deletes a legacy session from
// the server.
func TestClose(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		s, err := mcpclient.Connect(limit(t), f.url, &mcpclient.Options{
			Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) {}},
		})
		require.NoError(t, err)
		f.await(t, shared(p))
		failed := make(chan error, 1)
		go func() {
			_, err := s.CallTool(t.Context(), "wait", nil)
			failed <- err
		}()
		receive(t, w.entered, "the call")
		require.NoError(t, s.Close())
		err = receive(t, failed, "the end of the call")
		require.Equal(t, mcpclient.KindClosed, mcpclient.KindOf(err), "%v", err)
		receive(t, w.ended, "the end of the handler")
		_, err = s.CallTool(limit(t), "echo", nil)
		require.True(t, mcpclient.KindOf(err) == mcpclient.KindClosed, "%v", err)
		require.NoError(t, s.Close())

		if modern(p) {
			require.Zero(t, f.count(verb(http.MethodDelete)))
			return
		}
		require.Equal(t, 1, f.count(verb(http.MethodDelete)))
		requireGone(t, f)
	})
}

// requireGone sends a request with the last session's ID and requires the status 404, which means
// that the server has deleted the session.
func requireGone(t *testing.T, f *front) {
	t.Helper()
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	require.Equal(t, http.StatusNotFound, f.thirdParty(t, http.MethodPost, f.sessionID(t), ping))
}

// Close also deletes an idle session from the server.
func TestCloseIdle(t *testing.T) {
	each(t, legacy, func(t *testing.T, _ peer, _ *world, f *front) {
		s, err := mcpclient.Connect(limit(t), f.url, nil)
		require.NoError(t, err)
		requireEcho(t, s)
		require.NoError(t, s.Close())
		requireGone(t, f)
	})
}
