package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/internal/singleflight"
)

// work is the result of one background operation of a [Client]: loading, a renewal, an
// authorization.
type work struct {
	prompted bool // an authorization: the user was prompted
	stepUp   bool // an authorization: for more scopes
}

// flight is a single flight: it runs one operation at a time, for all callers that need it.
type flight = singleflight.Group[work]

// join returns the operation in progress, and starts one if there is none. The operation runs on a
// goroutine of the client, within its own time limit: no caller's context ends it. joined reports
// that it was in progress already; it may not have been started for this caller's purpose.
func (c *Client) join(f *flight, limit time.Duration, do func(context.Context, *work) error) (call *singleflight.Call[work], joined bool) {
	return f.Join(c.owned.Go, func() (w work, err error) {
		ctx, stop := context.WithTimeoutCause(c.root, limit, errTooSlow)
		defer stop()
		err = do(ctx, &w)
		return w, err
	})
}

// await waits for an operation, until the caller's context ends or the client is closed.
func (c *Client) await(ctx context.Context, call *singleflight.Call[work]) error {
	_, err := call.Wait(ctx, c.closing)
	return err
}

var errTooSlow = errors.New("timeout")
