package mcpclient

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/streamablehttp"
)

// CallOption configures one call.
type CallOption func(*call)

// callOptions holds what the options of a call set, apart from its message and its timeouts.
type callOptions struct {
	total      time.Duration // total timeout, used for calls with side effects and with WithTotalTimeout; 0: none
	maxTries   int           // 0: as many as the session's policy allows
	progress   func(context.Context, Progress)
	ownTotal   bool // WithTotalTimeout was given
	keepRaw    bool
	idempotent bool
	unresolved bool  // return the result of an extension as it was received
	manual     bool  // the caller, not a handler, provides the input that the server requires
	err        error // the error of the first invalid option
}

// apply applies the options in order.
func (c *call) apply(opts []CallOption) {
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
}

func (o *callOptions) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// WithIdleTimeout ends the call when its stream has delivered no event, such as progress, for this
// long. For a request that is safe to repeat, it bounds each try instead. Zero changes nothing;
// negative means no bound.
func WithIdleTimeout(d time.Duration) CallOption {
	return func(c *call) {
		if d != 0 {
			c.timeouts.Idle = duration(d, 0, 0)
			c.timeouts.Try = c.timeouts.Idle
		}
	}
}

// WithTotalTimeout bounds the whole call, including all its tries, even if it makes progress. Zero
// changes nothing; negative means no bound.
func WithTotalTimeout(d time.Duration) CallOption {
	return func(c *call) {
		if d != 0 {
			c.total, c.ownTotal = duration(d, 0, 0), true
		}
	}
}

// WithTries sets how many times the call is sent at most, including the first time. It replaces
// [Retry].MaxTries; 1 means no retries. The other bounds of [Retry] still apply. Each round of
// input starts a new count. n < 1 fails the call with [KindInvalid].
//
// WithTries never makes the session repeat a tool call that may have run. Such a call is retried
// only if it could not be sent, or if the server answered 425 or 429.
//
// If a call is refused because the session was lost, or because the revision, the tool list or the
// authorization is out of date, the session repairs that and sends the call again. It does so only
// if the refusal proves that the call did not run, or if the call is harmless. Such a repair is
// possible even if no tries are left, with one exception: replacing the session counts as a try,
// and replacing it a second time in the same call requires a remaining try.
func WithTries(n int) CallOption {
	return func(c *call) {
		if n < 1 {
			c.fail(fmt.Errorf("WithTries: expected at least 1, got %d", n))
		}
		c.maxTries = n
	}
}

// WithHeader sends a header with this call only. A header that the protocol defines fails the call
// with [KindInvalid].
func WithHeader(name, value string) CallOption {
	return func(c *call) {
		h := http.Header{name: {value}}
		if err := streamablehttp.CheckHeader(h); err != nil {
			c.fail(err)
			return
		}
		if c.header == nil {
			c.header = make(http.Header)
		}
		c.header.Add(name, value)
	}
}

// WithMeta adds members to the request's _meta. A key that the protocol sets itself fails the call
// with [KindInvalid]. The map is not changed.
func WithMeta(meta map[string]any) CallOption {
	return func(c *call) {
		for _, key := range slices.Sorted(maps.Keys(meta)) {
			value, err := json.Marshal(meta[key])
			if err != nil {
				c.fail(fmt.Errorf("_meta %q: %w", key, err))
				return
			}
			c.addMeta(key, value)
		}
	}
}

// addMeta adds a member to _meta. If a key is added twice, the last value wins.
func (c *call) addMeta(key string, value []byte) {
	if err := c.msg.setMeta(key, value); err != nil {
		c.fail(err)
	}
}

func reservedMeta(key string) bool {
	switch key {
	case "progressToken", mcp.MetaKeyProtocolVersion, mcp.MetaKeyClientInfo, mcp.MetaKeyClientCapabilities,
		mcp.MetaKeyLogLevel, mcp.MetaKeySubscriptionID:
		return true
	}
	return false
}

// WithRawResult keeps the exact bytes of the result in its Raw field.
func WithRawResult() CallOption {
	return func(c *call) { c.keepRaw = true }
}

// WithIdempotent declares that running this call twice does no harm. If its answer is lost, the
// session sends it again, like a list request, instead of failing with [KindOutcomeUnknown].
// [SafeToRepeat] returns true for its errors. WithIdempotent does not change the outcome of an
// error.
func WithIdempotent() CallOption {
	return func(c *call) { c.idempotent = true }
}

// WithManualInput makes the call return a result with Input set if a modern server requires input
// for a tool, prompt or resource. Without this option, the session's handlers provide the input.
// The option has no effect on a legacy server.
func WithManualInput() CallOption {
	return func(c *call) { c.manual = true }
}

// WithInput continues a call for which a modern server required input. Make the call again with the
// same arguments and this option. answers maps the key of each request to its result: a
// [*mcp.ElicitationResult], a [*mcp.CreateMessageResult], a [*mcp.ListRootsResult], or anything
// that encodes to the same JSON.
func WithInput(in *InputRequired, answers map[string]any) CallOption {
	return func(c *call) { c.takeInput(in, answers) }
}

// OnProgress asks the server for progress of this call and sets the callback that receives it. The
// callback runs with the call's context, once for each notification, in order, one at a time and
// always before the call returns. It runs on the call's goroutine and delays only this call.
//
// A legacy server may also send progress on the shared stream, which is only open if [Handlers] are
// set. The callback then runs on that stream's goroutine and delays the stream. Updates that arrive
// on that stream while the callback runs are dropped.
func OnProgress(f func(ctx context.Context, p Progress)) CallOption {
	return func(c *call) { c.progress = f }
}
