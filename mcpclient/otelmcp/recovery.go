package otelmcp

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// recovery wraps the replacement of a session. Many calls may wait for one recovery, so it is a child
// of none of them: it has a trace of its own, linked with their spans in both directions.
func (i *instruments) recovery(next mcpclient.RecoveryFunc) mcpclient.RecoveryFunc {
	return func(ctx context.Context, r *mcpclient.Recovery) error {
		ctx, span := i.tracer.Start(ctx, spanRecovery, asInternal, trace.WithAttributes(endpointAttributes(r.Endpoint)...))
		failure := otherError // unless next returns: it may panic
		defer func() {
			span.SetAttributes(keyReplaced.Bool(failure == ""))
			if failure != "" && failure != stillAlive {
				fail(span, failure)
			}
			span.End()
		}()
		r.OnWait(func(waiting context.Context) {
			call := trace.SpanFromContext(waiting)
			if !call.SpanContext().IsValid() {
				return
			}
			span.AddLink(trace.LinkFromContext(waiting))
			call.AddLink(trace.Link{SpanContext: span.SpanContext()})
		})
		err := next(ctx, r)
		switch {
		case err == nil:
			failure = ""
		case errors.Is(err, mcpclient.ErrSessionAlive):
			failure = stillAlive
		default:
			failure = endOfSession(err)
		}
		return err
	}
}

// stillAlive says that a recovery kept the old session.
const stillAlive = "alive"

// endOfSession returns the class of an error that is not about one message.
func endOfSession(err error) string {
	if code := rpcCode(err); code != "" {
		return code
	}
	return errorType(err)
}

// observe adds retries to the spans of their messages, and records the duration of sessions.
func (i *instruments) observe(ctx context.Context, e mcpclient.Event) {
	switch e := e.(type) {
	case mcpclient.Retrying:
		span := trace.SpanFromContext(ctx)
		if !span.IsRecording() {
			return
		}
		attrs := []attribute.KeyValue{keyTries.Int(e.Tries), keyReason.String(e.Reason), keyWait.Float64(e.Wait.Seconds())}
		if e.Cause != nil {
			attrs = append(attrs, keyErrorType.String(endOfSession(e.Cause)))
		}
		span.AddEvent(eventRetry, trace.WithAttributes(attrs...))
	case mcpclient.Closed:
		attrs := append(endpointAttributes(e.Endpoint), keyProtocol.String("http"))
		if e.ProtocolVersion != "" {
			attrs = append(attrs, keyVersion.String(e.ProtocolVersion))
		}
		if e.Err != nil {
			attrs = append(attrs, keyErrorType.String(endOfSession(e.Err)))
		}
		i.session.Record(ctx, e.Lived.Seconds(), metric.WithAttributes(attrs...))
	}
}
