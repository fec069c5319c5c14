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

// listenStream is one subscriptions/listen of a modern server (2026-07-28,
// "Subscriptions"), open once. It is the receiver of what comes on it.
type listenStream struct {
	s     *Session
	state *sessionState
	id    int64
	// acknowledged is told what the server agreed to, at most once.
	acknowledged func(honored Filter)
	// notified gets what comes after that.
	notified func(method string, params []byte)

	cancel    context.CancelCauseFunc
	patience  *time.Timer // until the acknowledgment, nil if there is no bound
	agreed    bool
	spoken    bool        // a notification came
	cancelled atomic.Bool // the server cancelled the subscription
}

// errCancelledByServer ends a stream whose subscription the server cancelled.
var errCancelledByServer = errors.New("cancelled by the server")

// open subscribes and reads the stream until it ends: nil if the server ended it in good order.
func (l *listenStream) open(parent context.Context, f Filter) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	l.cancel, l.agreed, l.spoken = cancel, false, false
	if limit := l.s.opts.Timeouts.Try; limit > 0 {
		l.patience = time.AfterFunc(limit, func() { cancel(&TimeoutError{What: TimeoutTry, After: limit}) })
		defer l.patience.Stop()
	}
	l.id = l.s.nextID()
	msg := message{method: methodListen, params: f.params(), id: l.id}
	req := streamablehttp.Request{ID: msg.id, Method: msg.method, Body: msg.encode(l.state, l.s.level.Load()), Cancel: cancel}
	err := l.s.conn.Call(ctx, l.state.http, &req, l)
	if err != nil && l.cancelled.Load() {
		return errCancelledByServer
	}
	return err
}

// DecodeResult implements streamablehttp.Receiver.
func (l *listenStream) DecodeResult(data []byte) (int, error) { return skipValue(data) }

// Event implements streamablehttp.Receiver.
func (l *listenStream) Event() {}

// Request implements streamablehttp.Receiver; modern servers send none.
func (l *listenStream) Request(string, []byte, []byte) error { return nil }

// Notification implements streamablehttp.Receiver. The acknowledgment comes
// first; progress and log messages never come here.
func (l *listenStream) Notification(method string, params []byte) {
	switch method {
	case methodProgress, methodLog:
		return
	case methodCancelled:
		if n, ok := idNumber(cancelledID(params)); ok && n == l.id {
			l.cancelled.Store(true)
			l.cancel(errCancelledByServer)
		}
		return
	}
	honored, subscription := readSubscription(params)
	if n, ok := idNumber(subscription); subscription != nil && (!ok || n != l.id) {
		l.s.log.Debug("notification of another subscription passed over", "method", method)
		return
	}
	switch {
	case method == methodAcknowledged && !l.agreed:
		if l.patience != nil {
			l.patience.Stop()
		}
		l.agreed = true
		l.acknowledged(honored)
	case method == methodAcknowledged:
	case !l.agreed:
		l.s.log.Debug("notification before the acknowledgment passed over", "method", method)
	default:
		l.spoken = true
		l.notified(method, params)
	}
}

// lost reports whether a stream that ended with err is worth opening again, in
// the same generation.
func lost(err error) bool {
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

// idNumber reads an id that is ours, so a number.
func idNumber(id []byte) (int64, bool) {
	if len(id) == 0 {
		return 0, false
	}
	cur := jsonrpc.NewCursor(id, 0)
	n := cur.Int64()
	return n, cur.Err() == nil
}

// readSubscription reads what a notification says of its subscription: its id,
// nil if it has none, and the filter of an acknowledgment.
func readSubscription(params []byte) (f Filter, id []byte) {
	r := wire.Reader{Cursor: jsonrpc.NewCursor(params, 0)}
	for key := range r.Members() {
		switch string(key) {
		case "_meta":
			id = subscriptionID(&r)
		case "notifications":
			f = readFilter(&r)
		default:
			r.Skip()
		}
	}
	if r.Err() != nil {
		return Filter{}, nil
	}
	return f, id
}

func subscriptionID(r *wire.Reader) (id []byte) {
	if r.TryNull() {
		return nil
	}
	for key := range r.Members() {
		if string(key) == mcp.MetaKeySubscriptionID {
			id = r.Skip()
		} else {
			r.Skip()
		}
	}
	return id
}

func readFilter(r *wire.Reader) (f Filter) {
	if r.TryNull() {
		return f
	}
	for key := range r.Members() {
		switch string(key) {
		case "toolsListChanged":
			f.ToolsChanged = r.OptBool()
		case "promptsListChanged":
			f.PromptsChanged = r.OptBool()
		case "resourcesListChanged":
			f.ResourcesChanged = r.OptBool()
		case "resourceSubscriptions":
			f.Resources = nil
			for range r.Elements() {
				f.Resources = append(f.Resources, r.String())
			}
		default:
			r.Skip()
		}
	}
	return f
}

// handlerStream is the subscription of a modern session's handlers: for the lists that they want to be told of.
type handlerStream struct {
	s     *Session
	ctx   context.Context // ends with the generation
	state *sessionState
}

// run opens the stream again and again, under backoff, until the server ends
// it in good order, refuses it, or the generation ends.
func (k *handlerStream) run() {
	var missed, opened bool
	stream := listenStream{s: k.s, state: k.state, notified: k.s.enqueueNotification}
	stream.acknowledged = func(Filter) {
		if opened = true; missed {
			missed = false
			k.s.enqueue(event{kind: eventMissed})
		}
	}
	for k.ctx.Err() == nil {
		wasOpen := opened
		start := k.s.watch.now()
		err := stream.open(k.ctx, k.s.opts.Handlers.filter())
		switch {
		case k.ctx.Err() != nil:
			return
		case err == nil, !lost(err) && k.s.unauthorized(err) == nil:
			k.s.log.Debug("the subscription of the handlers ended", "error", brief(err))
			if err == nil || wasOpen || !absent(err) {
				k.s.enqueue(event{kind: eventMissed, missed: MissedEvents{Ended: true}})
			} else {
				k.s.side.refuse(err)
			}
			return
		}
		missed = missed || stream.agreed
		pause := k.s.side.pause(stream.spoken, k.s.watch.now()-start, nil)
		k.s.log.Debug("the subscription of the handlers was lost", "error", brief(err), "pause", pause)
		if k.s.sleep(k.ctx, pause) != nil {
			return
		}
	}
}

// absent reports whether a refusal says that the server has no subscriptions at all.
func absent(err error) bool {
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
