package mcpclient

import (
	"context"
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// cancelTimeout bounds the telling of a cancellation. Nobody waits for it but Close.
const cancelTimeout = 5 * time.Second

// sendCancelled tells a legacy server that nobody waits for a request any more
// (2025-11-25, "Cancellation"). To a modern server the closed stream says so
// already; initialize must not be cancelled.
func (s *Session) sendCancelled(c *call, why Kind) {
	if c.used == nil || c.used.modern() || c.method == methodInitialize || c.notify {
		return
	}
	params := strconv.AppendInt([]byte(`{"requestId":`), c.id, 10)
	params = append(params, `,"reason":`...)
	params = append(jsonrpc.AppendString(params, why.String()), '}')
	body := jsonrpc.AppendNotification(nil, methodCancelled, params)
	sn := c.used
	s.owned.start(func() {
		ctx, cancel := context.WithTimeoutCause(s.root, cancelTimeout, &TimeoutError{What: "total", After: cancelTimeout})
		defer cancel()
		if err := s.conn.Notify(ctx, sn.http, &streamablehttp.Request{Method: methodCancelled, Body: body}); err != nil {
			s.log.Debug("cancellation not delivered", "error", brief(err))
		}
	})
}
