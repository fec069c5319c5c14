package mcpclient_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// interceptVariable is the environment variable that puts [passing] and an observer into every
// session of the tests in this package. Interceptors that change nothing must change nothing.
const interceptVariable = "HAWSER_TEST_INTERCEPT"

// connectTo is [mcpclient.Connect] for tests.
func connectTo(ctx context.Context, endpoint string, opts *mcpclient.Options) (*mcpclient.Session, error) {
	if os.Getenv(interceptVariable) == "" {
		return mcpclient.Connect(ctx, endpoint, opts)
	}
	var forced mcpclient.Options
	if opts != nil {
		forced = *opts
	}
	forced.Interceptors = append(slices.Clone(forced.Interceptors), passing())
	if forced.Observer == nil {
		forced.Observer = func(context.Context, mcpclient.Event) {}
	}
	return mcpclient.Connect(ctx, endpoint, &forced)
}

type (
	passedKey struct{} // of values that tests pass on
	forcedKey struct{} // of the value that passing adds
)

// passing returns an interceptor that passes everything on with a context of its own, and ends that
// context when next returns.
func passing() mcpclient.Interceptor {
	own := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithCancel(context.WithValue(ctx, forcedKey{}, true))
	}
	return mcpclient.Interceptor{
		Outgoing: func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
			return func(ctx context.Context, out *mcpclient.Outgoing) error {
				ctx, cancel := own(ctx)
				defer cancel()
				return next(ctx, out)
			}
		},
		Incoming: func(next mcpclient.IncomingFunc) mcpclient.IncomingFunc {
			return func(ctx context.Context, in *mcpclient.Incoming) (json.RawMessage, error) {
				ctx, cancel := own(ctx)
				defer cancel()
				return next(ctx, in)
			}
		},
		Recovery: func(next mcpclient.RecoveryFunc) mcpclient.RecoveryFunc {
			return func(ctx context.Context, r *mcpclient.Recovery) error {
				ctx, cancel := own(ctx)
				defer cancel()
				r.OnWait(func(context.Context) {})
				return next(ctx, r)
			}
		},
	}
}
