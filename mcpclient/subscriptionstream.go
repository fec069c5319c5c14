package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// subscriptionStream is a subscriptions/listen request to a modern server (2026-07-28,
// "Subscriptions"), for the session's handlers or for a [Subscription]. A [streamReopener] keeps it
// open. It receives the messages of the stream.
type subscriptionStream struct {
	r      *streamReopener
	filter Filter
	// acknowledged is called with the part of the filter that the server agreed to, once each time
	// the stream is opened.
	acknowledged func(honored Filter)
	// notified is called for each later notification.
	notified func(method string, params []byte)
	origin   Origin // why the stream is opened

	opening  *opening // nil if there are no interceptors
	id       int64
	cancel   context.CancelCauseFunc
	timeout  *time.Timer // for the acknowledgment; nil if there is no timeout
	agreed   bool        // acknowledged
	canceled atomic.Bool // the server canceled the subscription
}

// errCancelledByServer ends a stream whose subscription the server canceled.
var errCancelledByServer = errors.New("cancelled by the server")

// open subscribes and reads the stream to its end. It returns nil if the server completed the
// subscription.
func (l *subscriptionStream) open(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	l.cancel, l.agreed = cancel, false
	req, ctx, err := l.request(parent, ctx)
	if err != nil {
		return err
	}
	if limit := l.r.s.opts.Timeouts.Try; limit > 0 {
		l.timeout = time.AfterFunc(limit, func() { cancel(&TimeoutError{What: TimeoutTry, After: limit}) })
		defer l.timeout.Stop()
	}
	err = l.r.s.conn.Call(ctx, l.r.state.http, req, l)
	if l.opening != nil {
		err = l.opening.end(err)
	}
	if err != nil && l.canceled.Load() {
		return errCancelledByServer
	}
	return err
}

// request returns the next request and its context. It is apart from open, because the variables of
// open take room on the stack of each stream for as long as the stream is open.
func (l *subscriptionStream) request(parent, ctx context.Context) (*streamablehttp.Request, context.Context, error) {
	s := l.r.s
	l.id, l.opening = s.nextID(), nil
	msg, header := message{method: methodListen, params: l.filter.params(), id: l.id}, http.Header(nil)
	if s.outgoing != nil {
		seen, o, err := l.announce(parent, ctx, msg)
		if err != nil {
			return nil, nil, err
		}
		ctx, l.opening, msg, header = seen, o, o.msg, o.header
	}
	return &streamablehttp.Request{
		ID: msg.id, Method: msg.method, Header: header, Body: msg.encode(l.r.state, s.level.Load()), Cancel: l.cancel,
	}, ctx, nil
}

// DecodeResult implements streamablehttp.Receiver.
func (l *subscriptionStream) DecodeResult(data []byte) (int, error) { return skipValue(data) }

// Event implements streamablehttp.Receiver.
func (l *subscriptionStream) Event() {}

// Request implements streamablehttp.Receiver. Modern servers send no requests.
func (l *subscriptionStream) Request(string, []byte, []byte) error { return nil }

// Notification implements streamablehttp.Receiver. The acknowledgment must arrive first. Progress
// and log messages do not belong on this stream and are ignored.
func (l *subscriptionStream) Notification(method string, params []byte) {
	switch method {
	case methodProgress, methodLog:
		return
	case methodCancelled:
		if n, ok := idNumber(cancelledID(params)); ok && n == l.id {
			l.canceled.Store(true)
			l.cancel(errCancelledByServer)
		}
		return
	}
	subscription := member(member(params, "_meta"), mcp.MetaKeySubscriptionID)
	if n, ok := idNumber(subscription); subscription != nil && (!ok || n != l.id) {
		l.r.s.log.Debug("ignored a notification of another subscription", "method", method)
		return
	}
	switch {
	case method == methodAcknowledged && !l.agreed:
		if l.timeout != nil {
			l.timeout.Stop()
		}
		l.agreed = true
		if l.opening != nil && !l.opening.agree() {
			return
		}
		l.acknowledged(readFilter(member(params, "notifications")))
	case method == methodAcknowledged:
	case !l.agreed:
		l.r.s.log.Debug("ignored a notification before the acknowledgment", "method", method)
	default:
		l.r.spoken = true
		l.notified(method, params)
	}
}

// retryable reports whether a stream that ended with err is worth opening again in the same
// generation. A refusal is retryable only if its status is transient.
func retryable(err error) bool {
	var (
		status *streamablehttp.HTTPError
		link   *transport.Error
	)
	switch {
	case errors.Is(err, transport.ErrClosed):
		return false
	case errors.As(err, &status):
		return httpstatus.Of(status.Status).Transient()
	}
	return errors.As(err, &link)
}

// unsupported reports whether a refusal says that the server has no subscriptions at all.
func unsupported(err error) bool {
	var (
		status   *streamablehttp.HTTPError
		rpc      *streamablehttp.RPCError
		protocol *streamablehttp.ProtocolError
	)
	switch {
	case errors.As(err, &status):
		class := httpstatus.Of(status.Status)
		return class == httpstatus.NotFound || class == httpstatus.Unsupported || status.Status == http.StatusBadRequest
	case errors.As(err, &rpc):
		return rpc.Code == CodeMethodNotFound
	}
	return errors.As(err, &protocol)
}

// idNumber decodes an ID that this client issued. Such an ID is a number.
func idNumber(id []byte) (int64, bool) {
	cur := jsonrpc.NewCursor(id, 0)
	n := cur.Int64()
	return n, cur.Err() == nil
}

// member returns a member of a JSON object as received. It returns nil if object is not an object
// or has no such member.
func member(object []byte, name string) (value []byte) {
	r := wire.Reader{Cursor: jsonrpc.NewCursor(object, 0)}
	for key := range r.Members() {
		if raw := r.Skip(); string(key) == name {
			value = raw
		}
	}
	if r.Err() != nil {
		return nil
	}
	return value
}

// readFilter decodes the filter of an acknowledgment. If it is malformed, the result is empty.
func readFilter(data []byte) (f Filter) {
	r := wire.Reader{Cursor: jsonrpc.NewCursor(data, 0)}
	for key := range r.Members() {
		switch string(key) {
		case "toolsListChanged":
			f.ToolsChanged = r.OptBool()
		case "promptsListChanged":
			f.PromptsChanged = r.OptBool()
		case "resourcesListChanged":
			f.ResourcesChanged = r.OptBool()
		case "resourceSubscriptions":
			f.Resources = r.OptStrings()
		default:
			r.Skip()
		}
	}
	if r.Err() != nil {
		return Filter{}
	}
	return f
}
