package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/internal/singleflight"
)

// work is the result of one piece of work of a [Client]: loading, a renewal, an authorization.
type work struct {
	prompted bool // an authorization: the user was prompted
	stepUp   bool // an authorization: for more scopes
}

// flight is a single flight: it does one piece of work at a time, for all who need it.
type flight = singleflight.Group[work]

// join returns the work that is in progress, and starts it if there is none. It runs on a goroutine
// of the client, within a limit of its own: no caller's context ends it. joined says that it was in
// progress already, and may be about something else.
func (c *Client) join(f *flight, limit time.Duration, do func(context.Context, *work) error) (call *singleflight.Call[work], joined bool) {
	return f.Join(c.owned.Go, func() (w work, err error) {
		ctx, stop := context.WithTimeoutCause(c.root, limit, errTooSlow)
		defer stop()
		err = do(ctx, &w)
		return w, err
	})
}

// await waits for work, until the caller's context ends or the client is closed.
func (c *Client) await(ctx context.Context, call *singleflight.Call[work]) error {
	_, err := call.Wait(ctx, c.closing)
	return err
}

var errTooSlow = errors.New("timeout")
