package mcpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// CallOption changes one call.
type CallOption func(*callOptions)

type callOptions struct {
	header http.Header
	meta   []byte // user's members of _meta, without braces

	metaMembers map[string]json.RawMessage // the same, to find doubles
	timeouts    Timeouts
	total       time.Duration // of tool calls and the like, or of any call that was given one; 0: none
	ownTotal    bool          // the call was given one
	progress    func(context.Context, Progress)
	token       int64
	keepRaw     bool
	idempotent  bool
	manual      bool   // the caller answers input_required itself
	input       []byte // members of the parameters that answer an input_required, without braces
	mirrored    []streamablehttp.Param
	err         error // the first option that made no sense
}

// newCallOptions starts from the session's timeouts.
func (s *Session) newCallOptions(opts []CallOption) callOptions {
	o := callOptions{timeouts: s.opts.Timeouts, total: s.opts.Timeouts.Total}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

func (o *callOptions) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// WithIdleTimeout sets how long the call may go without any event of its
// stream; progress resets it. Negative means no bound. For requests that are
// safe to repeat it bounds each try.
func WithIdleTimeout(d time.Duration) CallOption {
	return func(o *callOptions) {
		if d != 0 {
			o.timeouts.Idle = duration(d, 0, 0)
			o.timeouts.Try = o.timeouts.Idle
		}
	}
}

// WithTotalTimeout bounds the call as a whole, whatever progress it makes and
// however often it is tried.
func WithTotalTimeout(d time.Duration) CallOption {
	return func(o *callOptions) {
		if d != 0 {
			o.total, o.ownTotal = duration(d, 0, 0), true
		}
	}
}

// WithHeader sends a header with this call only. Headers that the protocol
// defines cannot be set.
func WithHeader(name, value string) CallOption {
	return func(o *callOptions) {
		h := http.Header{name: {value}}
		if err := streamablehttp.CheckHeader(h); err != nil {
			o.fail(err)
			return
		}
		if o.header == nil {
			o.header = make(http.Header)
		}
		o.header.Add(name, value)
	}
}

// WithMeta adds members to the request's _meta. Keys that the protocol sets
// itself are refused; the map is not changed.
func WithMeta(meta map[string]any) CallOption {
	return func(o *callOptions) {
		for _, key := range slices.Sorted(maps.Keys(meta)) {
			value, err := json.Marshal(meta[key])
			if err != nil {
				o.fail(fmt.Errorf("_meta %q: %w", key, err))
				return
			}
			o.addMeta(key, value)
		}
	}
}

// addMeta adds a member; of two with one key the last wins.
func (o *callOptions) addMeta(key string, value []byte) {
	if reservedMeta(key) {
		o.fail(fmt.Errorf("_meta key %q is set by the protocol", key))
		return
	}
	if o.metaMembers == nil {
		o.metaMembers = make(map[string]json.RawMessage)
	}
	o.metaMembers[key] = append(json.RawMessage(nil), value...)
	o.meta = o.meta[:0]
	for _, key := range slices.Sorted(maps.Keys(o.metaMembers)) {
		if len(o.meta) > 0 {
			o.meta = append(o.meta, ',')
		}
		o.meta = jsonrpc.AppendString(o.meta, key)
		o.meta = append(append(o.meta, ':'), o.metaMembers[key]...)
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

// WithRawResult keeps the whole result as received in its Raw field.
func WithRawResult() CallOption {
	return func(o *callOptions) { o.keepRaw = true }
}

// WithIdempotent declares that repeating this call does no harm: when its answer is lost
// it is sent again, like a list request, instead of failing with
// [KindOutcomeUnknown]. [SafeToRepeat] is true for its errors; their outcome says what happened, as for any call.
func WithIdempotent() CallOption {
	return func(o *callOptions) { o.idempotent = true }
}

// WithManualInput returns the result of a tool, prompt or resource for which a
// modern server requires input as it is, with Input set, instead of asking the
// session's handlers. On a legacy server it changes nothing.
func WithManualInput() CallOption {
	return func(o *callOptions) { o.manual = true }
}

// WithInput goes on with a call for which a modern server required input. The
// call is made again with the same arguments; answers has a result for each of
// the requests, by key: a [*mcp.ElicitationResult], a [*mcp.CreateMessageResult],
// a [*mcp.ListRootsResult], or anything else that encodes to what they do.
func WithInput(in *InputRequired, answers map[string]any) CallOption {
	return func(o *callOptions) { o.takeInput(in, answers) }
}

// OnProgress asks the server for progress of this call. The function runs with
// the call's context, in order, one at a time and always before the call
// returns. It runs on the call's goroutine and delays only this call; with a
// server that sends progress on the standing stream, which is open only if there
// are [Handlers], it runs on that stream's and delays what comes on it too; what
// comes there while it still runs is passed over.
func OnProgress(f func(ctx context.Context, p Progress)) CallOption {
	return func(o *callOptions) { o.progress = f }
}

// errNotObject is for parameters that do not encode to a JSON object.
var errNotObject = errors.New("must be a JSON object")

// splitParams encodes the parameters of a raw request and moves the members of
// a _meta in it to the options, where the protocol's own can join them.
func (o *callOptions) splitParams(params any) []byte {
	if params == nil {
		return nil
	}
	data, err := json.Marshal(params)
	if err != nil {
		o.fail(err)
		return nil
	}
	cur := jsonrpc.NewCursor(data, 0)
	if cur.TryNull() {
		return nil
	}
	if cur.Kind() != jsonrpc.Object {
		o.fail(fmt.Errorf("parameters %w, got %v", errNotObject, cur.Kind()))
		return nil
	}
	if !bytes.Contains(data, []byte("_meta")) && !bytes.Contains(data, []byte(`\u`)) {
		return data
	}
	rest := []byte{'{'}
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		if string(key) == "_meta" {
			o.takeMeta(&cur)
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = jsonrpc.AppendString(rest, string(key))
		rest = append(append(rest, ':'), cur.Skip()...)
	}
	if err := cur.Err(); err != nil {
		o.fail(err)
	}
	return append(rest, '}')
}

func (o *callOptions) takeMeta(cur *jsonrpc.Cursor) {
	if cur.TryNull() {
		return
	}
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		name := string(key)
		o.addMeta(name, cur.Skip())
	}
}
