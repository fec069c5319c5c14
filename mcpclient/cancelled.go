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

// notices are the cancellations that are being told. Close does not end them with
// all else, but waits for them a while: who cancels a call and closes at once
// means both.
type notices struct {
	owned
	ctx  context.Context
	stop context.CancelFunc
}

func (n *notices) open() { n.ctx, n.stop = context.WithCancel(context.Background()) }

// sendCancelled tells a legacy server that nobody waits for a request any more,
// unless Close does.
func (s *Session) sendCancelled(c *call, why Kind) {
	if c.used == nil || c.notify || c.WasCut() {
		return
	}
	gone := running{c.used, c.id, c.method}
	if !gone.cancellable() {
		return
	}
	s.notices.start(func() {
		ctx, cancel := context.WithTimeoutCause(s.notices.ctx, cancelTimeout, &TimeoutError{What: TimeoutTotal, After: cancelTimeout})
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
// and waits for that and for the notices under way, within ctx: a server may wait for its handlers before it answers the DELETE.
func (s *Session) cancelAll(ctx context.Context, cut []running) {
	var wg sync.WaitGroup
	told := 0
	for _, gone := range cut {
		if !gone.cancellable() || told == maxNotices {
			continue
		}
		told++
		wg.Go(func() { s.tellCancelled(ctx, gone, KindClosed) })
	}
	wg.Wait()
	_ = s.notices.Wait(ctx) // what is not done by now is stopped
	s.notices.stop()
}
