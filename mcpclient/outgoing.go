package mcpclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Outgoing is a message that the session sends. An interceptor may use it until it returns, on one
// goroutine at a time. Printing an Outgoing shows its method only.
type Outgoing struct{ d *delivery }

// Method returns the JSON-RPC method. For a response, it is the method of the server request.
func (o *Outgoing) Method() string { return o.d.msg.method }

// Name returns the name of the tool or prompt, or the URI of the resource, that the message is
// about. It returns "" for other messages.
func (o *Outgoing) Name() string { return o.d.msg.name }

// Notification reports whether the message is a notification.
func (o *Outgoing) Notification() bool { return o.d.result == nil && !o.d.opens && !o.Answer() }

// Answer reports whether the message is the response to a server request.
func (o *Outgoing) Answer() bool {
	p, ok := o.d.Owner.(*posting)
	return ok && p.response != nil
}

// Stream reports whether the message opens a stream of events (subscriptions/listen). next then
// returns when the server has agreed. The stream continues without the interceptor: it keeps the
// values of the context that was passed to next, but does not end with it.
func (o *Outgoing) Stream() bool { return o.d.opens }

// Origin returns why the message is sent.
func (o *Outgoing) Origin() Origin { return o.d.origin }

// Endpoint returns the URL of the server without its query.
func (o *Outgoing) Endpoint() string { return o.d.s.Endpoint() }

// ProtocolVersion returns the revision of the last try, or the session's revision before the first.
// It is "" as long as none is negotiated.
func (o *Outgoing) ProtocolVersion() string {
	if state := o.d.state; state != nil {
		return state.version
	}
	if state := o.d.s.now.Load(); state != nil {
		return state.version
	}
	return ""
}

// Repeatable reports whether the message is safe to repeat: sending it again does no harm, even if
// it ran.
func (o *Outgoing) Repeatable() bool { return o.d.repeatable }

// Tries returns how many times the session has tried to send the message so far.
func (o *Outgoing) Tries() int { return o.d.tries }

// ID returns the JSON-RPC ID of the last try. It is 0 before the first try, and for messages
// without an ID.
func (o *Outgoing) ID() int64 { return o.d.msg.id }

// Outcome returns what is known of whether the server acted on the message in any try so far.
// Before next was called, it is [NotRun].
func (o *Outgoing) Outcome() Outcome { return Outcome(o.d.outcome()) }

// Expected reports whether err, with which next failed, is an outcome that the session is prepared
// for and that is no failure. Examples are a legacy server that refuses server/discover, after which
// the negotiation continues, and a refusal of the ping with which the session finds out whether the
// server has lost it.
func (o *Outgoing) Expected(err error) bool {
	var expected func(error) bool
	switch from := o.d.Owner.(type) {
	case *stateRequest:
		expected = from.expected
	case *posting:
		expected = from.expected
	case *opening:
		if from.origin == OriginSession {
			expected = unsupported // a session of handlers works without the stream
		}
	}
	return err != nil && expected != nil && expected(err)
}

// Params returns the parameters without _meta, nil for a message without parameters. Do not change
// them.
func (o *Outgoing) Params() json.RawMessage { return o.d.msg.params }

// Arguments returns the arguments of a tool call, nil for other messages. Do not change them.
func (o *Outgoing) Arguments() json.RawMessage { return o.d.args }

// SetArguments replaces the arguments of a tool call with anything that encodes to a JSON object.
// Headers that mirror arguments follow. It fails for other messages, and with [ErrSent] after next
// was called.
func (o *Outgoing) SetArguments(args any) error {
	d := o.d
	switch {
	case d.begun:
		return ErrSent
	case d.msg.method != methodCallTool:
		return fmt.Errorf("%s has no arguments to set", d.msg.method)
	}
	_, encoded, err := toolParams(d.msg.name, args)
	if err != nil {
		return err
	}
	params := append([]byte{'{'}, withoutMember(inner(d.msg.params), "arguments")...)
	params = append(appendComma(params), `"arguments":`...)
	d.msg.params, d.args = append(append(params, encoded...), '}'), encoded
	return nil
}

// inner returns the members of an object, without its braces.
func inner(object []byte) []byte {
	if object = bytes.TrimSpace(object); len(object) < 2 {
		return nil
	}
	return bytes.TrimSpace(object[1 : len(object)-1])
}

// Meta returns a member of the _meta that the caller or another interceptor has set. It returns nil
// if the member is not set. Do not change the result.
func (o *Outgoing) Meta(key string) json.RawMessage { return o.d.msg.userMeta(key) }

// SetMeta sets a member of _meta to anything that encodes to JSON. It fails for keys that the
// protocol sets itself and for responses, which have no _meta, and with [ErrSent] after next was
// called.
func (o *Outgoing) SetMeta(key string, value any) error {
	switch {
	case o.d.begun:
		return ErrSent
	case o.Answer():
		return errors.New("a response has no _meta")
	}
	var data []byte
	if text, ok := value.(string); ok {
		data = jsonrpc.AppendString(nil, text)
	} else {
		var err error
		if data, err = json.Marshal(value); err != nil {
			return fmt.Errorf("_meta %q: %w", key, err)
		}
	}
	return o.d.msg.setMeta(key, data)
}

// SetHeader sets an HTTP header of every request that carries the message, and of those that resume
// its stream. It fails for headers that the protocol defines, and with [ErrSent] after next was
// called.
func (o *Outgoing) SetHeader(name, value string) error {
	if o.d.begun {
		return ErrSent
	}
	values := []string{value}
	if err := streamablehttp.CheckHeader(http.Header{name: values}); err != nil {
		return err
	}
	if o.d.header == nil {
		o.d.header = make(http.Header, 2)
	}
	o.d.header[http.CanonicalHeaderKey(name)] = values
	return nil
}

// pager is a [list]: it turns the decoded page of a list into the page that the caller receives.
type pager interface {
	// publish returns the page that d.result holds. It writes to d.value if that is set.
	publish(d *delivery, fromServer bool) any
	// empty returns a new page.
	empty() any
}

// Result returns the decoded result that the caller will receive: a [*CallToolResult], a
// [*GetPromptResult], a [*ReadResourceResult], a [*CompleteResult], a *[Page], or a
// *json.RawMessage for [Session.Request] and the negotiation. It may be changed in place. It is nil
// as long as there is no result, and for messages without one.
func (o *Outgoing) Result() any {
	if !o.d.has {
		return nil
	}
	return o.d.value
}

// SetResult sets the result, before next was called, after it, or instead. result has the type that
// Result returns and is copied, or it is a json.RawMessage that is decoded as if the server had
// sent it. The result must be complete. It fails for messages without a result; the result is then
// unchanged.
func (o *Outgoing) SetResult(result any) error {
	d := o.d
	if d.value == nil && d.pager != nil {
		d.value = d.pager.empty()
	}
	if d.value == nil {
		return fmt.Errorf("%s has no result to set", d.msg.method)
	}
	if raw, ok := result.(json.RawMessage); ok {
		return d.decodeResult(raw)
	}
	to, from := reflect.ValueOf(d.value), reflect.ValueOf(result)
	if !from.IsValid() || from.Type() != to.Type() || from.IsNil() {
		return fmt.Errorf("result of %s: expected a %T or a json.RawMessage, got %T", d.msg.method, d.value, result)
	}
	to.Elem().Set(from.Elem())
	d.has = true
	return nil
}

// decodeResult decodes a result that an interceptor set.
func (d *delivery) decodeResult(raw json.RawMessage) error {
	value := reflect.ValueOf(d.value).Elem()
	before := reflect.New(value.Type()).Elem()
	before.Set(value)
	value.SetZero()
	var cursor jsonrpc.Cursor
	err := d.decode(&cursor, bytes.Clone(raw), d.result) // decoding changes its input
	if err == nil {
		cursor.End()
		err = cursor.Err()
	}
	if kind := d.result.Common().Kind; err == nil && !kind.IsComplete() {
		err = fmt.Errorf("it is not complete, its type is %q", string(kind))
	}
	if err != nil {
		value.Set(before)
		return fmt.Errorf("result of %s: %w", d.msg.method, err)
	}
	if d.pager != nil {
		d.pager.publish(d, false)
	}
	d.has = true
	return nil
}
