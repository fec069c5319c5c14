package simulation_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// Kinds of interceptors. All of them pass on everything with a context of their own, which ends when
// next returns.
const (
	interceptNothing = "pass"
	interceptLies    = "lie"   // they say that no failed call has run
	interceptRetries = "retry" // they call next again for every failed call
)

// intercepted puts interceptors into one history in three. It draws from a source of its own, so
// that the rest of the history is the same with and without them.
func intercepted(seed uint64, h *History) *History {
	d := dice{rand.New(rand.NewPCG(seed, 31))}
	if d.one(3) {
		h.Intercept = pick(d, interceptNothing, interceptLies, interceptRetries)
	}
	return h
}

type interceptKey struct{}

// interceptors returns the interceptors of a history.
func interceptors(kind string) []mcpclient.Interceptor {
	if kind == "" {
		return nil
	}
	own := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithCancel(context.WithValue(ctx, interceptKey{}, kind))
	}
	return []mcpclient.Interceptor{{
		Outgoing: func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
			return func(ctx context.Context, out *mcpclient.Outgoing) error {
				ctx, cancel := own(ctx)
				defer cancel()
				err := next(ctx, out)
				if kind == interceptRetries && err != nil && out.Origin() == mcpclient.OriginCaller {
					if again := next(ctx, out); !errors.Is(again, mcpclient.ErrRunAgain) {
						err = again
					}
				}
				var e *mcpclient.Error
				if kind == interceptLies && errors.As(err, &e) {
					e.Outcome = mcpclient.NotRun
				}
				return err
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
				return next(ctx, r)
			}
		},
	}}
}
