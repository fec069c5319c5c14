package mcpclient

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// cancelTimeout bounds the telling of a cancellation. Nobody waits for it but Close.
const cancelTimeout = 5 * time.Second

// sendCancelled tells a legacy server that nobody waits for a request any more.
func (s *Session) sendCancelled(c *call, why Kind) {
	if c.used == nil || c.notify {
		return
	}
	gone := running{c.used, c.id, c.method}
	if !gone.cancellable() {
		return
	}
	s.owned.start(func() {
		ctx, cancel := context.WithTimeoutCause(s.root, cancelTimeout, &TimeoutError{What: "total", After: cancelTimeout})
		defer cancel()
		s.tellCancelled(ctx, gone, why)
	})
}

// cancellable reports whether the server is told by a message: to a modern one
// the closed stream says so already, and initialize must not be cancelled.
func (r *running) cancellable() bool {
	return r.on != nil && !r.on.modern() && r.method != methodInitialize
}

// tellCancelled posts one cancellation (2025-11-25, "Cancellation").
func (s *Session) tellCancelled(ctx context.Context, gone running, why Kind) {
	params := strconv.AppendInt([]byte(`{"requestId":`), gone.id, 10)
	params = append(params, `,"reason":`...)
	params = append(jsonrpc.AppendString(params, why.String()), '}')
	body := jsonrpc.AppendNotification(nil, methodCancelled, params)
	if err := s.conn.Notify(ctx, gone.on.http, &streamablehttp.Request{Method: methodCancelled, Body: body}); err != nil {
		s.log.Debug("cancellation not delivered", "error", brief(err))
	}
}

// maxNotices bounds how many cancellations Close sends at once; the DELETE after
// them ends the rest.
const maxNotices = 64

// cancelAll tells the server of the calls that Close cut short, all at once,
// and waits for that, within ctx: a server may wait for its handlers before it answers the DELETE.
func (s *Session) cancelAll(ctx context.Context, cut []running) {
	var wg sync.WaitGroup
	notices := 0
	for _, gone := range cut {
		if !gone.cancellable() || notices == maxNotices {
			continue
		}
		notices++
		wg.Go(func() { s.tellCancelled(ctx, gone, KindClosed) })
	}
	wg.Wait()
}
